"""Engines side by side: the same work, read from the same file, by a process for each run.

What counts is the CPU time, of the user and the system, from the arrays in memory to the last end: what an engine makes
for itself (SimGrid its platform and activities, the loops their lists) is its own affair, reading the file is not.
Engines take turns, since a machine's speed changes when others use it too. Those that share links by the same rule
must come to the same makespan and the same mean end of tasks.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import process_time
from typing import Any

from benchmarks.files import write_case
from benchmarks.measuring import ROOT, Figure
from benchmarks.peers import simgrid
from benchmarks.workloads import CASES, Case, dag

TOLERANCE = 1e-9
PATIENCE_S = 10.0
"""An engine that has needed more than this for one kind of work has no further turns at it."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A way to run work: what to call it, its rule for links, and the command, to which the file is added."""

    name: str
    links: str
    command: tuple[str, ...]


def engines(directory: Path) -> list[Engine]:
    """Return what can run here, by rule for links; the first of a rule is the one to which others must agree."""
    found = [Engine("SimGrid", "fair", simgrid.build(directory))] if simgrid.is_installed() else []
    for links in ("fair", "fifo"):
        if links == "fifo":
            found.append(_python("Python loop over a heap", "heap", links))
            found.append(_python("SimPy, bare timeouts", "simpy_events", links))
            found.append(_python("SimPy, a process per task", "simpy_processes", links))
        if find_spec("numba"):
            found.append(_python("simgpu, compiled", "compiled", links))
        found.append(_python("simgpu, simpy", "simpy", links))
    return found


def _python(name: str, engine: str, links: str) -> Engine:
    return Engine(name, links, (sys.executable, "-m", "benchmarks.peers", engine, links))


def peers() -> Iterator[Figure]:
    """Measure all engines at the three kinds of work."""
    with tempfile.TemporaryDirectory() as directory:
        contestants = engines(Path(directory))
        for name, make in CASES.items():
            yield from compare(name, make, contestants, turns=5)


def scaling() -> Iterator[Figure]:
    """Measure simgpu's engines, and SimGrid, at graphs of 10,000 to 1,000,000 operations, with `fair` links."""
    with tempfile.TemporaryDirectory() as directory:
        contestants = [it for it in engines(Path(directory)) if it.links == "fair"]
        for operations in (10_000, 100_000, 1_000_000):
            yield from compare(f"dag of {operations:,}", partial(dag, operations), contestants, turns=3)


def compare(case: str, make: Callable[[], Case], contestants: Sequence[Engine], *, turns: int) -> Iterator[Figure]:
    """Yield how long it took to make the work, and one figure for each engine."""
    start_s = process_time()
    made = make()
    yield Figure(f"{case}: make {len(made.workload):,} tasks", process_time() - start_s, "CPU s")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "work"
        write_case(made, path)
        results = take_turns(contestants, path, turns)
    first = {engine.links: results[engine][0] for engine in reversed(contestants)}
    for engine, runs in results.items():
        yield _figure(case, engine, runs, difference(runs[0], first[engine.links]))


def take_turns(contestants: Iterable[Engine], path: Path, turns: int) -> dict[Engine, list[dict[str, Any]]]:
    """Run each engine once, then each again, and so on."""
    results: dict[Engine, list[dict[str, Any]]] = {engine: [] for engine in contestants}
    for _ in range(turns):
        for engine, runs in results.items():
            if sum(run["cpu_s"] for run in runs) < PATIENCE_S:
                done = subprocess.run([*engine.command, path], cwd=ROOT, stdout=subprocess.PIPE, check=True)
                runs.append(json.loads(done.stdout))
    return results


def difference(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return by how much two results differ, relative to the second."""
    return max(abs(float(one[what] / other[what]) - 1) for what in ("makespan_s", "mean_end_s"))


def _figure(case: str, engine: Engine, runs: Sequence[dict[str, Any]], differs_by: float) -> Figure:
    details: dict[str, Any] = {
        "engine": engine.name,
        "links": engine.links,
        "case": case,
        "runs": [round(run["cpu_s"], 6) for run in runs],
    }
    for what in ("process_cpu_s", "loop_cpu_s", "before_bytes", "peak_bytes"):
        if what in runs[0]:
            details[what] = statistics.median(run[what] for run in runs)
    details |= {what: runs[0][what] for what in ("makespan_s", "mean_end_s", "version") if what in runs[0]}
    details |= {"differs_by": differs_by, "agrees": differs_by <= TOLERANCE}
    median_s = statistics.median(run["cpu_s"] for run in runs)
    return Figure(f"{case}: {engine.name}, {engine.links} links", median_s, "CPU s", details)
