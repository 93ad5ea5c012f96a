"""What is measured."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np

from benchmarks.comparison import peers, scaling
from benchmarks.eager import one_operation
from benchmarks.measuring import Figure, median_cpu_s
from benchmarks.million import whole_runs
from simgpu.execution import execute
from simgpu.graph import Graph, GraphBuilder, TensorSpec
from simgpu.kernels import add_operation, array_dtype, rule
from simgpu.machine import Machine
from simgpu.memory import MemoryPool
from simgpu.placement import place
from simgpu.readers import light_models, read_onnx
from simgpu.simulation import simulate

SPLIT = Machine("1 x 4GiB").split({"GPU:0": ["2GiB", "2GiB"]})


def importing() -> Iterator[Figure]:
    """Measure `import simgpu` beside NumPy alone, each in processes of their own."""
    code = "import resource; import {}; usage = resource.getrusage(resource.RUSAGE_SELF); print(sum(usage[:2]))"
    for module in ("numpy", "simgpu"):
        command = [sys.executable, "-c", code.format(module)]
        times = [float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(7)]
        yield Figure(f"python and import {module}", statistics.median(times), "CPU s")


def nine_models() -> Iterator[Figure]:
    """Read, place and simulate each of the nine light ONNX models."""
    total = 0.0
    for name in light_models():
        read = median_cpu_s(partial(read_onnx, name), runs=3)
        graph = read_onnx(name)
        whole = read + median_cpu_s(lambda graph=graph: simulate(place(graph, SPLIT)), runs=3)  # type: ignore[misc]
        total += whole
        yield Figure(f"read, place and simulate {name}", whole, "CPU s")
    yield Figure("read, place and simulate all nine", total, "CPU s")


def execution() -> Iterator[Figure]:
    """Execute ResNet-50 beside a bare loop over the same kernels: what caps, queues and threads cost."""
    graph = read_onnx("light_resnet50", batch=1, weights="random", seed=7)
    (feed,) = (operation for operation in graph if operation.type == "Input")
    feeds = {feed.name: np.zeros(feed.output_specs[0].shape, array_dtype(feed.output_specs[0].dtype))}
    placement = place(graph, SPLIT)
    ours = median_cpu_s(lambda: execute(placement, feeds), runs=3)
    bare = median_cpu_s(lambda: bare_loop(graph, feeds), runs=3)
    yield Figure("execute ResNet-50, batch 1, variables filled", ours, "CPU s")
    yield Figure("the same kernels in a bare loop that keeps every tensor", bare, "CPU s")
    yield Figure("ratio", ours / bare, "x")


def bare_loop(graph: Graph, feeds: Mapping[str, np.ndarray]) -> None:
    """Run a graph's kernels one after the other on plain arrays."""
    values: dict[int, np.ndarray] = {}
    for index in graph.order:
        operation = graph.operation(index)
        made = [np.empty(spec.shape, array_dtype(spec.dtype)) for spec in operation.output_specs]
        if operation.type == "Input":
            made = [feeds[operation.name]]
        else:
            rule(operation.type).compute(np, [values[t] for t in operation.inputs], made, operation.attributes)
        values.update(zip(operation.outputs, made, strict=True))


def ledger() -> Iterator[Figure]:
    """Allocate and release at random beside 10, 1,000 and 20,000 holes."""
    for holes in (10, 1_000, 20_000):
        pool, random_sizes = MemoryPool("GPU:0", 2**40), random.Random(1)
        blocks = [pool.allocate(random_sizes.randrange(1, 10**6), owner="x") for _ in range(2 * holes)]
        for block in blocks[::2]:
            pool.release(block)
        sizes = [random_sizes.randrange(1, 10**6) for _ in range(10_000)]

        def churn(pool: MemoryPool = pool, sizes: list[int] = sizes) -> None:
            for size in sizes:
                pool.release(pool.allocate(size, owner="y"))

        yield Figure(f"allocate and release beside {holes} holes", median_cpu_s(churn) / len(sizes) * 1e6, "CPU us")


def layered(operations: int, width: int = 100) -> Graph:
    """Return a graph of layers: each operation adds two of the layer before."""
    builder, choose = GraphBuilder(), random.Random(1)
    spec = TensorSpec((256, 256), "float32")
    layer = [builder.add("Input", outputs=[spec], name=f"input{number}")[0] for number in range(width)]
    for _ in range(operations // width):
        layer = [
            add_operation(builder, "Add", choose.sample(layer, 2), device=f"/gpu:{number % 8}")[0]
            for number in range(width)
        ]
    return builder.build()


def large_graph() -> Iterator[Figure]:
    """Place and simulate 100,000 operations on eight GPUs."""
    graph, machine = layered(100_000), Machine("hgx-h100-8")
    yield Figure("place 100,000 operations", median_cpu_s(lambda: place(graph, machine), runs=1), "CPU s")
    placement = place(graph, machine)
    for links in ("fifo", "fair"):
        took = median_cpu_s(lambda links=links: simulate(placement, links=links), runs=1)  # type: ignore[misc]
        yield Figure(f"simulate 100,000 operations on 8 GPUs, {links} links", took, "CPU s")


BENCHMARKS: Mapping[str, Callable[[], Iterator[Figure]]] = MappingProxyType(
    {
        "import": importing,
        "models": nine_models,
        "execution": execution,
        "ledger": ledger,
        "eager": one_operation,
        "large": large_graph,
        "million": whole_runs,
        "peers": peers,
        "scaling": scaling,
    }
)
