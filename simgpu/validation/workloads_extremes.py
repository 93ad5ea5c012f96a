"""Workloads that are bound by one thing alone: launching, arithmetic, transfers."""

from __future__ import annotations

from functools import partial

from simgpu.graph import Constant, Graph, GraphBuilder, Tensor, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.units import GiB, short_size
from simgpu.validation.workload import Workload

FAMILY = "extremes"
LIMIT_BYTES = GiB
TINY = 1_000
PRODUCTS = 8
RANKS = 4


def extreme_workloads(*, additions: int, side: int, size_bytes: int) -> list[Workload]:
    """Return a chain of tiny additions, products of square matrices, and tensors that go round four GPUs."""
    one, all_ranks = (LIMIT_BYTES,), (LIMIT_BYTES,) * RANKS
    around = f"transfers: {RANKS} x {short_size(size_bytes)} around"
    return [
        Workload(f"launches: {additions:,} additions", FAMILY, one, partial(additions_graph, additions)),
        Workload(f"arithmetic: {PRODUCTS} products of {side}", FAMILY, one, partial(products_graph, side)),
        Workload(around, FAMILY, all_ranks, partial(around_graph, size_bytes)),
    ]


def additions_graph(count: int, machine: Machine) -> Graph:
    """Add to a tiny vector again and again: each addition waits for the one before."""
    builder = GraphBuilder()
    one = x = _filled(builder, "one", (TINY,), 1.0)
    for _ in range(count):
        (x,) = add_operation(builder, "Add", [x, one], device="/device:GPU:0")
    builder.fetch(y=x)
    return builder.build()


def products_graph(side: int, machine: Machine) -> Graph:
    """Multiply square matrices; the result is left on the GPU."""
    builder = GraphBuilder()
    matrix = x = _filled(builder, "matrix", (side, side), 1 / side)
    for _ in range(PRODUCTS):
        (x,) = add_operation(builder, "MatMul", [x, matrix], device="/device:GPU:0")
    return builder.build()


def around_graph(size_bytes: int, machine: Machine) -> Graph:
    """Send a tensor from each GPU once around all, all at the same time."""
    builder = GraphBuilder()
    held = [_filled(builder, f"rank{rank}", (size_bytes // 4,), 1.0, rank) for rank in range(RANKS)]
    for step in range(1, RANKS + 1):
        for rank, x in enumerate(held):
            gpu = f"/device:GPU:{(rank + step) % RANKS}"
            (held[rank],) = add_operation(builder, "Identity", [x], device=gpu)
    return builder.build()


def _filled(builder: GraphBuilder, name: str, shape: tuple[int, ...], value: float, rank: int = 0) -> Tensor:
    spec, gpu = TensorSpec(shape, "float32"), f"/device:GPU:{rank}"
    return add_operation(builder, "Variable", name=name, device=gpu, spec=spec, initializer=Constant(value))[0]
