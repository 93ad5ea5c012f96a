"""Graphs of up to a million operations, from their building to their trace: CPU time, and memory of the process.

`python -m benchmarks.million OPERATIONS` measures one, in this process, and prints what it took.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from time import process_time
from typing import Any

from benchmarks.measuring import ROOT, Figure, resident_bytes
from simgpu.graph import Graph, GraphBuilder, TensorSpec
from simgpu.placement import place
from simgpu.simulation import simulate
from simgpu.units import PS_PER_US

BOX = "hgx-h100-8"
_GPUS = 8
_TOGETHER = 10


def chains(operations: int) -> Graph:
    """Return eight chains of operations of given durations, in which a tensor moves to the next GPU after each tenth.

    There are as many transfers as tenths of operations, and eight inputs and results.
    """
    builder, spec = GraphBuilder(), TensorSpec((1024,), "float32")
    ends = [builder.add("Input", outputs=[spec], name=f"input{number}")[0] for number in range(_GPUS)]
    for number in range(operations):
        chain, turn = number % _GPUS, number // (_GPUS * _TOGETHER)
        (ends[chain],) = builder.add(
            "Profiled",
            [ends[chain]],
            outputs=[spec],
            attributes={"outputs": (spec,), "duration_ps": PS_PER_US + number},
            device=f"/gpu:{(chain + turn) % _GPUS}",
        )
    builder.fetch(*ends)
    return builder.build()


def measured(operations: int) -> dict[str, Any]:
    """Build, place and simulate; return the CPU seconds of each, and the most memory that this process ever held."""
    took: dict[str, Any] = {"operations": operations}
    graph = _timed(took, "build", partial(chains, operations))
    placement = _timed(took, "place", partial(place, graph, BOX))
    trace = _timed(took, "simulate", partial(simulate, placement))
    _timed(took, "makespan and peaks", lambda: (trace.makespan_ps, [*map(trace.peak_bytes, range(_GPUS + 1))]))
    return took | {"spans": len(trace.spans), "peak_bytes": resident_bytes("VmHWM")}


def _timed(took: dict[str, Any], what: str, work: Callable[[], Any]) -> Any:
    start = process_time()
    result = work()
    took[what] = process_time() - start
    return result


def in_a_process(operations: int) -> dict[str, Any]:
    """Return what `measured` tells, of a process of its own."""
    command = [sys.executable, "-m", "benchmarks.million", str(operations)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def make_engine() -> None:
    """Make the machine code of the compiled engine, where there is a Numba, so that no run is measured making it."""
    if find_spec("numba"):
        subprocess.run([sys.executable, "-m", "simgpu.simulation.compiled"], cwd=ROOT, check=True)


def whole_runs() -> Iterator[Figure]:
    """Measure 10,000 to 1,000,000 operations, each in a process of its own."""
    make_engine()
    for operations in (10_000, 100_000, 1_000_000):
        took = in_a_process(operations)
        yield Figure(f"simulate {operations:,} operations", took["simulate"], "CPU s", took)
        yield Figure(f"build, place and simulate {operations:,}, most memory", took["peak_bytes"] / 2**20, "MiB")


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]))))
