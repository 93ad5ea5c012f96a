"""The same elements under another shape, and shapes as data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.movement import copy
from simgpu.kernels.rows import integers, require, row
from simgpu.kernels.rules import Attributes, Infer, OperationRule, Specs
from simgpu.kernels.shapes import axes_of, axis_of, normal_axes


def _infer_reshape(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    """In `shape`, 0 keeps the dimension at its place (unless `allowzero`), and one -1 takes what is left."""
    old = inputs[0]
    wanted = list(integers(require(attributes, "shape"), "shape"))
    if not attributes.get("allowzero", 0):
        wanted = [_kept(old.shape, axis) if dim == 0 else dim for axis, dim in enumerate(wanted)]
    if wanted.count(-1) > 1 or min(wanted, default=0) < -1:
        raise GraphError(f"shape {tuple(wanted)} may hold sizes and at most one -1")
    if -1 in wanted:
        wanted[wanted.index(-1)] = old.size // max(1, -math.prod(wanted))
    if math.prod(wanted) != old.size:
        raise GraphError(f"{old.size} elements do not fit into shape {tuple(attributes['shape'])}")
    return (TensorSpec(tuple(wanted), old.dtype),)


def _kept(shape: tuple[int, ...], axis: int) -> int:
    if axis >= len(shape):
        raise GraphError(f"shape has a 0 at axis {axis}, but the input has only {len(shape)} dimensions to keep")
    return shape[axis]


def _infer_flatten(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = inputs[0].shape
    axis = axis_of(attributes, 1, len(shape), last=len(shape))
    return (TensorSpec((math.prod(shape[:axis]), math.prod(shape[axis:])), inputs[0].dtype),)


def _infer_unsqueeze(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    axes = require(attributes, "axes")
    old = inputs[0].shape
    rank = len(old) + len(integers(axes, "axes"))
    new, left = normal_axes(axes, rank), iter(old)
    return (TensorSpec(tuple(1 if axis in new else next(left) for axis in range(rank)), inputs[0].dtype),)


def _infer_squeeze(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    """Without axes, every dimension of 1 goes."""
    shape = inputs[0].shape
    axes = axes_of(attributes, len(shape))
    if attributes.get("axes") is None:
        axes = tuple(axis for axis in axes if shape[axis] == 1)
    if any(shape[axis] != 1 for axis in axes):
        raise GraphError(f"axes {axes} are to go, but not all of them have a size of 1")
    return (TensorSpec(tuple(dim for axis, dim in enumerate(shape) if axis not in axes), inputs[0].dtype),)


def _part(rank: int, attributes: Attributes) -> slice:
    return slice(attributes.get("start", 0), attributes.get("end", rank))


def _infer_shape(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = inputs[0].shape
    return (TensorSpec((len(shape[_part(len(shape), attributes)]),), "int64"),)


def _shape(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    shape = inputs[0].shape
    outputs[0][...] = xp.asarray(shape[_part(len(shape), attributes)], dtype=outputs[0].dtype)


def _reshaping(name: str, infer: Infer, attributes: str, tensorflow: str) -> OperationRule:
    return row(name, infer, copy, attributes=attributes, tensorflow=tensorflow)


ROWS = (
    _reshaping("Reshape", _infer_reshape, "shape allowzero", "Reshape"),
    _reshaping("Flatten", _infer_flatten, "axis", "Reshape"),
    _reshaping("Unsqueeze", _infer_unsqueeze, "axes", "ExpandDims"),
    _reshaping("Squeeze", _infer_squeeze, "axes", "Squeeze"),
    row("Shape", _infer_shape, _shape, attributes="start end", tensorflow="Shape"),
)
