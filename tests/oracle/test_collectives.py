"""Collectives and pipelines against their closed forms.

S bytes, B bytes/s, n nodes, latency a for each step. (R. Thakur, R. Rabenseifner, W. Gropp, Optimization of Collective
Communication Operations in MPICH, 2005, for the collectives; Y. Huang et al., GPipe, 2019, for the pipeline; D.
Narayanan et al., Memory-Efficient Pipeline-Parallel DNN Training, 2021, for one forward, one backward.)
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import pytest

from simgpu.simulation import Timeline, Workload, run
from simgpu.units import PS_PER_S, PS_PER_US
from tests.engines import COMPILED, each_engine
from tests.oracle.collectives import Tier, halving_doubling, hierarchical, ring_all_reduce, tree
from tests.unit.simulation.sketches import Sketch

FAST, SLOW = Tier(50 * 10**9, 5 * PS_PER_US), Tier(3 * 10**9, 11 * PS_PER_US)
SIZE = 10**9
TOLERANCE = 1e-7


def ps(size_bytes: int | Fraction, tier: Tier) -> Fraction:
    return Fraction(size_bytes) * PS_PER_S / tier.per_s


def off(workload: Workload, expected_ps: Fraction, engine: str) -> float:
    """Return how far a workload is from taking so long, relative to it."""
    return float(abs(run(workload, engine=engine).makespan_ps / expected_ps - 1))


RINGS = [
    *(pytest.param("simpy", nodes) for nodes in (2, 3, 4, 7, 8, 16, 33, 64, 128)),
    *(pytest.param("simpy", nodes, marks=pytest.mark.slow) for nodes in (256, 512, 1024)),
    *(pytest.param("compiled", nodes, marks=COMPILED) for nodes in (2, 3, 4, 7, 8, 16, 33, 64, 128, 256, 512, 1024)),
]


@pytest.mark.parametrize(("engine", "nodes"), RINGS)
def test_a_ring_all_reduce(nodes, engine):
    part = SIZE // nodes
    expected_ps = 2 * (nodes - 1) * FAST.latency_ps + Fraction(2 * (nodes - 1), nodes) * ps(part * nodes, FAST)

    assert off(ring_all_reduce(nodes, part, FAST), expected_ps, engine) < TOLERANCE


@each_engine
@pytest.mark.parametrize("levels", [1, 2, 3, 6, 8])
def test_an_all_reduce_by_halving_and_doubling(levels, engine):
    nodes, size = 2**levels, 2**30
    expected_ps = 2 * levels * SLOW.latency_ps + Fraction(2 * (nodes - 1), nodes) * ps(size, SLOW)

    assert off(halving_doubling(nodes, size, SLOW), expected_ps, engine) < TOLERANCE


@each_engine
@pytest.mark.parametrize("levels", [1, 2, 3, 6, 10])
def test_an_all_reduce_over_a_tree(levels, engine):
    expected_ps = 2 * levels * (SLOW.latency_ps + ps(SIZE, SLOW))

    assert off(tree(2**levels, SIZE, SLOW), expected_ps, engine) < TOLERANCE


@each_engine
@pytest.mark.parametrize(("group", "groups"), [(2, 2), (4, 3), (8, 4), (3, 8)])
def test_an_all_reduce_in_two_tiers(group, groups, engine):
    size = 10**6 * group * groups
    steps_ps = 2 * (group - 1) * FAST.latency_ps + 2 * (groups - 1) * SLOW.latency_ps
    inside_ps = Fraction(2 * (group - 1), group) * ps(size, FAST)
    across_ps = Fraction(2 * (groups - 1), groups) * ps(Fraction(size, group), SLOW)
    workload = hierarchical(group, groups, size // group, FAST, SLOW)

    assert off(workload, steps_ps + inside_ps + across_ps, engine) < TOLERANCE


def parameter_server(workers: int, servers: int, worker: Tier, server: Tier, part_bytes: int) -> Workload:
    """Push a part to each server from each worker at once; when a server has all of its part, pull it."""
    sketch = Sketch()
    ports = [
        [[sketch.channel(tier.per_s) for _ in range(count)] for _ in ("out", "in")]
        for tier, count in ((worker, workers), (server, servers))
    ]
    (worker_out, worker_in), (server_out, server_in) = ports
    for there in range(servers):
        pushes = [sketch.move(sketch.route(out, server_in[there]), part_bytes) for out in worker_out]
        for into in worker_in:
            sketch.move(sketch.route(server_out[there], into), part_bytes, after=pushes)
    return sketch.workload()


@each_engine
@pytest.mark.parametrize("servers", [1, 2, 6])
@pytest.mark.parametrize("workers", [1, 3, 8])
def test_parameter_servers_are_bound_by_the_workers_or_by_themselves(workers, servers, engine):
    part, server = 12 * 10**6, Tier(7 * 10**9)
    bounds_ps = 2 * ps(part * servers, SLOW), 2 * ps(part * workers, server)

    assert off(parameter_server(workers, servers, SLOW, server, part), max(bounds_ps), engine) < TOLERANCE


def pipeline(stages: Sequence[int], microbatches: int) -> Workload:
    """Return a pipeline of stages, each of which takes so many picoseconds for a microbatch."""
    sketch = Sketch()
    queues = [sketch.queue() for _ in stages]
    for _ in range(microbatches):
        before: list[int] = []
        for queue, stage_ps in zip(queues, stages, strict=True):
            before = [sketch.compute(queue, stage_ps, after=before)]
    return sketch.workload()


@each_engine
@pytest.mark.parametrize("stages", [1, 2, 4, 8])
@pytest.mark.parametrize("microbatches", [1, 3, 32])
def test_the_bubble_of_a_pipeline_is_what_its_filling_and_draining_take(stages, microbatches, engine):
    busy_ps = microbatches * 1000
    makespan_ps = run(pipeline([1000] * stages, microbatches), engine=engine).makespan_ps

    assert 1 - Fraction(busy_ps, makespan_ps) == Fraction(stages - 1, microbatches + stages - 1)


@each_engine
@pytest.mark.parametrize("stages", [[7], [1, 5, 2], [9, 1, 1, 1], [1, 1, 1, 9], [3, 8, 8, 2, 5]], ids=str)
@pytest.mark.parametrize("microbatches", [1, 2, 17])
def test_a_pipeline_of_uneven_stages_goes_at_the_pace_of_the_slowest(stages, microbatches, engine):
    makespan_ps = run(pipeline(stages, microbatches), engine=engine).makespan_ps

    assert makespan_ps == sum(stages) + (microbatches - 1) * max(stages)


def training(orders: Sequence[Sequence[tuple[str, int]]], microbatches: int) -> Workload:
    """Return forward and backward passes, (way, microbatch), each stage in a given order; a forward takes 100 ps."""
    sketch = Sketch()
    queues = [sketch.queue() for _ in orders]
    number = {
        (way, stage, batch): sketch.compute(queues[stage], {"F": 100, "B": 200}[way])
        for stage in range(len(orders))
        for batch in range(microbatches)
        for way in "FB"
    }
    for stage, order in enumerate(orders):
        for (way, batch), (next_way, next_batch) in pairwise(order):
            sketch.follow(number[way, stage, batch], number[next_way, stage, next_batch])
    for batch in range(microbatches):
        along = [("F", stage) for stage in range(len(orders))] + [
            ("B", stage) for stage in reversed(range(len(orders)))
        ]
        for (way, stage), (next_way, next_stage) in pairwise(along):
            sketch.follow(number[way, stage, batch], number[next_way, next_stage, batch])
    return sketch.workload()


def gpipe(stages: int, microbatches: int) -> list[list[tuple[str, int]]]:
    return [[(way, batch) for way in "FB" for batch in range(microbatches)] for _ in range(stages)]


def one_forward_one_backward(stages: int, microbatches: int) -> list[list[tuple[str, int]]]:
    orders = []
    for stage in range(stages):
        ahead = min(microbatches, stages - stage)
        turns = [(("B", batch), ("F", batch + ahead)) for batch in range(microbatches)]
        order = [("F", batch) for batch in range(ahead)] + [it for pair in turns for it in pair]
        orders.append([(way, batch) for way, batch in order if batch < microbatches])
    return orders


def most_in_flight(timeline: Timeline, stage: int, microbatches: int) -> int:
    """Return the most microbatches that have gone forward through a stage, or begun to, and not yet back."""
    forward = range(2 * stage * microbatches, 2 * (stage + 1) * microbatches, 2)
    begun, done = timeline.start_ps[forward], timeline.end_ps[[number + 1 for number in forward]]
    return max(int(((begun <= now) & (now < done)).sum()) for now in begun)


@each_engine
@pytest.mark.parametrize(("stages", "microbatches"), [(1, 3), (2, 2), (4, 3), (4, 8), (8, 16)])
def test_one_forward_one_backward_has_the_bubble_of_gpipe_and_fewer_microbatches_in_flight(
    stages, microbatches, engine
):
    alike = range(stages)
    for orders, in_flight in (
        (gpipe(stages, microbatches), [microbatches for _ in alike]),
        (one_forward_one_backward(stages, microbatches), [min(microbatches, stages - stage) for stage in alike]),
    ):
        timeline = run(training(orders, microbatches), engine=engine)

        assert timeline.makespan_ps == (microbatches + stages - 1) * (100 + 200)
        assert [most_in_flight(timeline, stage, microbatches) for stage in alike] == in_flight
