"""Manipulation functions of the standard: the same elements under another shape or in another order. No FLOP.

An array that is merely seen in another way is a view, which needs no operation; its row copies what the view shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.array_api.forms import assigned, axes_in_order, viewing
from simgpu.kernels.array_api.promotion import ARRAYS, INTEGER, promote_specs
from simgpu.kernels.movement import copy, joined_shape
from simgpu.kernels.movement import tile as tile_all_axes
from simgpu.kernels.rows import dynamic_row, integers, require, row
from simgpu.kernels.rules import Attributes, Specs
from simgpu.kernels.shapes import axis_of, broadcast_shape


def _infer_broadcast_arrays(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = broadcast_shape([spec.shape for spec in inputs])
    return tuple(TensorSpec(shape, spec.dtype) for spec in inputs)


def _broadcast_arrays(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    for x, y in zip(inputs, outputs, strict=True):
        xp.copyto(y, x)


def _infer_concat(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    """Without an axis, the inputs are flattened."""
    if attributes.get("axis", 0) is None:
        shape: tuple[int, ...] = (sum(spec.size for spec in inputs),)
    else:
        shapes = [spec.shape for spec in inputs]
        shape = joined_shape(shapes, axis_of(attributes, 0, len(shapes[0])))
    return (TensorSpec(shape, promote_specs(inputs)),)


def _concat(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    xp.concatenate(inputs, axis=attributes.get("axis", 0), out=outputs[0])


def _infer_stack(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = inputs[0].shape
    if any(spec.shape != shape for spec in inputs):
        raise GraphError("its inputs must have one shape")
    axis = axis_of(attributes, 0, len(shape) + 1)
    return (TensorSpec((*shape[:axis], len(inputs), *shape[axis:]), promote_specs(inputs)),)


def _stack(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    xp.stack(inputs, axis=attributes.get("axis", 0), out=outputs[0])


def _infer_unstack(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = inputs[0].shape
    axis = axis_of(attributes, 0, len(shape))
    return (TensorSpec((*shape[:axis], *shape[axis + 1 :]), inputs[0].dtype),) * shape[axis]


def _unstack(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    before = (slice(None),) * axis_of(attributes, 0, inputs[0].ndim)
    for place, y in enumerate(outputs):
        xp.copyto(y, inputs[0][(*before, place)])


def _infer_reshape(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    """One size may be -1: it takes what is left."""
    size, given = inputs[0].size, integers(require(attributes, "shape"), "shape")
    known = math.prod(dim for dim in given if dim != -1)
    if given.count(-1) > 1 or min(given, default=0) < -1 or (-1 in given and not known):
        raise GraphError(f"shape {given} may hold sizes and at most one -1, and that not beside a 0")
    wanted = tuple(size // known if dim == -1 else dim for dim in given)
    if math.prod(wanted) != size:
        raise GraphError(f"{size} elements do not fit into shape {given}")
    return (TensorSpec(wanted, inputs[0].dtype),)


def _infer_roll(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shift, axis = require(attributes, "shift"), attributes.get("axis")
    steps = (shift,) if type(shift) is int else integers(shift, "shift")
    axes = () if axis is None else axes_in_order(axis, len(inputs[0].shape))
    if len(steps) > 1 and len(steps) != len(axes):
        raise GraphError(f"shift {shift} and axis {axis} must be of one length")
    return (inputs[0],)


def _repetitions(rank: int, attributes: Attributes) -> tuple[int, ...]:
    """Return how often each axis is repeated. Fewer numbers than axes count from the last axis."""
    given = integers(require(attributes, "repetitions"), "repetitions")
    if min(given, default=0) < 0:
        raise GraphError(f"repetitions are {given}; each must be 0 or more")
    return (1,) * (rank - len(given)) + given


def _infer_tile(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = inputs[0].shape
    repetitions = _repetitions(len(shape), attributes)
    full = (1,) * (len(repetitions) - len(shape)) + shape
    return (TensorSpec(tuple(map(math.prod, zip(full, repetitions, strict=True))), inputs[0].dtype),)


def _tile(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    x, y = inputs[0], outputs[0]
    wide = x.reshape((1,) * (y.ndim - x.ndim) + x.shape)
    tile_all_axes(xp, [wide], outputs, {"repeats": _repetitions(x.ndim, attributes)})


def _repeated_axis(shape: tuple[int, ...], attributes: Attributes) -> tuple[tuple[int, ...], int]:
    """Return shape and axis to repeat. Without an axis, the array is flattened."""
    if attributes.get("axis") is None:
        return (math.prod(shape),), 0
    return shape, axis_of(attributes, None, len(shape))


def _infer_repeat(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    repeats = require(attributes, "repeats")
    if type(repeats) is not int or repeats < 0:
        raise GraphError(f"repeats is {repeats!r}; it must be an integer of 0 or more")
    shape, axis = _repeated_axis(inputs[0].shape, attributes)
    return (TensorSpec((*shape[:axis], shape[axis] * repeats, *shape[axis + 1 :]), inputs[0].dtype),)


def _repeat(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    return xp.repeat(inputs[0], attributes["repeats"], axis=attributes.get("axis"))


def _check_repeat_each(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape, axis = _repeated_axis(inputs[0].shape, attributes)
    if inputs[1].shape not in {(), (1,), (shape[axis],)}:
        raise GraphError(f"repeats is {inputs[1]}; it must have one dimension of {shape[axis]}, or none")
    return ()


def _repeat_each(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> tuple[Any, ...]:
    return (xp.repeat(inputs[0], inputs[1].astype("int64"), axis=attributes.get("axis")),)


ROWS = (
    viewing("broadcast_to", lambda xp, x, a: xp.broadcast_to(x, a["shape"]), "shape", "BroadcastTo"),
    viewing("expand_dims", lambda xp, x, a: xp.expand_dims(x, a["axis"]), "axis", "ExpandDims"),
    viewing("flip", lambda xp, x, a: xp.flip(x, a.get("axis")), "axis", "ReverseV2"),
    viewing(
        "moveaxis", lambda xp, x, a: xp.moveaxis(x, a["source"], a["destination"]), "source destination", "Transpose"
    ),
    viewing("permute_dims", lambda xp, x, a: xp.transpose(x, a["axes"]), "axes", "Transpose"),
    viewing("squeeze", lambda xp, x, a: xp.squeeze(x, a["axis"]), "axis", "Squeeze"),
    row("reshape", _infer_reshape, copy, attributes="shape", tensorflow="Reshape"),
    row(
        "roll",
        _infer_roll,
        assigned(lambda xp, inputs, a: xp.roll(inputs[0], a["shift"], axis=a.get("axis"))),
        attributes="shift axis",
        tensorflow="Roll",
    ),
    row("tile", _infer_tile, _tile, attributes="repetitions", tensorflow="Tile"),
    row("repeat", _infer_repeat, assigned(_repeat), attributes="repeats axis", tensorflow="Tile"),
    row("unstack", _infer_unstack, _unstack, attributes="axis", tensorflow="Unpack"),
    row(
        "broadcast_arrays",
        _infer_broadcast_arrays,
        _broadcast_arrays,
        inputs=(1, None),
        accepts=(ARRAYS,),
        tensorflow="BroadcastTo",
    ),
    row(
        "concat",
        _infer_concat,
        _concat,
        inputs=(1, None),
        accepts=(ARRAYS,),
        attributes="axis",
        tensorflow="ConcatV2",
    ),
    row("stack", _infer_stack, _stack, inputs=(1, None), accepts=(ARRAYS,), attributes="axis", tensorflow="Pack"),
    dynamic_row(
        "repeat_each",
        _check_repeat_each,
        _repeat_each,
        inputs=2,
        accepts=(ARRAYS, INTEGER),
        attributes="axis",
        tensorflow="Tile",
    ),
)
