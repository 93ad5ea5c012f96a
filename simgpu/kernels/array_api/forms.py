"""Array code and shape rules that many functions share: results assigned, views copied, axes reduced."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.rows import integers, row
from simgpu.kernels.rules import Attributes, Compute, Infer, OperationRule, Specs
from simgpu.kernels.shapes import normal_axis

View = Callable[[Any, Any, Attributes], Any]
"""(array module, array, attributes): a view of the array, without a copy."""
Expression = Callable[[Any, Sequence[Any], Attributes], Any]
"""(array module, inputs, attributes): a new array, or a sequence of them, one for each output."""

_NOTHING = np.zeros((), np.bool_)


def assigned(expression: Expression) -> Compute:
    """Return array code that copies new arrays into the outputs, for functions that cannot write into given ones."""

    def compute(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        results = expression(xp, inputs, attributes)
        if len(outputs) == 1:
            results = (results,)
        for y, result in zip(outputs, results, strict=True):
            xp.copyto(y, result, casting="unsafe")

    return compute


def viewing(name: str, view: View, attributes: str, tensorflow: str) -> OperationRule:
    """Return the row of a function that is a view. Its row copies what the view shows."""
    return row(name, shape_of_view(view), compute_view(view), attributes=attributes, tensorflow=tensorflow)


def shape_of_view(view: View) -> Infer:
    """Return the shape rule of a view: it is applied to an array of one byte that pretends to have the shape."""

    def infer(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
        try:
            shape = view(np, np.broadcast_to(_NOTHING, inputs[0].shape), attributes).shape
        except KeyError as error:
            raise GraphError(f"needs the attribute {error}") from None
        except (ValueError, IndexError, TypeError) as error:
            raise GraphError(str(error)) from None
        return (TensorSpec(shape, inputs[0].dtype),)

    return infer


def compute_view(view: View) -> Compute:
    """Return array code that copies a view."""

    def compute(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        xp.copyto(outputs[0], view(xp, inputs[0], attributes))

    return compute


def axes_in_order(given: object, rank: int) -> tuple[int, ...]:
    """Return different axes counted from the front, in the given order. `given` is one axis, a tuple, or None: all."""
    if given is None:
        return tuple(range(rank))
    each = (given,) if isinstance(given, int) else integers(given, "axis")
    axes = tuple(normal_axis(axis, rank, last=rank - 1) for axis in each)
    if len(set(axes)) < len(axes):
        raise GraphError(f"axis {given} names one axis twice")
    return axes


def reduced_shape(shape: tuple[int, ...], axes: Sequence[int], attributes: Attributes) -> tuple[int, ...]:
    """Return what is left of a shape when axes are reduced, with `keepdims` as 1 each."""
    if attributes.get("keepdims", False):
        return tuple(1 if axis in axes else dim for axis, dim in enumerate(shape))
    return tuple(dim for axis, dim in enumerate(shape) if axis not in axes)


def matrix_of(spec: TensorSpec) -> tuple[tuple[int, ...], int, int]:
    """Return the leading dimensions, rows and columns of a stack of matrices. Raises GraphError below 2 dimensions."""
    if len(spec.shape) < 2:
        raise GraphError(f"{spec} is no matrix; it needs at least 2 dimensions")
    return spec.shape[:-2], spec.shape[-2], spec.shape[-1]


def flop_to_sort(size: int, length: int) -> int:
    """Return the comparisons that sort `size` elements in runs of `length`: the logarithm of `length` for each."""
    return size * math.ceil(math.log2(max(1, length)))
