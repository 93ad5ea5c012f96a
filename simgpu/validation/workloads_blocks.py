"""Blocks of networks: a pipeline of perceptrons, and the forward pass of a transformer.

Weights are constants that keep the values in range: the time of the kernels does not depend on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from simgpu.graph import Constant, Graph, GraphBuilder, Tensor, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.units import GiB
from simgpu.validation.splitting import split_by_cost
from simgpu.validation.workload import Workload

LIMIT_BYTES = GiB
HEAD_WIDTH = 64
HIDDEN_FACTOR = 4
EPSILON = 1e-5


@dataclass(frozen=True, slots=True)
class Blocks:
    """Adds operations of a network to a graph."""

    builder: GraphBuilder

    def weight(self, name: str, shape: tuple[int, ...], value: float, device: str = "") -> Tensor:
        """Add a variable of float32, filled with one value."""
        spec = TensorSpec(shape, "float32")
        return add_operation(
            self.builder, "Variable", name=name, device=device, spec=spec, initializer=Constant(value)
        )[0]

    def apply(self, type: str, *inputs: Tensor, device: str = "", **attributes: Any) -> Tensor:
        """Add an operation with one output."""
        return add_operation(self.builder, type, inputs, device=device, **attributes)[0]

    def dense(self, x: Tensor, name: str, width: int, device: str = "") -> Tensor:
        """Multiply by a matrix that averages, and add a bias."""
        inner = x.spec.shape[-1]
        product = self.apply("MatMul", x, self.weight(f"{name}/w", (inner, width), 1 / inner, device), device=device)
        return self.apply("Add", product, self.weight(f"{name}/b", (width,), 0.1, device), device=device)

    def normalised(self, x: Tensor, name: str) -> Tensor:
        """Add a layer norm over the last axis."""
        width = x.spec.shape[-1]
        centred = self.apply("Sub", x, self.apply("ReduceMean", x, axes=(-1,)))
        variance = self.apply("ReduceMean", self.apply("Mul", centred, centred), axes=(-1,))
        deviation = self.apply("Sqrt", self.apply("Add", variance, self.weight(f"{name}/epsilon", (), EPSILON)))
        scaled = self.apply("Mul", self.apply("Div", centred, deviation), self.weight(f"{name}/scale", (width,), 1.0))
        return self.apply("Add", scaled, self.weight(f"{name}/shift", (width,), 0.1))

    def gelu(self, x: Tensor, name: str) -> Tensor:
        """Add x / 2 * (1 + erf(x / sqrt 2))."""
        error = self.apply("Erf", self.apply("Mul", x, self.weight(f"{name}/root", (), 0.5**0.5)))
        doubled = self.apply("Mul", x, self.apply("Add", error, self.weight(f"{name}/one", (), 1.0)))
        return self.apply("Mul", doubled, self.weight(f"{name}/half", (), 0.5))

    def attention(self, x: Tensor, name: str) -> Tensor:
        """Add attention of several heads, each of `HEAD_WIDTH`."""
        batch, length, width = x.spec.shape
        heads = (batch, length, width // HEAD_WIDTH, HEAD_WIDTH)
        joined = self.dense(x, f"{name}/qkv", 3 * width)
        parts = add_operation(self.builder, "Split", [joined], axis=-1, split=(width,) * 3)
        query, key, value = (self.apply("Reshape", part, shape=heads) for part in parts)
        query, value = (self.apply("Transpose", part, perm=(0, 2, 1, 3)) for part in (query, value))
        scores = self.apply("MatMul", query, self.apply("Transpose", key, perm=(0, 2, 3, 1)))
        scores = self.apply("Mul", scores, self.weight(f"{name}/scale", (), HEAD_WIDTH**-0.5))
        mixed = self.apply("MatMul", self.apply("Softmax", scores, axis=-1), value)
        mixed = self.apply("Reshape", self.apply("Transpose", mixed, perm=(0, 2, 1, 3)), shape=x.spec.shape)
        return self.dense(mixed, f"{name}/out", width)


def pipeline_workloads(stages: int, microbatches: int, shapes: Sequence[tuple[int, int]]) -> list[Workload]:
    """Return a pipeline for each (rows of a microbatch, width)."""
    return [
        Workload(
            name=f"{stages} stages x {microbatches} of {rows} x {width}",
            family="pipeline",
            limits_bytes=(LIMIT_BYTES,) * stages,
            build=partial(pipeline_graph, stages, microbatches, rows, width),
        )
        for rows, width in shapes
    ]


def pipeline_graph(stages: int, microbatches: int, rows: int, width: int, machine: Machine) -> Graph:
    """Send microbatches through a perceptron with a shortcut on each stage's GPU."""
    blocks = Blocks(GraphBuilder())
    spec = TensorSpec((rows, width), "float32")
    passed = [
        add_operation(blocks.builder, "Input", name=f"x{number}", device="/device:GPU:0", spec=spec)[0]
        for number in range(microbatches)
    ]
    for stage in range(stages):
        gpu, hidden = f"/device:GPU:{stage}", HIDDEN_FACTOR * width
        up = blocks.weight(f"stage{stage}/up", (width, hidden), 1 / width, gpu)
        down = blocks.weight(f"stage{stage}/down", (hidden, width), 1 / hidden, gpu)
        for number, x in enumerate(passed):
            inner = blocks.apply("Relu", blocks.apply("MatMul", x, up, device=gpu), device=gpu)
            passed[number] = blocks.apply("Add", x, blocks.apply("MatMul", inner, down, device=gpu), device=gpu)
    for number, x in enumerate(passed):
        blocks.builder.fetch(**{f"y{number}": x})
    return blocks.builder.build()


def transformer_workloads(
    batch: int, lengths: Sequence[int], widths: Sequence[int], *, layers: int, splits: Sequence[int]
) -> list[Workload]:
    """Return a transformer for each length of sequence and each width, cut into each number of contiguous parts."""
    return [
        Workload(
            name=f"{batch} x {length} x {width}, {layers} deep, on {parts}",
            family="transformer",
            limits_bytes=(LIMIT_BYTES,) * parts,
            build=partial(_split_transformer, batch, length, width, layers, parts),
        )
        for length in lengths
        for width in widths
        for parts in splits
    ]


def transformer_graph(batch: int, length: int, width: int, layers: int) -> Graph:
    """Return layers of attention and perceptron, each behind a layer norm and beside a shortcut."""
    blocks = Blocks(GraphBuilder())
    (x,) = add_operation(blocks.builder, "Input", name="x", spec=TensorSpec((batch, length, width), "float32"))
    for layer in range(layers):
        name = f"layer{layer}"
        x = blocks.apply("Add", x, blocks.attention(blocks.normalised(x, f"{name}/norm1"), f"{name}/attention"))
        hidden = blocks.dense(blocks.normalised(x, f"{name}/norm2"), f"{name}/up", HIDDEN_FACTOR * width)
        x = blocks.apply("Add", x, blocks.dense(blocks.gelu(hidden, f"{name}/gelu"), f"{name}/down", width))
    blocks.builder.fetch(y=x)
    return blocks.builder.build()


def _split_transformer(batch: int, length: int, width: int, layers: int, parts: int, machine: Machine) -> Graph:
    return split_by_cost(transformer_graph(batch, length, width, layers), machine, parts)
