"""Indexing: taking elements out of an array and putting them in. No FLOP.

An index beyond its dimension is seen only when values are there, and raises IndexError then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.array_api.keys import check_arrays, check_masks, indexed_shape, python_key
from simgpu.kernels.array_api.promotion import ARRAYS, INTEGER, check_storable, dtype_rank
from simgpu.kernels.dtypes import BOOL
from simgpu.kernels.rows import dynamic_row, require, row
from simgpu.kernels.rules import Attributes, OperationRule, Specs
from simgpu.kernels.shapes import axis_of, broadcast_shape

INDEXES = INTEGER | BOOL


def _infer_take(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape, indices = inputs[0].shape, inputs[1].shape
    if len(indices) != 1:
        raise GraphError(f"the indices have shape {indices}; they must have one dimension")
    if attributes.get("axis") is None and len(shape) != 1:
        raise GraphError(f"needs an axis for {len(shape)} dimensions")
    axis = _axis(len(shape), attributes)
    return (TensorSpec((*shape[:axis], *indices, *shape[axis + 1 :]), inputs[0].dtype),)


def _axis(rank: int, attributes: Attributes) -> int:
    return axis_of({"axis": 0} if attributes.get("axis") is None else attributes, None, rank)


def _take(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    x, indices = inputs
    xp.take(x, indices.astype("int64", copy=False), axis=_axis(x.ndim, attributes), out=outputs[0])


def _infer_take_along_axis(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape, indices = inputs[0].shape, inputs[1].shape
    if len(shape) != len(indices):
        raise GraphError(f"{inputs[0]} and its indices {inputs[1]} must have as many dimensions as one another")
    axis = axis_of(attributes, -1, len(shape))
    rest = broadcast_shape([(*dims[:axis], *dims[axis + 1 :]) for dims in (shape, indices)])
    return (TensorSpec((*rest[:axis], indices[axis], *rest[axis:]), inputs[0].dtype),)


def _take_along_axis(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    indices = inputs[1].astype("int64", copy=False)
    xp.copyto(outputs[0], xp.take_along_axis(inputs[0], indices, attributes.get("axis", -1)))


def _infer_getitem(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    key = check_arrays(require(attributes, "key"), inputs[1:])
    return (TensorSpec(indexed_shape(inputs[0].shape, key, inputs[1:]), inputs[0].dtype),)


def _getitem(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    outputs[0][...] = inputs[0][python_key(attributes["key"], inputs[1:])]


def _check_masked(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    key = check_arrays(require(attributes, "key"), inputs[1:])
    if "mask" not in key:
        raise GraphError(f"key {key} has no mask")
    check_masks(inputs[0].shape, key, inputs[1:])
    return ()


def _getitem_mask(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> tuple[Any, ...]:
    return (inputs[0][python_key(attributes["key"], inputs[1:])],)


def _infer_setitem(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    x, (arrays, value) = inputs[0], _key_and_value(inputs, attributes)
    key = check_arrays(require(attributes, "key"), arrays)
    if not isinstance(value, TensorSpec):
        check_storable(x.dtype, value)
    elif dtype_rank(value.dtype) > dtype_rank(x.dtype):
        raise GraphError(f"a value of {value.dtype} does not fit into {x.dtype}; cast it")
    if "mask" in key:
        check_masks(x.shape, key, arrays)
    else:
        _check_value_shape(indexed_shape(x.shape, key, arrays), value)
    return (x,)


def _key_and_value(inputs: Sequence[Any], attributes: Attributes) -> tuple[Sequence[Any], Any]:
    """Return the arrays of the key, and the value: the attribute if there is one, or else the last input."""
    if "value" in attributes:
        return inputs[1:], attributes["value"]
    if len(inputs) == 1:
        raise GraphError("needs a value: as its last input, or as the attribute 'value'")
    return inputs[1:-1], inputs[-1]


def _check_value_shape(place: tuple[int, ...], value: Any) -> None:
    shape = value.shape if isinstance(value, TensorSpec) else ()
    while len(shape) > len(place) and shape[0] == 1:  # NumPy lets these go
        shape = shape[1:]
    if broadcast_shape([place, shape]) != place:
        raise GraphError(f"a value of shape {value.shape} does not broadcast to {place}, the shape of what it replaces")


def _setitem(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Where the output is the first input itself, only the new elements are written.

    What is read then may lie where is written. NumPy looks after that; CuPy copies as if nothing overlapped.
    """
    y, others = outputs[0], inputs[1:]
    if y is not inputs[0]:
        xp.copyto(y, inputs[0])
    elif xp.__name__ != "numpy":
        others = [x.copy() if xp.may_share_memory(x, y) else x for x in others]
    arrays, value = _key_and_value((y, *others), attributes)
    y[python_key(attributes["key"], arrays)] = value


def _taking(name: str, infer: Any, compute: Any) -> OperationRule:
    accepts = (ARRAYS, INTEGER)
    return row(name, infer, compute, inputs=2, accepts=accepts, attributes="axis", tensorflow="GatherV2")


ROWS = (
    _taking("take", _infer_take, _take),
    _taking("take_along_axis", _infer_take_along_axis, _take_along_axis),
    row("getitem", _infer_getitem, _getitem, accepts=(ARRAYS,), attributes="key", tensorflow="StridedSlice"),
    row(
        "getitem_arrays",
        _infer_getitem,
        _getitem,
        inputs=(2, None),
        accepts=(ARRAYS, INTEGER),
        attributes="key",
        tensorflow="GatherV2",
    ),
    dynamic_row(
        "getitem_mask",
        _check_masked,
        _getitem_mask,
        inputs=(2, None),
        accepts=(ARRAYS, INDEXES),
        attributes="key",
        tensorflow="Where",
    ),
    row(
        "setitem",
        _infer_setitem,
        _setitem,
        inputs=(1, None),
        accepts=(ARRAYS,),
        attributes="key value",
        tensorflow="Identity",
    ),
)
