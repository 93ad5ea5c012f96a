"""Searching, sorting and set functions of the standard.

Sorting counts one comparison for each element and halving of its run. A result whose shape depends on values, such as
the unique ones, can only be learned by computing it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.array_api.forms import assigned, axes_in_order, flop_to_sort
from simgpu.kernels.array_api.promotion import (
    ARRAYS,
    INTEGER,
    REAL,
    operands,
    promote_scalar,
    with_scalar,
)
from simgpu.kernels.array_api.statistics import check_not_empty, reduced
from simgpu.kernels.dtypes import BOOL
from simgpu.kernels.elementwise import ONE_EACH
from simgpu.kernels.elementwise import where as where_of_three
from simgpu.kernels.rows import choice, dynamic_row, flop_per_input, row
from simgpu.kernels.rules import Attributes, Compute, ComputeDynamic, OperationRule, Specs
from simgpu.kernels.shapes import axis_of, broadcast_shape


def _infer_extreme_place(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    axis = attributes.get("axis")
    if axis is not None:
        axes_in_order((axis,), len(inputs[0].shape))
    check_not_empty(inputs[0], attributes)
    return (TensorSpec(reduced(inputs[0], attributes), "int64"),)


def _extreme_place(function: str) -> Compute:
    def compute(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        keepdims = attributes.get("keepdims", False)
        getattr(xp, function)(inputs[0], axis=attributes.get("axis"), keepdims=keepdims, out=outputs[0])

    return compute


def _infer_sort(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    axis_of(attributes, -1, len(inputs[0].shape))
    return (inputs[0],)


def _infer_argsort(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    axis_of(attributes, -1, len(inputs[0].shape))
    return (TensorSpec(inputs[0].shape, "int64"),)


def _kind(attributes: Attributes) -> str | None:
    return "stable" if attributes.get("stable", True) else None


def _sort(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Sort in place. Descending order is ascending order turned round, so NaN comes first."""
    y, axis = outputs[0], attributes.get("axis", -1)
    xp.copyto(y, inputs[0])
    y.sort(axis=axis, kind=_kind(attributes))
    if attributes.get("descending", False):
        xp.copyto(y, xp.flip(y, axis).copy())


