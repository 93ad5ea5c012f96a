"""All-reduce over logical GPUs, made of transfers and additions: around a ring, and up and down a tree.

Each GPU begins with a tensor of `size_bytes` of float32 in its memory and ends with the sum of all. What is passed on
is copied by an `Identity` where it arrives, so that the next one gets it from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from simgpu.graph import Constant, Graph, GraphBuilder, Tensor, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.units import GiB, short_size
from simgpu.validation.workload import Workload

FAMILY = "all-reduce"
LIMIT_BYTES = GiB
TREE_CHUNKS = 4
"""A tree passes on the first chunk while the next ones are on their way."""


def all_reduce_workloads(sizes_bytes: Sequence[int], ranks: int) -> list[Workload]:
    """Return a ring and a tree for each size of tensor."""
    limits_bytes = (LIMIT_BYTES,) * ranks
    return [
        Workload(f"{way} {short_size(size_bytes)} on {ranks}", FAMILY, limits_bytes, partial(build, ranks, size_bytes))
        for way, build in (("ring", ring), ("tree", tree))
        for size_bytes in sizes_bytes
    ]


def ring(ranks: int, size_bytes: int, machine: Machine) -> Graph:
    """Reduce, then gather, around a ring, in as many chunks as ranks."""
    builder = GraphBuilder()
    held = _tensors(builder, ranks, size_bytes, chunks=ranks)
    for step in range(ranks - 1):
        for rank in range(ranks):  # each sends another chunk, so none is read and written in one step
            chunk, target = (rank - step) % ranks, (rank + 1) % ranks
            held[target][chunk] = _add(builder, target, held[target][chunk], held[rank][chunk])
    for step in range(ranks - 1):
        for rank in range(ranks):
            chunk, target = (rank + 1 - step) % ranks, (rank + 1) % ranks
            held[target][chunk] = _pass_on(builder, target, held[rank][chunk])
    return _joined(builder, held)


def tree(ranks: int, size_bytes: int, machine: Machine) -> Graph:
    """Reduce up a binary tree to the first rank, then send the sum down the same way."""
    builder = GraphBuilder()
    held = _tensors(builder, ranks, size_bytes, chunks=TREE_CHUNKS)
    distances = [2**level for level in range((ranks - 1).bit_length())]
    for chunk in range(TREE_CHUNKS):
        for distance in distances:
            for rank in range(0, ranks - distance, 2 * distance):
                held[rank][chunk] = _add(builder, rank, held[rank][chunk], held[rank + distance][chunk])
        for distance in reversed(distances):
            for rank in range(0, ranks - distance, 2 * distance):
                held[rank + distance][chunk] = _pass_on(builder, rank + distance, held[rank][chunk])
    return _joined(builder, held)


def _tensors(builder: GraphBuilder, ranks: int, size_bytes: int, *, chunks: int) -> list[list[Tensor]]:
    """Return the chunks of each rank; each rank holds another value."""
    spec = TensorSpec((size_bytes // 4 // chunks,), "float32")
    return [
        [
            add_operation(
                builder,
                "Variable",
                name=f"rank{rank}/chunk{chunk}",
                device=_gpu(rank),
                spec=spec,
                initializer=Constant(float(rank + 1)),
            )[0]
            for chunk in range(chunks)
        ]
        for rank in range(ranks)
    ]


def _add(builder: GraphBuilder, rank: int, ours: Tensor, theirs: Tensor) -> Tensor:
    return add_operation(builder, "Add", [ours, theirs], device=_gpu(rank))[0]


def _pass_on(builder: GraphBuilder, rank: int, theirs: Tensor) -> Tensor:
    return add_operation(builder, "Identity", [theirs], device=_gpu(rank))[0]


def _joined(builder: GraphBuilder, held: Sequence[Sequence[Tensor]]) -> Graph:
    for rank, chunks in enumerate(held):
        add_operation(builder, "Concat", chunks, name=f"rank{rank}/sum", device=_gpu(rank), axis=0)
    return builder.build()


def _gpu(rank: int) -> str:
    return f"/device:GPU:{rank}"
