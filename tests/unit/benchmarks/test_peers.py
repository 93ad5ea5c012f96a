"""The engines written by hand serve in the order of arrival, and come to the same times."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.files import write_case
from benchmarks.measuring import ROOT
from benchmarks.peers import heap, simpy_events, simpy_processes
from benchmarks.workloads import Case, dag, flows, plain_channels, plain_queues, plain_workload, ring
from simgpu.simulation.workload import COMPUTE, MOVE, Resources, follower_arrays, ints

ENGINES = [heap, simpy_events, simpy_processes]


def relay() -> Case:
    """An operation of 100 ps, then two moves of 10 B, over a link of 1 B/ps and 3 ps of latency and one of 0.5 B/ps."""
    resources = Resources(
        **plain_queues(1),
        **plain_channels(ints(10**12, 5 * 10**11), ints(3, 0)),
        route_starts=ints(0, 2),
        route_channels=ints(0, 1),
        route_latency_ps=ints(3),
    )
    workload = plain_workload(
        resources,
        kind=ints(COMPUTE, MOVE, MOVE),
        amount=ints(100, 10, 10),
        where=ints(0, 0, 0),
        order=follower_arrays(3, ints(0, 0), ints(1, 2)),
    )
    return Case(workload, ints(0), ints(1))


@pytest.mark.parametrize("engine", ENGINES)
def test_moves_go_over_one_link_after_the_other_and_wait_for_those_before_them(engine):
    assert engine.run(relay().workload) == [100, 100 + 13 + 20, 100 + 13 + 20 + 20]


@pytest.mark.parametrize("case", [dag(700, seed=3), ring(9), flows(9, seed=3)], ids=["dag", "ring", "flows"])
def test_all_come_to_the_same_times(case):
    loop = heap.run(case.workload)

    assert [engine.run(case.workload) for engine in ENGINES] == [loop] * len(ENGINES)
    assert min(loop) > 0


def test_a_process_of_its_own_tells_what_came_out_and_what_it_cost(tmp_path):
    case = dag(700)
    write_case(case, tmp_path / "work")
    command = [sys.executable, "-m", "benchmarks.peers", "heap", "fifo", tmp_path / "work"]
    told = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    ends_ps = np.array(heap.run(case.workload))

    assert told.pop("makespan_s") == ends_ps.max() / 1e12
    assert told.pop("mean_end_s") == ends_ps.mean() / 1e12
    assert 0 < told["cpu_s"] < told["process_cpu_s"]
    assert 0 < told["before_bytes"] <= told["peak_bytes"]