def _argsort(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    """Order indices. For descending order the array is turned round before and after, so that equals keep theirs."""
    x, axis, kind = inputs[0], attributes.get("axis", -1), _kind(attributes)
    if not attributes.get("descending", False):
        return xp.argsort(x, axis=axis, kind=kind)
    turned = xp.flip(xp.argsort(xp.flip(x, axis), axis=axis, kind=kind), axis)
    return x.shape[axis] - 1 - turned


def _flop_sort(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    shape = inputs[0].shape
    return flop_to_sort(inputs[0].size, shape[axis_of(attributes, -1, len(shape))])


def _flop_sort_all(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    size = sum(spec.size for spec in inputs)
    return flop_to_sort(size, size)


def _infer_searchsorted(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    has_sorter = bool(attributes.get("sorter", False))
    choice(attributes, "side", ("left", "right"))
    if len(inputs) != 2 + has_sorter - ("scalar" in attributes):
        raise GraphError("takes the sorted array, what to place (or the attribute 'scalar'), and the sorter announced")
    if len(inputs[0].shape) != 1 or (has_sorter and inputs[-1].shape != inputs[0].shape):
        raise GraphError("the sorted array and its sorter must have one dimension and one length")
    if has_sorter and inputs[-1].dtype not in INTEGER:
        raise GraphError(f"the sorter is {inputs[-1]}; it must be of integers")
    if "scalar" not in attributes:
        return (TensorSpec(inputs[1].shape, "int64"),)
    promote_scalar(inputs[0].dtype, attributes["scalar"])
    return (TensorSpec((), "int64"),)


def _searchsorted(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, sought = inputs[0], _sought(xp, inputs, attributes)
    sorter = inputs[-1].astype("int64") if attributes.get("sorter", False) else None
    return xp.searchsorted(x, sought, side=attributes.get("side", "left"), sorter=sorter)


def _sought(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    if "scalar" not in attributes:
        return inputs[1]
    return _array_of(xp, attributes["scalar"], inputs[0])


def _array_of(xp: Any, scalar: Any, beside: Any) -> Any:
    """Return a Python scalar as an array of the dtype in which it meets the array beside it."""
    return xp.asarray(scalar, dtype=promote_scalar(beside.dtype.name, scalar))


def _flop_searchsorted(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    return flop_to_sort(outputs[0].size, inputs[0].size)


def _infer_where(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    choice(attributes, "side", ("right", "left"))
    shape, dtype = operands(inputs[1:], attributes)
    return (TensorSpec(broadcast_shape([inputs[0].shape, shape]), dtype),)


def _where(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    where_of_three(xp, [inputs[0], *with_scalar(inputs[1:], attributes)], outputs, attributes)


def _infer_isin(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    is_left = choice(attributes, "side", ("right", "left")) == "left"
    operands([TensorSpec((), spec.dtype) for spec in inputs], attributes)
    return (TensorSpec(() if is_left and "scalar" in attributes else inputs[0].shape, "bool"),)


def _isin(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    if "scalar" in attributes:
        scalar = _array_of(xp, attributes["scalar"], inputs[0])
        inputs = with_scalar(inputs, {**attributes, "scalar": scalar})
    return xp.isin(inputs[0], inputs[1], invert=attributes.get("invert", False))


def _check_dimensions(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    if not inputs[0].shape:
        raise GraphError("needs at least one dimension")
    return ()


def _check_nothing(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    return ()


def _nonzero(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> tuple[Any, ...]:
    return tuple(xp.nonzero(inputs[0]))


def _unique(*wanted: str) -> ComputeDynamic:
    """Return array code for the sorted unique values and more. Each NaN is unique, as the standard demands."""

    def compute(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> tuple[Any, ...]:
        found = xp.unique(inputs[0], equal_nan=False, **dict.fromkeys(wanted, True))
        if not wanted:
            return (found,)
        results = dict(zip(("values", *wanted), found, strict=True))
        if "return_inverse" in results:
            results["return_inverse"] = results["return_inverse"].reshape(inputs[0].shape)
        return tuple(results.values())

    return compute


def _sorting(name: str, infer: Any, compute: Compute) -> OperationRule:
    return row(
        name,
        infer,
        compute,
        accepts=(REAL,),
        attributes="axis descending stable",
        flop=_flop_sort,
        tensorflow="TopKV2",
    )


def _placing(name: str, tensorflow: str) -> OperationRule:
    return row(
        name,
        _infer_extreme_place,
        _extreme_place(name),
        accepts=(REAL,),
        attributes="axis keepdims",
        flop=flop_per_input(1),
        tensorflow=tensorflow,
    )


def _set(name: str, *wanted: str) -> OperationRule:
    return dynamic_row(
        name, _check_nothing, _unique(*wanted), accepts=(ARRAYS,), flop=_flop_sort_all, tensorflow="Unique"
    )


ROWS = (
    _placing("argmax", "ArgMax"),
    _placing("argmin", "ArgMin"),
    _sorting("argsort", _infer_argsort, assigned(_argsort)),
    _sorting("sort", _infer_sort, _sort),
    row(
        "searchsorted",
        _infer_searchsorted,
        assigned(_searchsorted),
        inputs=(1, 3),
        accepts=(REAL,),
        attributes="side scalar sorter",
        flop=_flop_searchsorted,
        tensorflow="Less",
    ),
    row(
        "where",
        _infer_where,
        _where,
        inputs=(2, 3),
        accepts=(BOOL, ARRAYS),
        attributes="scalar side",
        flop=ONE_EACH,
        tensorflow="SelectV2",
    ),
    row(
        "isin",
        _infer_isin,
        assigned(_isin),
        inputs=(1, 2),
        accepts=(ARRAYS,),
        attributes="scalar side invert",
        flop=_flop_sort_all,
        tensorflow="Equal",
    ),
    dynamic_row("nonzero", _check_dimensions, _nonzero, accepts=(ARRAYS,), tensorflow="Where"),
    _set("unique_all", "return_index", "return_inverse", "return_counts"),
    _set("unique_counts", "return_counts"),
    _set("unique_inverse", "return_inverse"),
    _set("unique_values"),
)
