"""Run work in a process of its own: `python -m benchmarks.peers ENGINE LINKS FILE`; print times and memory as JSON.

What the engine compiles at its first use, it compiles before, for small work.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from time import process_time
from types import MappingProxyType
from typing import Any, Literal, cast

import numpy as np

from benchmarks.files import read_case
from benchmarks.measuring import resident_bytes
from benchmarks.workloads import dag, flows, ring
from simgpu.simulation.workload import Ints, LinkPolicyName, Workload
from simgpu.units import PS_PER_S

EngineName = Literal["simpy", "compiled"]
Ends = Ints | Sequence[int]
Run = Callable[[Workload, LinkPolicyName], Ends]


def ours(engine: EngineName) -> Run:
    """Return one of simgpu's engines."""
    from simgpu.simulation.running import run

    return lambda work, links: run(work, links=links, launch="async", engine=engine).end_ps


def by_hand(module: str) -> Run:
    """Return an engine of this package. All of them have `fifo` links."""
    run: Callable[[Workload], Ends] = import_module(f"benchmarks.peers.{module}").run
    return lambda work, links: run(work)


ENGINES: Mapping[str, Callable[[], Run]] = MappingProxyType(
    {
        "compiled": lambda: ours("compiled"),
        "simpy": lambda: ours("simpy"),
        "heap": lambda: by_hand("heap"),
        "simpy_events": lambda: by_hand("simpy_events"),
        "simpy_processes": lambda: by_hand("simpy_processes"),
    }
)


def main() -> None:
    """Run the engine and work that the arguments name."""
    engine, links, path = sys.argv[1:]
    print(json.dumps(measure(ENGINES[engine](), cast(LinkPolicyName, links), Path(path))))


def measure(run: Run, links: LinkPolicyName, path: Path) -> dict[str, Any]:
    """Return what came out and what it cost."""
    for small in (dag(300), ring(4), flows(4)):
        run(small.workload, links)
    work = read_case(path).workload
    before_bytes, start_s = resident_bytes("VmRSS"), process_time()
    ends = run(work, links)
    end_s = process_time()
    ends_ps = np.asarray(ends, np.int64)
    return {
        "makespan_s": int(ends_ps.max()) / PS_PER_S,
        "mean_end_s": float(ends_ps.mean()) / PS_PER_S,
        "cpu_s": end_s - start_s,
        "process_cpu_s": end_s,
        "before_bytes": before_bytes,
        "peak_bytes": resident_bytes("VmHWM"),
    }


if __name__ == "__main__":
    main()
