"""Moving data between shapes: no arithmetic, so no FLOP. Each tensor owns its bytes, so these copy.

Shapes, axes and bounds are attributes here; a model file may hold them as inputs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.dtypes import ANY, INDEX, NOT_IN_ARRAYS
from simgpu.kernels.rows import choice, integers, ints, require, row
from simgpu.kernels.rules import Attributes, Compute, OperationRule, Specs
from simgpu.kernels.shapes import axis_of, broadcast_shape, one_dtype, same


def _infer_cast(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    return (TensorSpec(inputs[0].shape, require(attributes, "dtype")),)


def cast(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Copy the elements into the dtype of the output."""
    xp.copyto(outputs[0], inputs[0], casting="unsafe")


def copy(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Copy the elements in their order, whatever the shapes."""
    xp.copyto(outputs[0], inputs[0].reshape(outputs[0].shape))


def joined_shape(shapes: Sequence[tuple[int, ...]], axis: int) -> tuple[int, ...]:
    """Return the shape of arrays put one after another along an axis, which counts from the front."""
    if len({(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}) > 1 or len(set(map(len, shapes))) > 1:
        raise GraphError(f"its inputs differ in more than axis {axis}")
    joined = sum(shape[axis] for shape in shapes)
    return (*shapes[0][:axis], joined, *shapes[0][axis + 1 :])


def _infer_concat(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shapes = [spec.shape for spec in inputs]
    require(attributes, "axis")
    axis = axis_of(attributes, None, len(shapes[0]))
    return (TensorSpec(joined_shape(shapes, axis), one_dtype(inputs)),)


def _concat(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    xp.concatenate(inputs, axis=attributes["axis"], out=outputs[0])


def _infer_split(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = inputs[0].shape
    axis = axis_of(attributes, 0, len(shape))
    parts = _parts(shape[axis], attributes)
    return tuple(TensorSpec((*shape[:axis], part, *shape[axis + 1 :]), inputs[0].dtype) for part in parts)


def _parts(size: int, attributes: Attributes) -> tuple[int, ...]:
    """Sizes of the pieces: those given, or `num_outputs` equal ones of which the last may be smaller."""
    if "split" in attributes:
        parts = integers(attributes["split"], "split")
        if not parts or min(parts) < 0 or sum(parts) != size:
            raise GraphError(f"split is {parts}; it must be sizes that add up to {size}")
        return parts
    count = require(attributes, "num_outputs")
    if type(count) is not int or not 1 <= count <= max(1, size):
        raise GraphError(f"num_outputs is {count!r}; an axis of {size} can be split into 1 to {max(1, size)} pieces")
    piece = -(-size // count)
    return tuple(max(0, min(piece, size - piece * number)) for number in range(count))


def _split(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    axis = axis_of(attributes, 0, inputs[0].ndim)
    start = 0
    for y in outputs:
        stop = start + y.shape[axis]
        xp.copyto(y, inputs[0][(*(slice(None),) * axis, slice(start, stop))])
        start = stop


def _infer_transpose(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = inputs[0].shape
    return (TensorSpec(tuple(shape[axis] for axis in _order(len(shape), attributes)), inputs[0].dtype),)


def _order(rank: int, attributes: Attributes) -> tuple[int, ...]:
    order = ints(attributes, "perm", tuple(reversed(range(rank))))
    if sorted(order) != list(range(rank)):
        raise GraphError(f"perm is {order}; it must name each of the axes 0 to {rank - 1} once")
    return order


def _transpose(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    xp.copyto(outputs[0], xp.transpose(inputs[0], _order(inputs[0].ndim, attributes)))


def _infer_slice(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = inputs[0].shape
    cuts = _cuts(shape, attributes)
    kept = tuple(len(range(*cut.indices(dim))) for cut, dim in zip(cuts, shape, strict=True))
    return (TensorSpec(kept, inputs[0].dtype),)


def _cuts(shape: tuple[int, ...], attributes: Attributes) -> tuple[slice, ...]:
    starts = integers(require(attributes, "starts"), "starts")
    ends = ints(attributes, "ends", starts)
    axes = ints(attributes, "axes", tuple(range(len(starts))))
    steps = ints(attributes, "steps", (1,) * len(starts))
    if 0 in steps:
        raise GraphError("a step of 0 leads nowhere")
    cuts = [slice(None)] * len(shape)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        cuts[axis_of({"axis": axis}, None, len(shape))] = slice(start, end, step)
    return tuple(cuts)


def _slice(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    xp.copyto(outputs[0], inputs[0][_cuts(inputs[0].shape, attributes)])


def _infer_pad(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = inputs[0].shape
    choice(attributes, "mode", ("constant",))
    pads = ints(attributes, "pads", (0,) * (2 * len(shape)))
    padded = tuple(begin + dim + end for begin, dim, end in zip(pads, shape, pads[len(shape) :], strict=False))
    if min(padded, default=0) < 0:
        raise GraphError(f"pads {pads} take away more than there is")
    return (TensorSpec(padded, inputs[0].dtype),)


def _pad(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Fill, then copy what is inside; a negative pad takes elements away."""
    x, y = inputs[0], outputs[0]
    begins = ints(attributes, "pads", (0,) * (2 * x.ndim))[: x.ndim]
    y.fill(attributes.get("value", 0))
    outer = tuple(
        slice(max(0, begin), max(0, min(begin + size, wide)))
        for begin, size, wide in zip(begins, x.shape, y.shape, strict=True)
    )
    inner = tuple(slice(cut.start - begin, cut.stop - begin) for cut, begin in zip(outer, begins, strict=True))
    y[outer] = x[inner]


def _infer_gather(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = inputs[0].shape
    axis = axis_of(attributes, 0, len(shape))
    return (TensorSpec((*shape[:axis], *inputs[1].shape, *shape[axis + 1 :]), inputs[0].dtype),)


def _gather(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    xp.take(inputs[0], inputs[1], axis=attributes.get("axis", 0), out=outputs[0])


def _infer_expand(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    wanted = integers(require(attributes, "shape"), "shape")
    return (TensorSpec(broadcast_shape([inputs[0].shape, wanted]), inputs[0].dtype),)


def _expand(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    xp.copyto(outputs[0], inputs[0])


def _infer_tile(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = inputs[0].shape
    require(attributes, "repeats")
    repeats = ints(attributes, "repeats", (1,) * len(shape), least=0)
    return (TensorSpec(tuple(map(math.prod, zip(shape, repeats, strict=True))), inputs[0].dtype),)


def tile(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Split each axis of the output into (repeats, size); then one broadcast copy fills it."""
    x, y = inputs[0], outputs[0]
    pairs = [pair for repeat, size in zip(attributes["repeats"], x.shape, strict=True) for pair in (repeat, size)]
    source = x.reshape([part for size in x.shape for part in (1, size)])
    xp.copyto(y.reshape(pairs), source)


def _moving(name: str, infer: Any, compute: Compute, attributes: str, tensorflow: str = "") -> OperationRule:
    return row(name, infer, compute, attributes=attributes, tensorflow=tensorflow or name)


ROWS = (
    _moving("Cast", _infer_cast, cast, "dtype saturate"),
    _moving("Identity", same, copy, ""),
    _moving("Transpose", _infer_transpose, _transpose, "perm"),
    _moving("Slice", _infer_slice, _slice, "starts ends axes steps", "StridedSlice"),
    _moving("Pad", _infer_pad, _pad, "mode pads value", "Pad"),
    _moving("Split", _infer_split, _split, "axis split num_outputs", "SplitV"),
    _moving("Expand", _infer_expand, _expand, "shape", "BroadcastTo"),
    _moving("Tile", _infer_tile, tile, "repeats"),
    row("Concat", _infer_concat, _concat, inputs=(1, None), attributes="axis", tensorflow="ConcatV2"),
    row(
        "Gather",
        _infer_gather,
        _gather,
        inputs=2,
        accepts=(ANY - NOT_IN_ARRAYS, INDEX),
        attributes="axis",
        tensorflow="GatherV2",
    ),
)
