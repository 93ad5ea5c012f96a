"""Linear systems, norms and ranks of the extension `linalg`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.array_api.decompositions import (
    flop_lu,
    flop_of_matrices,
    flop_singular_values,
    real_dtype,
    singular_values,
    square_of,
)
from simgpu.kernels.array_api.forms import assigned, axes_in_order, matrix_of, reduced_shape
from simgpu.kernels.array_api.products import multiply_add_flop
from simgpu.kernels.array_api.promotion import FLOATING, LAPACK, promote_specs
from simgpu.kernels.array_api.statistics import reduced
from simgpu.kernels.dtypes import FLOAT
from simgpu.kernels.linear import product_shape
from simgpu.kernels.precision import through_single
from simgpu.kernels.rows import flop_per_input, row
from simgpu.kernels.rules import Attributes, Specs
from simgpu.kernels.shapes import broadcast_shape

_MATRIX_ORDERS = ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)
_BY_SINGULAR_VALUES = ("nuc", 2, -2)


def _infer_solve(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    """Take a second input of one dimension as a vector, any other as a stack of matrices."""
    square_of(inputs[0])
    return (TensorSpec(product_shape(inputs[0].shape, inputs[1].shape), promote_specs(inputs)),)


def _solve(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    """Bring both operands to one stack: CuPy does not."""
    a, b = inputs
    if b.ndim > 1 and a.shape[:-2] != b.shape[:-2]:
        stack = broadcast_shape([a.shape[:-2], b.shape[:-2]])
        a, b = (xp.broadcast_to(x, (*stack, *x.shape[-2:])) for x in (a, b))
    return xp.linalg.solve(a, b)


def _flop_solve(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    decomposition = flop_of_matrices(flop_lu)(inputs, outputs, attributes)
    return decomposition + multiply_add_flop(outputs[0]) * outputs[0].size * inputs[0].shape[-1]


def _order(attributes: Attributes, default: Any) -> Any:
    return attributes.get("ord", default)


def _infer_matrix_norm(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    x = inputs[0]
    matrix_of(x)
    if _order(attributes, "fro") not in (*_MATRIX_ORDERS, None):
        raise GraphError(f"ord is {attributes['ord']!r}; it can be {', '.join(map(str, _MATRIX_ORDERS))}")
    rank = len(x.shape)
    return (TensorSpec(reduced_shape(x.shape, (rank - 2, rank - 1), attributes), real_dtype(x.dtype)),)


def _matrix_norm(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    keepdims = attributes.get("keepdims", False)
    return xp.linalg.norm(inputs[0], ord=_order(attributes, "fro"), axis=(-2, -1), keepdims=keepdims)


def _flop_matrix_norm(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    if _order(attributes, "fro") in _BY_SINGULAR_VALUES:
        return flop_of_matrices(flop_singular_values)(inputs, outputs, attributes)
    return multiply_add_flop(inputs[0]) * inputs[0].size


def _infer_vector_norm(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    order = _order(attributes, 2)
    if not isinstance(order, int | float):
        raise GraphError(f"ord is {order!r}; it must be a number")
    return (TensorSpec(reduced(inputs[0], attributes), real_dtype(inputs[0].dtype)),)


def _vector_norm(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    """Bring the axes to the front and join them: modules know the norm of a vector along one axis."""
    x = inputs[0]
    axes = axes_in_order(attributes.get("axis"), x.ndim)
    others = [axis for axis in range(x.ndim) if axis not in axes]
    vectors = x.transpose([*axes, *others]).reshape([math.prod(x.shape[axis] for axis in axes), *_sizes(x, others)])
    norms = xp.linalg.norm(vectors, ord=_order(attributes, 2), axis=0)
    return norms.reshape(reduced_shape(x.shape, axes, attributes))


def _sizes(x: Any, axes: Sequence[int]) -> list[int]:
    return [x.shape[axis] for axis in axes]


def _check_tolerance(inputs: Specs, attributes: Attributes) -> None:
    """Refuse a tolerance but None, a number, or a second input with one number for each matrix."""
    batch, _, _ = matrix_of(inputs[0])
    if len(inputs) == 2 and broadcast_shape([batch, inputs[1].shape]) != batch:
        raise GraphError(f"rtol is {inputs[1]}; it must broadcast to {batch}, one for each matrix")
    rtol = attributes.get("rtol")
    if rtol is not None and (len(inputs) == 2 or not isinstance(rtol, int | float)):
        raise GraphError(f"rtol is {rtol!r}; it must be a number, or else an input")


def _tolerance(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    """Return the relative tolerance; by default the larger dimension times the machine epsilon, as the standard has it.

    With an array, it has a last axis of 1, to meet the singular values.
    """
    x, rtol = inputs[0], attributes.get("rtol")
    if len(inputs) == 2:
        return inputs[1][..., None]
    return float(max(x.shape[-2:]) * xp.finfo(x.dtype).eps) if rtol is None else rtol


def _infer_rank(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    _check_tolerance(inputs, attributes)
    return (TensorSpec(inputs[0].shape[:-2], "int64"),)


def _rank(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    values = singular_values(xp, inputs, attributes)
    if not values.shape[-1]:
        return xp.zeros(values.shape[:-1], "int64")
    largest = xp.max(values, axis=-1, keepdims=True)
    return xp.count_nonzero(values > largest * _tolerance(xp, inputs, attributes), axis=-1)


def _infer_inverse(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    _check_tolerance(inputs, attributes)
    batch, rows, columns = matrix_of(inputs[0])
    return (TensorSpec((*batch, columns, rows), inputs[0].dtype),)


def _inverse(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    tolerance = _tolerance(xp, inputs, attributes)
    return xp.linalg.pinv(inputs[0], rcond=tolerance[..., 0] if len(inputs) == 2 else tolerance)


def _flop_inverse(m: int, n: int, attributes: Attributes) -> int:
    """Count the thin singular value decomposition and the product of its vectors (see `decompositions`)."""
    return 14 * m * n * n + 8 * n**3 + 2 * m * n * n


ROWS = (
    row("linalg.solve", _infer_solve, assigned(_solve), inputs=2, accepts=(LAPACK,), flop=_flop_solve, tensorflow="Qr"),
    row(
        "linalg.matrix_norm",
        _infer_matrix_norm,
        assigned(_matrix_norm),
        accepts=(LAPACK,),
        attributes="keepdims ord",
        flop=_flop_matrix_norm,
        tensorflow="Sum",
    ),
    row(
        "linalg.vector_norm",
        _infer_vector_norm,
        through_single(assigned(_vector_norm)),
        accepts=(FLOATING,),
        attributes="axis keepdims ord",
        flop=flop_per_input(2),
        tensorflow="Sum",
    ),
    row(
        "linalg.matrix_rank",
        _infer_rank,
        assigned(_rank),
        inputs=(1, 2),
        accepts=(LAPACK, FLOAT),
        attributes="rtol",
        flop=flop_of_matrices(flop_singular_values),
        tensorflow="Svd",
    ),
    row(
        "linalg.pinv",
        _infer_inverse,
        assigned(_inverse),
        inputs=(1, 2),
        accepts=(LAPACK, FLOAT),
        attributes="rtol",
        flop=flop_of_matrices(_flop_inverse),
        tensorflow="Svd",
    ),
)
