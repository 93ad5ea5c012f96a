"""Arithmetic, comparison and logic of elements, under NumPy's broadcasting.

Each arithmetic operation, comparison or elementary function of an element counts as 1 FLOP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.dtypes import ANY, BOOL, FLOAT, NOT_IN_ARRAYS, NUMERIC, SIGNED
from simgpu.kernels.error_function import compute_erf
from simgpu.kernels.precision import through_single
from simgpu.kernels.rows import flop_per_output, row
from simgpu.kernels.rules import Attributes, Compute, OperationRule, Specs
from simgpu.kernels.shapes import broadcast, broadcast_shape, one_dtype, same

ARRAYS = ANY - NOT_IN_ARRAYS
ONE_EACH = flop_per_output(1)


def by_ufunc(name: str) -> Compute:
    """Return array code that hands all inputs to one function of the array module."""

    def compute(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        getattr(xp, name)(*inputs, out=outputs[0])

    return compute


def _folded(name: str) -> Compute:
    """Return array code that folds any number of inputs with one function of two arguments."""

    def compute(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        y, fold = outputs[0], getattr(xp, name)
        if len(inputs) == 1:
            xp.copyto(y, inputs[0])
        else:
            fold(inputs[0], inputs[1], out=y)
        for other in inputs[2:]:
            fold(y, other, out=y)

    return compute


def _mean(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    _folded("add")(xp, inputs, outputs, attributes)
    xp.divide(outputs[0], len(inputs), out=outputs[0])


def _divide(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Integers are truncated toward zero, as ONNX and C do."""
    dividend, divisor = inputs
    y = outputs[0]
    if y.dtype.kind not in "iu":
        xp.divide(dividend, divisor, out=y)
        return
    xp.floor_divide(dividend, divisor, out=y)
    if y.dtype.kind == "i":
        xp.add(y, (y < 0) & (y * divisor != dividend), out=y)


def _power(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    xp.power(inputs[0], inputs[1], out=outputs[0], casting="unsafe")


def _infer_power(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    return (TensorSpec(broadcast_shape([spec.shape for spec in inputs]), inputs[0].dtype),)


def _infer_truth(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    (result,) = broadcast(inputs, attributes)
    return (TensorSpec(result.shape, "bool"),)


def _infer_where(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    return (TensorSpec(broadcast_shape([spec.shape for spec in inputs]), one_dtype(inputs[1:])),)


def where(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Take elements of the second input where the first is true, and of the third elsewhere. They may be scalars."""
    condition, chosen, other = inputs
    xp.copyto(outputs[0], other)
    xp.copyto(outputs[0], chosen, where=condition)


def _infer_clip(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    low, high = attributes.get("min"), attributes.get("max")
    for key, bound in (("min", low), ("max", high)):
        if bound is not None and not isinstance(bound, int | float):
            raise GraphError(f"{key} is {bound!r}; it must be a number")
    return (inputs[0],)


def _clip(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Where `min` is above `max`, every element becomes `max`."""
    x, y = inputs[0], outputs[0]
    low, high = attributes.get("min"), attributes.get("max")
    if low is None:
        xp.copyto(y, x)
    else:
        xp.maximum(x, low, out=y)
    if high is not None:
        xp.minimum(y, high, out=y)


def _unary(name: str, ufunc: str, accepts: frozenset[str] = FLOAT, *, tensorflow: str = "") -> OperationRule:
    compute = through_single(by_ufunc(ufunc))
    return row(name, same, compute, accepts=(accepts,), flop=ONE_EACH, tensorflow=tensorflow or name)


def _binary(name: str, compute: Compute, tensorflow: str) -> OperationRule:
    return row(
        name, broadcast, through_single(compute), inputs=2, accepts=(NUMERIC,), flop=ONE_EACH, tensorflow=tensorflow
    )


def _variadic(name: str, compute: Compute, tensorflow: str, accepts: frozenset[str] = NUMERIC) -> OperationRule:
    def flop(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
        return (len(inputs) - (name != "Mean")) * outputs[0].size

    return row(
        name,
        broadcast,
        through_single(compute),
        inputs=(1, None),
        accepts=(accepts,),
        flop=flop,
        tensorflow=tensorflow,
    )


def _truth(name: str, ufunc: str, accepts: frozenset[str] = NUMERIC, *, tensorflow: str = "") -> OperationRule:
    compute = by_ufunc(ufunc)
    return row(name, _infer_truth, compute, inputs=2, accepts=(accepts,), flop=ONE_EACH, tensorflow=tensorflow or name)


ROWS = (
    _unary("Abs", "absolute", NUMERIC),
    _unary("Ceil", "ceil"),
    _unary("Exp", "exp"),
    _unary("Floor", "floor"),
    _unary("Log", "log"),
    _unary("Neg", "negative", FLOAT | SIGNED),
    _unary("Reciprocal", "reciprocal"),
    _unary("Sqrt", "sqrt"),
    row("Erf", same, through_single(compute_erf, everywhere=True), accepts=(FLOAT,), flop=ONE_EACH, tensorflow="Erf"),
    row(
        "Clip",
        _infer_clip,
        through_single(_clip),
        accepts=(NUMERIC,),
        attributes="min max",
        flop=flop_per_output(2),
        tensorflow="Minimum",
    ),
    _binary("Add", by_ufunc("add"), "AddV2"),
    _binary("Sub", by_ufunc("subtract"), "Sub"),
    _binary("Mul", by_ufunc("multiply"), "Mul"),
    _binary("Div", _divide, "RealDiv"),
    row(
        "Pow",
        _infer_power,
        through_single(_power),
        inputs=2,
        accepts=(NUMERIC,),
        flop=ONE_EACH,
        tensorflow="Pow",
    ),
    _variadic("Max", _folded("maximum"), "Maximum"),
    _variadic("Min", _folded("minimum"), "Minimum"),
    _variadic("Sum", _folded("add"), "AddN"),
    _variadic("Mean", _mean, "AddN", FLOAT),
    _truth("Equal", "equal", ARRAYS),
    _truth("Greater", "greater"),
    _truth("GreaterOrEqual", "greater_equal", tensorflow="GreaterEqual"),
    _truth("Less", "less"),
    _truth("LessOrEqual", "less_equal", tensorflow="LessEqual"),
    _truth("And", "logical_and", BOOL, tensorflow="LogicalAnd"),
    _truth("Or", "logical_or", BOOL, tensorflow="LogicalOr"),
    _truth("Xor", "logical_xor", BOOL, tensorflow="NotEqual"),
    _unary("Not", "logical_not", BOOL, tensorflow="LogicalNot"),
    row("Where", _infer_where, where, inputs=3, accepts=(BOOL, ARRAYS), flop=ONE_EACH, tensorflow="SelectV2"),
)
