"""Rules of a workload that a machine of the catalog does not come to."""

import pytest

from simgpu.errors import InvalidValue
from simgpu.simulation import NONE, run
from simgpu.units import PS_PER_S
from tests.unit.simulation.workloads import compute, delay, machine, move, workload

S = PS_PER_S
PER_S = 10**12  # a byte takes a picosecond


def ends(work, links="fair"):
    return run(work, links=links).end_ps.tolist()


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_a_route_without_channels_takes_its_latency_and_the_time_of_the_bytes_at_their_own_limit(links):
    tasks = move(9), move(9, rate_cap=PER_S // 2), delay(0)
    timeline = run(workload(*tasks, after={2: [0]}, routes=[[]], route_latency_ps=[7]), links=links)

    assert timeline.start_ps.tolist() == [0, 0, 7]
    assert timeline.end_ps.tolist() == [7, 7 + 18, 7]


@pytest.mark.parametrize(("links", "end_ps"), [("fair", 18), ("fifo", 18)])
def test_a_route_that_passes_a_channel_twice_uses_it_twice(links, end_ps):
    assert ends(workload(move(9), channels=[PER_S], routes=[[0, 0]]), links) == [end_ps]


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_the_speed_of_a_card_changes_at_once_whatever_the_policy_of_links(links):
    change = {"change_ps": [10], "change_channel": [0], "change_per_s": [PER_S // 2]}

    assert ends(workload(compute(30), queues=[{"card": 0}], channels=[PER_S], **change), links) == [10 + 2 * 20]


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_of_several_changes_at_one_time_the_last_one_given_holds(links):
    changes = {"change_ps": [5, 0, 0, 0], "change_channel": [0] * 4, "change_per_s": [1, PER_S, 3, PER_S // 2]}

    assert ends(workload(move(2), channels=[PER_S], routes=[[0]], **changes), links) == [4]


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        (move(1, NONE, out_gate=0), "task 0 has gates, which only a MOVE on a route has"),
        (delay(1, in_gate=1), "task 0 has gates, which only a MOVE on a route has"),
        (compute(1, out_gate=1), "task 0 has gates, which only a MOVE on a route has"),
        (move(1, out_gate=1, in_gate=1), "task 0 has one gate for out_gate and in_gate"),
        ({**delay(1), "kind": 3}, "kind must lie in 0..2, not in 3..3"),
    ],
)
def test_a_task_that_cannot_be_meant_is_refused(task, problem):
    with pytest.raises(InvalidValue, match=problem):
        workload(task, queues=[{}], routes=[[]], gate_places=[1, 1])


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        ({"queues": [{}, {"pool": 0, "card": 0}], "channels": [1], "pool_threads": [1]}, "queue 1 has both a pool and"),
        ({"route_latency_ps": [1]}, "route_starts must have 2 entries, from 0 up to 0"),
        ({"channels": [1], "routes": [[0], [0]], "route_starts": [0, 3, 2]}, "none less than the one before it"),
    ],
)
def test_resources_that_cannot_be_meant_are_refused(resources, problem):
    with pytest.raises(InvalidValue, match=problem):
        machine(**resources)
