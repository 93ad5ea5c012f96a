"""Reductions along axes: sums, means, extremes and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simgpu.graph import TensorSpec
from simgpu.kernels.dtypes import NUMERIC
from simgpu.kernels.precision import through_single
from simgpu.kernels.rows import flop_per_input, row
from simgpu.kernels.rules import Attributes, Compute, OperationRule, Specs
from simgpu.kernels.shapes import axes_of, axis_of


def _axes(shape: tuple[int, ...], attributes: Attributes) -> tuple[int, ...]:
    """Return the axes to reduce. No axes, or an empty list: all of them, or with `noop_with_empty_axes` none."""
    if not attributes.get("axes"):
        return () if attributes.get("noop_with_empty_axes", 0) else tuple(range(len(shape)))
    return axes_of(attributes, len(shape))


def _without(shape: tuple[int, ...], axes: Sequence[int], attributes: Attributes) -> tuple[int, ...]:
    kept = [1 if axis in axes else dim for axis, dim in enumerate(shape)]
    if attributes.get("keepdims", 1):
        return tuple(kept)
    return tuple(dim for axis, dim in enumerate(shape) if axis not in axes)


def _infer(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = inputs[0].shape
    return (TensorSpec(_without(shape, _axes(shape, attributes), attributes), inputs[0].dtype),)


def reduce_into(xp: Any, function: str, x: Any, y: Any, **options: Any) -> None:
    """Call a reduction that writes into `y`.

    CuPy's minimum cannot: it takes `out` for a dtype (14.2). Its sums are sums in the dtype that they are told.
    """
    if function == "min" and xp.__name__ != "numpy":
        xp.copyto(y, xp.min(x, **options))
        return
    if function in ("sum", "prod") and y.dtype.char == "e":  # half precision
        options["dtype"] = xp.float32
    getattr(xp, function)(x, out=y, **options)


def _by(function: str) -> Compute:
    def compute(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        x, y = inputs[0], outputs[0]
        axes = _axes(x.shape, attributes)
        if axes:
            reduce_into(xp, function, x, y, axis=axes, keepdims=bool(attributes.get("keepdims", 1)))
        else:
            xp.copyto(y, x.reshape(y.shape))

    return compute


def _mean(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Average; a mean of integers is truncated toward zero."""
    x, y = inputs[0], outputs[0]
    if x.dtype.kind in "iu":
        mean = xp.mean(x, axis=_axes(x.shape, attributes), keepdims=True)
        xp.copyto(y, mean.reshape(y.shape), casting="unsafe")
    else:
        _by("mean")(xp, inputs, outputs, attributes)


def _infer_arg(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = inputs[0].shape
    axis = axis_of(attributes, 0, len(shape))
    return (TensorSpec(_without(shape, (axis,), attributes), "int64"),)


def _arg_max(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    x, y = inputs[0], outputs[0]
    axis = axis_of(attributes, 0, x.ndim)
    if attributes.get("select_last_index", 0):
        xp.subtract(x.shape[axis] - 1, xp.argmax(xp.flip(x, axis), axis=axis).reshape(y.shape), out=y)
    else:
        xp.copyto(y, xp.argmax(x, axis=axis).reshape(y.shape))


def _reduction(name: str, compute: Compute, tensorflow: str) -> OperationRule:
    return row(
        name,
        _infer,
        through_single(compute),
        accepts=(NUMERIC,),
        attributes="axes keepdims noop_with_empty_axes",
        flop=flop_per_input(1),
        tensorflow=tensorflow,
    )


ROWS = (
    _reduction("ReduceMax", _by("max"), "Max"),
    _reduction("ReduceMean", _mean, "Mean"),
    _reduction("ReduceMin", _by("min"), "Min"),
    _reduction("ReduceSum", _by("sum"), "Sum"),
    row(
        "ArgMax",
        _infer_arg,
        _arg_max,
        accepts=(NUMERIC,),
        attributes="axis keepdims select_last_index",
        flop=flop_per_input(1),
        tensorflow="ArgMax",
    ),
)
