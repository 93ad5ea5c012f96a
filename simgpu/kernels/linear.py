"""Matrix products. A multiply-add counts as 2 FLOP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.dtypes import NUMERIC
from simgpu.kernels.precision import through_single
from simgpu.kernels.rows import row
from simgpu.kernels.rules import Attributes, Specs
from simgpu.kernels.shapes import broadcast_shape, one_dtype


def _infer_gemm(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    if len(inputs[0].shape) != 2 or len(inputs[1].shape) != 2:
        raise GraphError("needs two matrices")
    rows, inner = _turned(inputs[0].shape, attributes, "transA")
    other, columns = _turned(inputs[1].shape, attributes, "transB")
    if inner != other:
        raise GraphError(f"cannot multiply ({rows}, {inner}) by ({other}, {columns}), as transA and transB turn them")
    shape = (rows, columns)
    if len(inputs) == 3 and broadcast_shape([shape, inputs[2].shape]) != shape:
        raise GraphError(f"the third input has shape {inputs[2].shape}, which does not broadcast to {shape}")
    return (TensorSpec(shape, one_dtype(inputs)),)


def _turned(shape: tuple[int, ...], attributes: Attributes, key: str) -> tuple[int, ...]:
    return shape[::-1] if attributes.get(key, 0) else shape


def _flop_gemm(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    inner = inputs[0].shape[0 if attributes.get("transA", 0) else 1]
    return outputs[0].size * (2 * inner + (1 if len(inputs) == 3 else 0))


def _gemm(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    y = outputs[0]
    left = inputs[0].T if attributes.get("transA", 0) else inputs[0]
    right = inputs[1].T if attributes.get("transB", 0) else inputs[1]
    xp.matmul(left, right, out=y)
    alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
    if alpha != 1:
        xp.multiply(y, alpha, out=y, casting="unsafe")
    if len(inputs) == 3:
        third = inputs[2] if beta == 1 else (inputs[2] * beta).astype(y.dtype)
        xp.add(y, third, out=y)


def _infer_matmul(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    return (TensorSpec(product_shape(inputs[0].shape, inputs[1].shape), one_dtype(inputs)),)


def product_shape(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a matrix product: leading dimensions broadcast, and a vector loses its dimension."""
    if not left or not right:
        raise GraphError("needs at least one dimension in each input")
    if left[-1] != _inner(right):
        raise GraphError(f"cannot multiply {left} by {right}: {left[-1]} meets {_inner(right)}")
    batch = broadcast_shape([left[:-2], right[:-2]])
    return (*batch, *left[-2:-1], *(right[-1:] if len(right) > 1 else ()))


def _inner(right: tuple[int, ...]) -> int:
    return right[-2] if len(right) > 1 else right[0]


def _flop_matmul(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    return 2 * outputs[0].size * inputs[0].shape[-1]


def matmul(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Multiply matrices."""
    xp.matmul(inputs[0], inputs[1], out=outputs[0])


ROWS = (
    row(
        "Gemm",
        _infer_gemm,
        through_single(_gemm),
        inputs=(2, 3),
        accepts=(NUMERIC,),
        attributes="alpha beta transA transB",
        flop=_flop_gemm,
        tensorflow="MatMul",
    ),
    row(
        "MatMul",
        _infer_matmul,
        through_single(matmul),
        inputs=2,
        accepts=(NUMERIC,),
        flop=_flop_matmul,
        tensorflow="BatchMatMulV2",
    ),
)
