"""Parts of the compiled engine by themselves: how it sorts, what its calendar keeps, and how it shares channels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simgpu.simulation.maxmin import max_min_rates
from tests.engines import REASON
from tests.unit.simulation.sketches import Sketch

if REASON is not None:
    pytest.skip(REASON, allow_module_level=True)

from simgpu.simulation.compiled.calendar import remove, schedule, unschedule
from simgpu.simulation.compiled.flows import begin_flow
from simgpu.simulation.compiled.memory import Memory
from simgpu.simulation.compiled.rates import solve_component
from simgpu.simulation.compiled.sorting import sort

NUMBERS = st.lists(st.integers(-9, 9), max_size=12)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_numbers_are_sorted_from_a_place_on_and_those_around_them_left_alone(before, numbers, behind):
    given_numbers = np.array([*before, *numbers, *behind], np.int32)
    sort(given_numbers, len(before), len(numbers), np.zeros(len(numbers), np.int32))

    assert given_numbers.tolist() == [*before, *sorted(numbers), *behind]


class Calendar:
    """The calendar of a run of delays, which are never begun."""

    def __init__(self, nodes):
        sketch = Sketch()
        for _ in range(nodes):
            sketch.delay(1)
        self.memory = Memory(sketch.workload(), links="fair", launch="async")
        self.arrays = self.memory._arrays

    def schedule(self, node, when_ps):
        schedule(self.memory.run, node, when_ps)

    def unschedule(self, node):
        unschedule(self.memory.run, node)

    def next(self):
        """Return the earliest time, and who is due then in one of its buckets, which is removed."""
        due = self.arrays["heap"][0]
        first = node = int(self.arrays["buckets"]["first"][due["bucket"]])
        nodes = []
        while node != first or not nodes:
            nodes.append(node)
            node = int(self.arrays["nodes"]["next"][node])
        when_ps = int(due["ps"])
        remove(self.memory.run, int(due["bucket"]))
        return when_ps, nodes

    def rest(self):
        """Return what is left, as (time, node), in the order in which it comes."""
        left = []
        while self.memory.run["bucket_count"]:
            when_ps, nodes = self.next()
            left += [(when_ps, node) for node in nodes]
        return left


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=25))
def test_a_calendar_gives_back_what_is_scheduled_and_not_taken_out_again_by_times(given_nodes):
    calendar = Calendar(len(given_nodes))
    for node, (when_ps, _) in enumerate(given_nodes):
        calendar.schedule(node, when_ps)
    for node, (_, is_taken_out) in enumerate(given_nodes):
        if is_taken_out:
            calendar.unschedule(node)
    rest = calendar.rest()

    assert [when_ps for when_ps, _ in rest] == sorted(when_ps for when_ps, _ in rest)
    assert sorted(rest) == sorted((it[0], node) for node, it in enumerate(given_nodes) if not it[1])


def test_what_is_scheduled_for_one_time_is_in_one_bucket():
    calendar = Calendar(3)
    for node in (2, 0, 1):
        calendar.schedule(node, 7)

    assert calendar.next() == (7, [2, 0, 1])


def test_a_time_beyond_the_limit_ends_the_run():
    calendar = Calendar(1)
    calendar.schedule(0, 2**61)

    assert (int(calendar.memory.run["is_beyond"]), int(calendar.memory.run["bucket_count"])) == (1, 0)


@settings(max_examples=50)
@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=4),
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=3), min_size=1, max_size=6),
)
def test_a_component_is_shared_as_the_other_engine_shares_it(per_s, routes):
    routes = [[channel % len(per_s) for channel in route] for route in routes]
    sketch = Sketch()
    channels = [sketch.channel(each) for each in per_s]
    for route in routes:
        sketch.move(sketch.route(*(channels[it] for it in route)), 1)
    memory = Memory(sketch.workload(), links="fair", launch="async")
    for task in range(len(routes)):
        begin_flow(memory.run, task, 1, task, 0)
    expected = max_min_rates(routes, dict(enumerate(map(float, per_s))))
    memory.run["solution"] = 1
    for number in range(len(routes)):
        if memory._arrays["seen"][number] != 1:
            solve_component(memory.run, number)

    assert memory._arrays["new_rate_per_s"].tolist() == expected
