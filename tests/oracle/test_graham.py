"""List scheduling against R. L. Graham, Bounds on Multiprocessing Timing Anomalies, 1969: his example and bounds."""

from __future__ import annotations

from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis import given

from simgpu.simulation import run
from tests.engines import each_engine
from tests.unit.simulation.sketches import Sketch

TIMES = (3, 2, 2, 2, 4, 4, 4, 4, 9)
ORDER = ((1, 9), (4, 5), (4, 6), (4, 7), (4, 8))
LIST = tuple(range(1, 10))
ANOMALIES = {
    "as it is": (3, TIMES, ORDER, LIST, 12),
    "one processor more": (4, TIMES, ORDER, LIST, 15),
    "all tasks shorter": (3, tuple(time - 1 for time in TIMES), ORDER, LIST, 13),
    "less to wait for": (3, TIMES, tuple(pair for pair in ORDER if pair not in {(4, 5), (4, 6)}), LIST, 16),
    "another list": (3, TIMES, ORDER, (1, 2, 4, 5, 6, 3, 9, 7, 8), 14),
}


def makespan(processors, times, order, priority, engine):
    """Schedule tasks 1, 2, …: a processor that is free takes the first of the list that may start."""
    sketch = Sketch()
    queue = sketch.queue(processors)
    for number, time_ps in enumerate(times, 1):
        sketch.compute(queue, time_ps, rank=priority.index(number))
    for before, after in order:
        sketch.follow(before - 1, after - 1)
    return run(sketch.workload(), engine=engine).makespan_ps


@each_engine
@pytest.mark.parametrize("anomaly", ANOMALIES)
def test_what_should_help_makes_it_longer_by_just_as_much(anomaly, engine):
    *example, expected_ps = ANOMALIES[anomaly]

    assert makespan(*example, engine) == expected_ps


@st.composite
def examples(draw):
    times = draw(st.lists(st.integers(1, 9), min_size=1, max_size=12))
    numbers = st.integers(1, len(times))
    pairs = draw(st.lists(st.tuples(numbers, numbers).map(sorted).map(tuple), max_size=12))
    order = [(before, after) for before, after in pairs if before != after]
    return draw(st.integers(1, 4)), times, order, draw(st.permutations(range(1, len(times) + 1)))


def longest_chain(times, order):
    ends = []
    for number, time_ps in enumerate(times, 1):
        ends.append(time_ps + max((ends[before - 1] for before, after in order if after == number), default=0))
    return max(ends)


@each_engine
@given(examples())
def test_no_list_takes_longer_than_its_bound(engine, example):
    processors, times, order, _ = example
    chain_ps = longest_chain(times, order)
    bound_ps = Fraction(sum(times) + (processors - 1) * chain_ps, processors)

    assert max(chain_ps, Fraction(sum(times), processors)) <= makespan(*example, engine) <= bound_ps


@each_engine
@pytest.mark.parametrize("processors", [1, 2, 3, 7])
def test_the_bound_of_two_is_reached(processors, engine):
    short = processors * (processors - 1)
    times = [1] * short + [processors]

    assert makespan(processors, times, (), list(range(1, short + 2)), engine) == 2 * processors - 1
    assert makespan(processors, times, (), [short + 1, *range(1, short + 1)], engine) == processors
