"""What `simulate` takes for placed graphs of 10,000 to 1,000,000 operations: time and memory, in a process for each.

`python -m benchmarks.growing OPERATIONS ENGINE` measures one and prints it as JSON. Memory is that of the process: with
the graph and its placement, which are made before, and at most.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from time import process_time
from typing import Any

from benchmarks.measuring import ROOT, Figure, resident_bytes
from simgpu.graph import Graph, GraphBuilder, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.simulation import simulate

SIZES = (10_000, 100_000, 1_000_000)
LARGEST_FOR_SIMPY = 100_000


def layered(operations: int, width: int = 100) -> Graph:
    """Return a graph of layers on eight GPUs: each operation adds two of the layer before."""
    builder, choose = GraphBuilder(), random.Random(1)
    spec = TensorSpec((256, 256), "float32")
    layer = [builder.add("Input", outputs=[spec], name=f"input{number}")[0] for number in range(width)]
    for _ in range(operations // width):
        layer = [
            add_operation(builder, "Add", choose.sample(layer, 2), device=f"/gpu:{number % 8}")[0]
            for number in range(width)
        ]
    return builder.build()


def growing() -> Iterator[Figure]:
    """Simulate placed graphs of each size with each engine."""
    engines = ["compiled", "simpy"] if find_spec("numba") else ["simpy"]
    for operations in SIZES:
        for engine in engines:
            if engine == "simpy" and operations > LARGEST_FOR_SIMPY:
                continue
            command = [sys.executable, "-m", "benchmarks.growing", str(operations), engine]
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
            details = json.loads(done.stdout)
            what = f"simulate a placed graph of {operations:,} operations, {engine}"
            yield Figure(what, details["cpu_s"], "CPU s", details)
            yield Figure(f"{what}: memory at most", details["peak_bytes"] / 1e6, "MB")


def measure(operations: int, engine: Any) -> dict[str, float]:
    """Return what one simulation took. What the engine compiles at its first use, it compiles before."""
    machine = Machine("hgx-h100-8")
    simulate(place(layered(100), machine), engine=engine)
    placement = place(layered(operations), machine)
    before_bytes, start_s = resident_bytes("VmRSS"), process_time()
    trace = simulate(placement, engine=engine)
    end_s = process_time()
    return {
        "operations": operations,
        "spans": len(trace.spans),
        "cpu_s": end_s - start_s,
        "before_bytes": before_bytes,
        "peak_bytes": resident_bytes("VmHWM"),
    }


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
