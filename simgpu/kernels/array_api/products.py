"""Products of arrays, and what only looks at a matrix: the linear algebra that needs no decomposition.

A multiply-add counts as 2 FLOP, of complex numbers as 8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.array_api.forms import assigned, axes_in_order, matrix_of, viewing
from simgpu.kernels.array_api.promotion import NUMBER, promote_specs
from simgpu.kernels.array_api.statistics import sum_dtype
from simgpu.kernels.dtypes import COMPLEX
from simgpu.kernels.linear import matmul, product_shape
from simgpu.kernels.precision import through_single
from simgpu.kernels.rows import CountFlop, flop_per_output, integers, row
from simgpu.kernels.rules import Attributes, Compute, Infer, OperationRule, Specs
from simgpu.kernels.shapes import broadcast_shape

Shape = tuple[int, ...]


def multiply_add_flop(spec: TensorSpec) -> int:
    """Return the FLOP of one multiply-add of elements like these."""
    return 8 if spec.dtype in COMPLEX else 2


def _infer_matmul(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    return (TensorSpec(product_shape(inputs[0].shape, inputs[1].shape), promote_specs(inputs)),)


def _flop_matmul(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    return multiply_add_flop(outputs[0]) * outputs[0].size * inputs[0].shape[-1]


def _summed_axes(inputs: Sequence[Any], attributes: Attributes) -> tuple[Shape, Shape]:
    """Return the axes of both operands that are multiplied and summed, in pairs."""
    axes = attributes.get("axes", 2)
    ranks = [len(x.shape) for x in inputs]
    if isinstance(axes, int):
        if not 0 <= axes <= min(ranks):
            raise GraphError(f"axes is {axes}; for {ranks[0]} and {ranks[1]} dimensions it must be 0 to {min(ranks)}")
        return tuple(range(ranks[0] - axes, ranks[0])), tuple(range(axes))
    if not isinstance(axes, tuple) or len(axes) != 2:
        raise GraphError(f"axes is {axes!r}; it must be a number of axes, or two tuples of axes")
    left, right = (axes_in_order(integers(part, "axes"), rank) for part, rank in zip(axes, ranks, strict=True))
    return left, right


def _infer_tensordot(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    left, right = _summed_axes(inputs, attributes)
    sizes = [[spec.shape[axis] for axis in axes] for spec, axes in zip(inputs, (left, right), strict=True)]
    if sizes[0] != sizes[1]:
        raise GraphError(f"the axes to sum have sizes {sizes[0]} and {sizes[1]}; they must be equal")
    kept = [
        dim
        for spec, axes in zip(inputs, (left, right), strict=True)
        for axis, dim in enumerate(spec.shape)
        if axis not in axes
    ]
    return (TensorSpec(tuple(kept), promote_specs(inputs)),)


def _tensordot(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    return xp.tensordot(inputs[0], inputs[1], axes=_summed_axes(inputs, attributes))


def _flop_tensordot(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    summed = math.prod(inputs[0].shape[axis] for axis in _summed_axes(inputs, attributes)[0])
    return multiply_add_flop(outputs[0]) * outputs[0].size * summed


def _vector_axis(inputs: Specs, attributes: Attributes) -> int:
    """Return the axis of the vectors, which counts from the end so that it holds for both operands."""
    axis, rank = attributes.get("axis", -1), min(len(spec.shape) for spec in inputs)
    if type(axis) is not int or not -rank <= axis < 0:
        raise GraphError(f"axis is {axis!r}; it must count from the end, and both operands must have it")
    return axis


def _infer_vecdot(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    axis = _vector_axis(inputs, attributes)
    left, right = (spec.shape for spec in inputs)
    if left[axis] != right[axis]:
        raise GraphError(f"vectors of {left[axis]} and {right[axis]} elements have no product")
    rest = [tuple(dim for place, dim in enumerate(shape) if place != len(shape) + axis) for shape in (left, right)]
    return (TensorSpec(broadcast_shape(rest), promote_specs(inputs)),)


def _vecdot(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Multiply rows by columns, with the conjugate of the first operand."""
    left, right = (xp.moveaxis(operand, attributes.get("axis", -1), -1) for operand in inputs)
    xp.matmul(xp.conj(left)[..., None, :], right[..., :, None], out=outputs[0][..., None, None])


def _flop_vecdot(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    length = inputs[0].shape[attributes.get("axis", -1)]
    return multiply_add_flop(outputs[0]) * outputs[0].size * length


def _infer_cross(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    axis = _vector_axis(inputs, attributes)
    if any(spec.shape[axis] != 3 for spec in inputs):
        raise GraphError(f"axis {axis} of both operands must have a size of 3")
    return (TensorSpec(broadcast_shape([spec.shape for spec in inputs]), promote_specs(inputs)),)


def _cross(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    return xp.cross(inputs[0], inputs[1], axis=attributes.get("axis", -1))


def _infer_outer(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    if any(len(spec.shape) != 1 for spec in inputs):
        raise GraphError("its inputs must have one dimension each")
    return (TensorSpec((inputs[0].size, inputs[1].size), promote_specs(inputs)),)


def _outer(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    xp.multiply(inputs[0][:, None], inputs[1][None, :], out=outputs[0])


def _infer_trace(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    return (TensorSpec(matrix_of(inputs[0])[0], sum_dtype(inputs[0], attributes)),)


def _trace(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    y, offset = outputs[0], attributes.get("offset", 0)
    xp.trace(inputs[0], offset=offset, axis1=-2, axis2=-1, dtype=y.dtype, out=y)


def _flop_trace(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    return outputs[0].size * min(inputs[0].shape[-2:])


def _diagonal(xp: Any, x: Any, attributes: Attributes) -> Any:
    return xp.diagonal(x, offset=attributes.get("offset", 0), axis1=-2, axis2=-1)


def _product(
    name: str,
    infer: Infer,
    compute: Compute,
    flop: CountFlop,
    *,
    attributes: str = "",
    tensorflow: str = "BatchMatMulV2",
) -> OperationRule:
    compute = through_single(compute)
    accepts = (NUMBER,)
    return row(name, infer, compute, inputs=2, accepts=accepts, attributes=attributes, flop=flop, tensorflow=tensorflow)


def _in_both_namespaces(prefix: str) -> tuple[OperationRule, ...]:
    """Return the rows of functions that the standard has in the main namespace and in `linalg`."""
    return (
        _product(f"{prefix}matmul", _infer_matmul, matmul, _flop_matmul),
        _product(f"{prefix}tensordot", _infer_tensordot, assigned(_tensordot), _flop_tensordot, attributes="axes"),
        _product(f"{prefix}vecdot", _infer_vecdot, _vecdot, _flop_vecdot, attributes="axis"),
        viewing(f"{prefix}matrix_transpose", lambda xp, x, a: xp.swapaxes(x, -1, -2), "", "Transpose"),
    )


ROWS = (
    *_in_both_namespaces(""),
    *_in_both_namespaces("linalg."),
    # Each component of a cross product is two products and their difference.
    _product("linalg.cross", _infer_cross, assigned(_cross), flop_per_output(3), attributes="axis", tensorflow="Mul"),
    _product("linalg.outer", _infer_outer, _outer, flop_per_output(1), tensorflow="Mul"),
    viewing("linalg.diagonal", _diagonal, "offset", "MatrixBandPart"),
    row(
        "linalg.trace",
        _infer_trace,
        through_single(_trace),
        accepts=(NUMBER,),
        attributes="offset dtype",
        flop=_flop_trace,
        tensorflow="Sum",
    ),
)
