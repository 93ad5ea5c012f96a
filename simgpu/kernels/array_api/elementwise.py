"""Elementwise functions of the standard. Each counts as 1 FLOP for an element of the result.

A function of two operands takes two arrays, or one and a Python scalar as an attribute. Dtypes that the standard does
not allow are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.array_api.promotion import (
    ARRAYS,
    FLOATING,
    INTEGER,
    NUMBER,
    REAL,
    REAL_PART,
    dtype_rank,
    integer_range,
    operands,
    promote,
    promote_scalar,
    with_scalar,
)
from simgpu.kernels.dtypes import BOOL, COMPLEX, FLOAT
from simgpu.kernels.elementwise import ONE_EACH, by_ufunc
from simgpu.kernels.rows import choice, flop_per_output, row
from simgpu.kernels.rules import Attributes, Compute, Infer, OperationRule, Specs
from simgpu.kernels.shapes import broadcast_shape, same

SCALAR = "scalar side"
"""Attributes of a function of two operands: a Python scalar, and on which side of the input it stands."""
BITS = INTEGER | BOOL
_PYTHON = {
    "equal": eq,
    "greater": gt,
    "greater_equal": ge,
    "less": lt,
    "less_equal": le,
    "not_equal": ne,
}


def real_of(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    """Give the result the shape of the input, and the dtype of its real part."""
    return (TensorSpec(inputs[0].shape, REAL_PART.get(inputs[0].dtype, inputs[0].dtype)),)


def truth(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    """Give the result the shape of the input, as bool."""
    return (TensorSpec(inputs[0].shape, "bool"),)


def _unary(
    name: str, accepts: frozenset[str], tensorflow: str, *, ufunc: str = "", infer: Infer = same
) -> OperationRule:
    function = ufunc or name
    return row(
        name,
        infer,
        by_ufunc(function),
        accepts=(accepts,),
        flop=ONE_EACH,
        tensorflow=tensorflow,
        function=function,
    )


def _whole(name: str, ufunc: str, tensorflow: str) -> OperationRule:
    """Return the row of a function that rounds. Integers are whole already, in every module and version."""

    def compute(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        if inputs[0].dtype.kind in "iu":
            xp.copyto(outputs[0], inputs[0])
        else:
            getattr(xp, ufunc)(inputs[0], out=outputs[0])

    accepts = NUMBER if name == "round" else REAL
    return row(name, same, compute, accepts=(accepts,), flop=ONE_EACH, tensorflow=tensorflow)


def _part(name: str, accepts: frozenset[str], tensorflow: str) -> OperationRule:
    def compute(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        xp.copyto(outputs[0], getattr(inputs[0], name))

    return row(name, real_of, compute, accepts=(accepts,), tensorflow=tensorflow)


def _binary(
    name: str, accepts: frozenset[str], tensorflow: str, *, ufunc: str = "", results: frozenset[str] = ARRAYS
) -> OperationRule:
    """Return the row of a function of two operands, whose common dtype must be one of `results`."""

    def infer(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
        choice(attributes, "side", ("right", "left"))
        shape, dtype = operands(inputs, attributes)
        _check_common(dtype, results & accepts if results is ARRAYS else results)
        return (TensorSpec(shape, dtype),)

    return _binary_row(name, infer, ufunc or name, accepts, tensorflow)


def _comparison(name: str, accepts: frozenset[str], tensorflow: str) -> OperationRule:
    """Return the row of a comparison, which may meet a scalar beyond the range of the array's dtype."""

    def infer(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
        choice(attributes, "side", ("right", "left"))
        shape, dtype = operands(inputs, attributes, must_fit=False)
        _check_common(dtype, accepts)
        return (TensorSpec(shape, "bool"),)

    return replace(_binary_row(name, infer, name, accepts, tensorflow), compute=_compared(name))


def _compared(function: str) -> Compute:
    """Return array code that knows of itself how integers compare with a scalar beyond their dtype."""
    on_operands, operator = _on_operands(function), _PYTHON[function]

    def compute(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        scalar = attributes.get("scalar")
        if type(scalar) is int and not 0 <= scalar < 128 and inputs[0].dtype.kind in "iu":
            low, high = integer_range(inputs[0].dtype.name)
            if not low <= scalar <= high:
                outputs[0].fill(operator(*with_scalar([0], attributes)))  # as 0 does, so does every value of the dtype
                return
        on_operands(xp, inputs, outputs, attributes)

    return compute


def _check_common(dtype: str, allowed: frozenset[str]) -> None:
    if dtype not in allowed:
        raise GraphError(f"its operands meet in {dtype}; it must be one of {', '.join(sorted(allowed))}, so cast them")


def _binary_row(name: str, infer: Infer, function: str, accepts: frozenset[str], tensorflow: str) -> OperationRule:
    return row(
        name,
        infer,
        _on_operands(function),
        inputs=(1, 2),
        accepts=(accepts,),
        attributes=SCALAR,
        flop=ONE_EACH,
        tensorflow=tensorflow,
        function=function,
    )


def _on_operands(function: str) -> Compute:
    def compute(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        left, right = with_scalar(inputs, attributes)
        getattr(xp, function)(left, right, out=outputs[0])

    return compute


def _infer_quotient(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    """Quotients of integers are float64, as NumPy's: the standard leaves them open."""
    choice(attributes, "side", ("right", "left"))
    shape, dtype = operands(inputs, attributes)
    _check_common(dtype, NUMBER)
    return (TensorSpec(shape, "float64" if dtype in INTEGER else dtype),)


def _infer_power(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape, dtype = operands(inputs, attributes)
    scalar, side = attributes.get("scalar", 0), choice(attributes, "side", ("right", "left"))
    if dtype in INTEGER and side == "right" and scalar < 0:
        raise GraphError(f"an integer to the power of {scalar} is no integer; cast the input to a floating-point dtype")
    return (TensorSpec(shape, dtype),)


def _bounds(inputs: Sequence[Any], attributes: Attributes) -> list[Any]:
    """Return the lower and the upper bound: a scalar, None, or one of the inputs after the first."""
    given = list(inputs[1:])
    bounds = [attributes.get(key) for key in ("min", "max")]
    if bounds.count("array") != len(given):
        raise GraphError(f"has {len(given)} inputs as bounds; min and max say 'array' for {bounds.count('array')}")
    return [given.pop(0) if bound == "array" else bound for bound in bounds]


def _infer_clip(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    """Give the result the dtype of the first input; bounds must be of its kind."""
    dtype = inputs[0].dtype
    for bound in _bounds(inputs, attributes):
        if isinstance(bound, TensorSpec):
            common = promote(dtype, bound.dtype)
        else:
            common = dtype if bound is None else promote_scalar(dtype, bound, must_fit=False)
        if dtype_rank(common) != dtype_rank(dtype):
            raise GraphError(f"a bound is {bound}; it must be of the kind of {dtype}, so cast one of them")
    return (TensorSpec(broadcast_shape([spec.shape for spec in inputs]), dtype),)


def _clip(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Where `min` is above `max`, every element becomes `max`. Integer scalars beyond the dtype become its ends."""
    y = outputs[0]
    xp.copyto(y, inputs[0])
    for bound, function in zip(_bounds(inputs, attributes), (xp.maximum, xp.minimum), strict=True):
        if isinstance(bound, int) and y.dtype.kind in "iu":
            low, high = integer_range(y.dtype.name)
            bound = min(max(bound, low), high)
        if bound is not None:
            function(y, bound, out=y, casting="unsafe")


ROWS = (
    _unary("abs", NUMBER, "Abs", ufunc="absolute", infer=real_of),
    _unary("acos", FLOATING, "Tan", ufunc="arccos"),
    _unary("acosh", FLOATING, "Tan", ufunc="arccosh"),
    _unary("asin", FLOATING, "Tan", ufunc="arcsin"),
    _unary("asinh", FLOATING, "Tan", ufunc="arcsinh"),
    _unary("atan", FLOATING, "Tan", ufunc="arctan"),
    _unary("atanh", FLOATING, "Tan", ufunc="arctanh"),
    _unary("bitwise_invert", BITS, "BitwiseAnd", ufunc="invert"),
    _unary("conj", NUMBER, "Conj", ufunc="conjugate"),
    _unary("cos", FLOATING, "Cos"),
    _unary("cosh", FLOATING, "Cos"),
    _unary("exp", FLOATING, "Exp"),
    _unary("expm1", FLOATING, "Expm1"),
    _unary("isfinite", NUMBER, "IsFinite", infer=truth),
    _unary("isinf", NUMBER, "IsInf", infer=truth),
    _unary("isnan", NUMBER, "IsNan", infer=truth),
    _unary("log", FLOATING, "Log"),
    _unary("log10", FLOATING, "Log"),
    _unary("log1p", FLOATING, "Log1p"),
    _unary("log2", FLOATING, "Log"),
    _unary("logical_not", BOOL, "LogicalNot"),
    _unary("negative", NUMBER, "Neg"),
    _unary("positive", NUMBER, "Identity"),
    _unary("reciprocal", FLOATING, "Reciprocal"),
    _unary("sign", NUMBER, "Sign"),
    _unary("signbit", FLOAT, "IsNan", infer=truth),
    _unary("sin", FLOATING, "Sin"),
    _unary("sinh", FLOATING, "Sin"),
    _unary("sqrt", FLOATING, "Sqrt"),
    _unary("square", NUMBER, "Square"),
    _unary("tan", FLOATING, "Tan"),
    _unary("tanh", FLOATING, "Tanh"),
    _whole("ceil", "ceil", "Ceil"),
    _whole("floor", "floor", "Floor"),
    _whole("round", "rint", "Round"),
    _whole("trunc", "trunc", "Round"),
    _part("imag", COMPLEX, "Imag"),
    _part("real", NUMBER, "Real"),
    _binary("add", NUMBER, "AddV2"),
    _binary("atan2", REAL, "Atan2", ufunc="arctan2", results=FLOAT),
    _binary("bitwise_and", BITS, "BitwiseAnd"),
    _binary("bitwise_left_shift", INTEGER, "LeftShift", ufunc="left_shift"),
    _binary("bitwise_or", BITS, "BitwiseOr"),
    _binary("bitwise_right_shift", INTEGER, "RightShift", ufunc="right_shift"),
    _binary("bitwise_xor", BITS, "BitwiseOr"),
    _binary("copysign", REAL, "Atan2", results=FLOAT),
    _binary("floor_divide", REAL, "FloorDiv"),
    _binary("hypot", REAL, "Atan2", results=FLOAT),
    _binary("logaddexp", REAL, "Atan2", results=FLOAT),
    _binary("logical_and", BOOL, "LogicalAnd"),
    _binary("logical_or", BOOL, "LogicalOr"),
    _binary("logical_xor", BOOL, "NotEqual"),
    _binary("maximum", REAL, "Maximum"),
    _binary("minimum", REAL, "Minimum"),
    _binary("multiply", NUMBER, "Mul"),
    _binary("nextafter", REAL, "Atan2", results=FLOAT),
    _binary("remainder", REAL, "FloorMod"),
    _binary("subtract", NUMBER, "Sub"),
    _binary_row("divide", _infer_quotient, "divide", NUMBER, "RealDiv"),
    _binary_row("pow", _infer_power, "power", NUMBER, "Pow"),
    _comparison("equal", ARRAYS, "Equal"),
    _comparison("greater", REAL, "Greater"),
    _comparison("greater_equal", REAL, "GreaterEqual"),
    _comparison("less", REAL, "Less"),
    _comparison("less_equal", REAL, "LessEqual"),
    _comparison("not_equal", ARRAYS, "NotEqual"),
    row(
        "clip",
        _infer_clip,
        _clip,
        inputs=(1, 3),
        accepts=(REAL,),
        attributes="min max",
        flop=flop_per_output(2),
        tensorflow="Minimum",
    ),
)
