"""The work that engines are compared at is what its description says, and stays so."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from benchmarks.files import OF_CASE, OF_RESOURCES, OF_WORKLOAD, read_case, write_case
from benchmarks.peers import heap
from benchmarks.tables import TITLES
from benchmarks.workloads import CASES, Case, dag, flows, ring
from simgpu.errors import InvalidValue
from simgpu.simulation.workload import COMPUTE, MOVE

SMALL = {"dag": lambda: dag(230, width=20), "ring": lambda: ring(6), "flows": lambda: flows(5)}


def contents(case: Case) -> dict[str, list[int]]:
    owners = [(case.workload, OF_WORKLOAD), (case.workload.resources, OF_RESOURCES), (case, OF_CASE)]
    return {name: getattr(owner, name).tolist() for owner, names in owners for name in names}


def predecessors(case: Case) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(len(case.workload))]
    for task in range(len(case.workload)):
        for follower in case.workload.followers_of(task):
            found[follower].append(task)
    return found


@pytest.mark.parametrize("make", [dag, flows])
def test_the_same_seed_gives_the_same_work_and_another_gives_other_work(make):
    assert contents(make(30, seed=5)) == contents(make(30, seed=5))
    assert contents(make(30, seed=5)) != contents(make(30, seed=6))


def test_the_work_has_the_sizes_that_the_table_names():
    work = {name: make().workload for name, make in CASES.items()}
    counts = {name: (np.sum(it.kind == COMPUTE), np.sum(it.kind == MOVE)) for name, it in work.items()}

    assert counts == {"dag": (100_000, 174_898), "ring": (0, 523_264), "flows": (0, 4_032)}
    assert all(f"{counts[name][1]:,}" in title for name, title in TITLES.items())


def test_an_operation_has_two_parents_in_the_layer_before_it():
    case = dag(230, width=20)
    before = predecessors(case)
    parents = [
        {before[it][0] if it >= 230 else it for it in before[task]} - {_previous_on_device(case, task)}
        for task in range(230)
    ]

    assert all(not it for it in parents[:20])
    assert all(1 <= len(parents[task]) <= 2 for task in range(20, 230))  # one: the other is the device's last
    assert all(it // 20 == task // 20 - 1 for task in range(230) for it in parents[task])


def _previous_on_device(case: Case, operation: int) -> int:
    where = case.workload.where[:operation]
    return max(np.flatnonzero(where == case.workload.where[operation]), default=-1)


def test_a_device_runs_its_operations_in_the_order_of_their_numbers():
    case = dag(230, width=20)
    before = predecessors(case)

    assert all(_previous_on_device(case, it) in {-1, *before[it]} for it in range(230))


def test_a_move_takes_the_private_link_from_its_parents_device_to_that_of_its_child():
    case = dag(230, width=20)
    work, before = case.workload, predecessors(case)
    moves = range(230, len(work))
    ends = [(work.where[before[it][0]], work.where[work.followers_of(it)[0]]) for it in moves]
    route = work.where[230:]

    assert [len(before[it]) + len(work.followers_of(it)) for it in moves] == [2] * len(moves)
    assert list(zip(case.route_from[route], case.route_to[route], strict=True)) == ends
    assert contents(case)["route_channels"] == list(range(56))


def test_the_ring_takes_what_its_closed_form_says():
    steps, step_ps = 2 * (8 - 1), 5_000_000 + 10**9 // 8 * 20
    ends_ps = heap.run(ring(8).workload)

    assert sorted(ends_ps) == sorted(step * step_ps for step in range(1, steps + 1) for _ in range(8))


def test_there_is_a_flow_for_each_pair_of_hosts_through_their_ports():
    case = flows(4)
    ports = case.workload.resources.route_channels.reshape(-1, 2).tolist()
    pairs = [[source, target] for source in range(4) for target in range(4) if source != target]

    assert ports == [[source, 4 + target] for source, target in pairs]
    assert np.stack([case.route_from, case.route_to], axis=1).tolist() == pairs
    assert Counter(case.workload.where.tolist()) == Counter(range(12))


@pytest.mark.parametrize("name", SMALL)
def test_work_is_read_from_a_file_as_it_was_written(name, tmp_path):
    case = SMALL[name]()
    write_case(case, tmp_path / "work")

    assert contents(read_case(tmp_path / "work")) == contents(case)


def test_a_file_of_something_else_is_refused(tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"sixteen bytes...")

    with pytest.raises(InvalidValue, match=r"other is not a file of work; write one with"):
        read_case(other)
