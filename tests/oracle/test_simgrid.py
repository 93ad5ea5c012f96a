"""SimGrid, given the same work, comes to the same times with its max-min sharing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.files import write_case
from benchmarks.peers import simgrid
from benchmarks.workloads import Case, dag, flows, ring
from simgpu.simulation import run

pytestmark = pytest.mark.slow  # it compiles a program

Ask = Callable[[Case], dict]


@pytest.fixture(scope="module")
def ask_simgrid(tmp_path_factory) -> Ask:
    if not simgrid.is_installed():
        pytest.skip("SimGrid is not installed: apt-get install g++ libboost-dev libsimgrid-dev")
    directory: Path = tmp_path_factory.mktemp("simgrid")
    command = simgrid.build(directory)

    def ask(case: Case) -> dict:
        write_case(case, directory / "work")
        return json.loads(subprocess.run([*command, directory / "work"], capture_output=True, check=True).stdout)

    return ask


def test_the_ring_takes_what_its_closed_form_says(ask_simgrid):
    assert ask_simgrid(ring(16))["makespan_s"] == pytest.approx(2 * 15 * (5e-6 + 1e9 / 16 / 50e9), rel=1e-12)


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
@pytest.mark.parametrize(
    "case",
    [dag(2_000, seed=2), dag(400, width=40, devices=3, seed=5), ring(16), flows(12, seed=2)],
    ids=["dag", "busy dag", "ring", "flows"],
)
def test_fair_links_share_as_simgrid_does(ask_simgrid, case, engine):
    if engine == "compiled":
        pytest.importorskip("numba", reason="numba is not installed: pip install 'simgpu[fast]'")
    told = ask_simgrid(case)
    ends_ps = run(case.workload, links="fair", engine=engine).end_ps

    assert ends_ps.max() / 1e12 == pytest.approx(told["makespan_s"], rel=1e-9)
    assert ends_ps.mean() / 1e12 == pytest.approx(told["mean_end_s"], rel=1e-9)
