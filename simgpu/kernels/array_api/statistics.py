"""Statistical and utility functions of the standard: reductions along axes, running sums, differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.array_api.forms import assigned, axes_in_order, reduced_shape
from simgpu.kernels.array_api.promotion import ARRAYS, FLOATING, NUMBER, REAL, promote_specs
from simgpu.kernels.dtypes import COMPLEX, FLOAT
from simgpu.kernels.movement import joined_shape
from simgpu.kernels.precision import through_single
from simgpu.kernels.reduction import reduce_into
from simgpu.kernels.rows import flop_per_input, flop_per_output, row
from simgpu.kernels.rules import Attributes, Compute, Infer, OperationRule, Specs
from simgpu.kernels.shapes import axis_of

AXES = "axis keepdims"
_WIDE = {"int8": "int64", "int16": "int64", "int32": "int64", "uint8": "uint64", "uint16": "uint64", "uint32": "uint64"}


def reduced(spec: TensorSpec, attributes: Attributes) -> tuple[int, ...]:
    """Return the shape of a tensor reduced along the attribute `axis`: one, several, or by default all."""
    return reduced_shape(spec.shape, axes_in_order(attributes.get("axis"), len(spec.shape)), attributes)


def sum_dtype(spec: TensorSpec, attributes: Attributes) -> str:
    """Return the dtype of a sum: the attribute `dtype`, or the widest integer for integers, or that of the input."""
    dtype = attributes.get("dtype")
    if dtype is None:
        return _WIDE.get(spec.dtype, spec.dtype)
    if dtype not in NUMBER or (spec.dtype in COMPLEX and dtype not in COMPLEX):
        raise GraphError(f"dtype is {dtype!r}; a sum of {spec.dtype} cannot be of that")
    return str(dtype)


def _infer_same_dtype(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    return (TensorSpec(reduced(inputs[0], attributes), inputs[0].dtype),)


def _infer_sum(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    return (TensorSpec(reduced(inputs[0], attributes), sum_dtype(inputs[0], attributes)),)


def _infer_to(dtype: str) -> Infer:
    return lambda inputs, attributes: (TensorSpec(reduced(inputs[0], attributes), dtype),)


def _infer_extreme(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    check_not_empty(inputs[0], attributes)
    return _infer_same_dtype(inputs, attributes)


def check_not_empty(spec: TensorSpec, attributes: Attributes) -> None:
    """Raise GraphError for a reduction of no elements, where there is no result."""
    axes = axes_in_order(attributes.get("axis"), len(spec.shape))
    if not math.prod(spec.shape[axis] for axis in axes):
        raise GraphError("there is no extreme among no elements")


def _by(function: str, *, passes_dtype: bool = False) -> Compute:
    def compute(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        y = outputs[0]
        options: dict[str, Any] = {"dtype": y.dtype} if passes_dtype else {}
        if "correction" in attributes:
            options["ddof"] = attributes["correction"]
        options |= {"axis": attributes.get("axis"), "keepdims": attributes.get("keepdims", False)}
        is_defined = function not in _MEANS or _elements(inputs[0], attributes) > options.get("ddof", 0)
        if not is_defined:
            options.pop("ddof", None)
        if is_defined or inputs[0].size:
            reduce_into(xp, function, inputs[0], y, **options)
        if not is_defined:
            xp.divide(y if inputs[0].size else 0.0, 0.0, out=y)

    return through_single(compute, everywhere=function in _SQUARING)


_MEANS = frozenset({"mean", "std", "var"})
"""What divides by a number of elements: where that is 0 or less the result is not a number, or infinite."""
_SQUARING = frozenset({"std", "var"})
"""What adds up squares, which half precision soon cannot hold; CuPy adds in the dtype of the result."""


def _elements(x: Any, attributes: Attributes) -> int:
    """Return how many elements of an array go into each of the result."""
    return math.prod(x.shape[axis] for axis in axes_in_order(attributes.get("axis"), x.ndim))


def _infer_spread(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    correction = attributes.get("correction", 0.0)
    if not isinstance(correction, int | float):
        raise GraphError(f"correction is {correction!r}; it must be a number")
    return _infer_same_dtype(inputs, attributes)


def _count_nonzero(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, axis = inputs[0], attributes.get("axis")
    shape = reduced_shape(x.shape, axes_in_order(axis, x.ndim), attributes)
    return xp.asarray(xp.count_nonzero(x, axis=axis)).reshape(shape)


def _running_axis(shape: tuple[int, ...], attributes: Attributes) -> int:
    if attributes.get("axis") is None and len(shape) != 1:
        raise GraphError(f"needs an axis for {len(shape)} dimensions")
    axis = attributes.get("axis")
    return axis_of({"axis": 0 if axis is None else axis}, None, len(shape))


def _infer_running(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = list(inputs[0].shape)
    axis = _running_axis(inputs[0].shape, attributes)
    shape[axis] += bool(attributes.get("include_initial", False))
    return (TensorSpec(tuple(shape), sum_dtype(inputs[0], attributes)),)


def _running(function: str, first: int) -> Compute:
    def compute(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        x, y = inputs[0], outputs[0]
        axis = _running_axis(x.shape, attributes)
        before = (slice(None),) * axis
        if attributes.get("include_initial", False):
            y[(*before, slice(0, 1))] = first
            y = y[(*before, slice(1, None))]
        getattr(xp, function)(x, axis=axis, dtype=y.dtype, out=y)

    return through_single(compute, everywhere=True)  # a running sum in half precision comes to a stop at 2048


def _infer_diff(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    axis = axis_of(attributes, -1, len(inputs[0].shape))
    n = attributes.get("n", 1)
    if type(n) is not int or n < 0:
        raise GraphError(f"n is {n!r}; it must be an integer of 0 or more")
    shape = list(joined_shape([spec.shape for spec in inputs], axis))
    _check_ends(inputs, attributes)
    if not n:
        return (inputs[0],)
    shape[axis] = max(0, shape[axis] - n)
    return (TensorSpec(tuple(shape), promote_specs(inputs)),)


def _check_ends(inputs: Specs, attributes: Attributes) -> None:
    announced = bool(attributes.get("prepend", False)) + bool(attributes.get("append", False))
    if len(inputs) != 1 + announced:
        raise GraphError(f"has {len(inputs) - 1} inputs after the first; prepend and append announce {announced}")


def _diff(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    ends = dict(zip([key for key in ("prepend", "append") if attributes.get(key, False)], inputs[1:], strict=True))
    return xp.diff(inputs[0], n=attributes.get("n", 1), axis=attributes.get("axis", -1), **ends)


def _flop_diff(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    return int(attributes.get("n", 1)) * outputs[0].size


def _reduction(
    name: str,
    infer: Infer,
    accepts: frozenset[str],
    tensorflow: str,
    compute: Compute,
    *,
    extra: str = "",
    flop: int = 1,
) -> OperationRule:
    return row(
        name,
        infer,
        compute,
        accepts=(accepts,),
        attributes=f"{AXES} {extra}",
        flop=flop_per_input(flop),
        tensorflow=tensorflow,
    )


def _cumulative(name: str, compute: Compute, tensorflow: str) -> OperationRule:
    attributes = "axis dtype include_initial"
    return row(
        name,
        _infer_running,
        compute,
        accepts=(NUMBER,),
        attributes=attributes,
        flop=flop_per_output(1),
        tensorflow=tensorflow,
    )


SPREAD_FLOP = 4
"""For each element: one addition for the mean, then subtract, square and add."""

ROWS = (
    _reduction("all", _infer_to("bool"), ARRAYS, "All", _by("all")),
    _reduction("any", _infer_to("bool"), ARRAYS, "Any", _by("any")),
    _reduction("count_nonzero", _infer_to("int64"), ARRAYS, "Sum", assigned(_count_nonzero)),
    _reduction("max", _infer_extreme, REAL, "Max", _by("max")),
    _reduction("mean", _infer_same_dtype, FLOATING, "Mean", _by("mean")),
    _reduction("min", _infer_extreme, REAL, "Min", _by("min")),
    _reduction("prod", _infer_sum, NUMBER, "Prod", _by("prod", passes_dtype=True), extra="dtype"),
    _reduction("std", _infer_spread, FLOAT, "Mean", _by("std"), extra="correction", flop=SPREAD_FLOP),
    _reduction("sum", _infer_sum, NUMBER, "Sum", _by("sum", passes_dtype=True), extra="dtype"),
    _reduction("var", _infer_spread, FLOAT, "Mean", _by("var"), extra="correction", flop=SPREAD_FLOP),
    _cumulative("cumulative_prod", _running("cumprod", 1), "Cumprod"),
    _cumulative("cumulative_sum", _running("cumsum", 0), "Cumsum"),
    row(
        "diff",
        _infer_diff,
        assigned(_diff),
        inputs=(1, 3),
        accepts=(NUMBER,),
        attributes="axis n prepend append",
        flop=_flop_diff,
        tensorflow="Sub",
    ),
)
