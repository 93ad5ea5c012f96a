"""Elementwise functions of the namespace: of one array, or of two operands, one of which may be a scalar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from simgpu.arrays.arguments import as_arrays, no_array, run, scalar
from simgpu.arrays.arithmetic import binary, reflected, unary
from simgpu.arrays.array import Array
from simgpu.arrays.views import view

_UNARY = {
    "abs": "the absolute value",
    "acos": "the inverse cosine",
    "acosh": "the inverse hyperbolic cosine",
    "asin": "the inverse sine",
    "asinh": "the inverse hyperbolic sine",
    "atan": "the inverse tangent",
    "atanh": "the inverse hyperbolic tangent",
    "bitwise_invert": "the inverse of each bit",
    "ceil": "the least whole number not below",
    "conj": "the complex conjugate",
    "cos": "the cosine",
    "cosh": "the hyperbolic cosine",
    "exp": "e to the power",
    "expm1": "e to the power, less 1",
    "floor": "the greatest whole number not above",
    "isfinite": "whether it is finite",
    "isinf": "whether it is infinite",
    "isnan": "whether it is not a number",
    "log": "the natural logarithm",
    "log1p": "the natural logarithm of 1 more",
    "log2": "the logarithm to base 2",
    "log10": "the logarithm to base 10",
    "logical_not": "whether it is false",
    "negative": "the negative",
    "positive": "the value itself",
    "reciprocal": "1 divided by it",
    "round": "the nearest whole number, of two the even one",
    "sign": "its sign: -1, 0 or 1; of a complex number the value divided by its absolute value",
    "signbit": "whether its sign bit is set",
    "sin": "the sine",
    "sinh": "the hyperbolic sine",
    "square": "the square",
    "sqrt": "the square root",
    "tan": "the tangent",
    "tanh": "the hyperbolic tangent",
    "trunc": "the whole number next to it on the side of 0",
}
_BINARY = {
    "add": "x1 + x2",
    "atan2": "the angle of the point (x2, x1), in radians",
    "bitwise_and": "x1 & x2",
    "bitwise_left_shift": "x1 << x2",
    "bitwise_or": "x1 | x2",
    "bitwise_right_shift": "x1 >> x2",
    "bitwise_xor": "x1 ^ x2",
    "copysign": "x1 with the sign of x2",
    "divide": "x1 / x2",
    "equal": "x1 == x2",
    "floor_divide": "x1 // x2",
    "greater": "x1 > x2",
    "greater_equal": "x1 >= x2",
    "hypot": "the square root of x1**2 + x2**2",
    "less": "x1 < x2",
    "less_equal": "x1 <= x2",
    "logaddexp": "log(exp(x1) + exp(x2))",
    "logical_and": "whether both are true",
    "logical_or": "whether at least one is true",
    "logical_xor": "whether exactly one is true",
    "maximum": "the larger of x1 and x2",
    "minimum": "the smaller of x1 and x2",
    "multiply": "x1 * x2",
    "nextafter": "the next number after x1 in the direction of x2",
    "not_equal": "x1 != x2",
    "pow": "x1**x2",
    "remainder": "x1 % x2, with the sign of x2",
    "subtract": "x1 - x2",
}


def clip(x: Array, /, min: Any = None, max: Any = None) -> Array:
    """Bring each element between `min` and `max`: arrays, scalars, or None for no bound. The dtype stays that of x."""
    bounds = [bound for bound in (min, max) if isinstance(bound, Array)]
    return run("clip", x, *bounds, min=_bound(min), max=_bound(max))


def _bound(value: Any) -> Any:
    return "array" if isinstance(value, Array) else scalar("clip", value, none=True, array=True)


def real(x: Array, /) -> Array:
    """Return the real part of each element, as a view."""
    (x,) = as_arrays("real", x)
    return view(x, "real", {}, lambda data: data.real)


def imag(x: Array, /) -> Array:
    """Return the imaginary part of each element, as a view. Raises GraphError for a dtype that is not complex."""
    (x,) = as_arrays("imag", x)
    if not x._kind.spec.dtype.startswith("complex"):
        return run("imag", x)
    return view(x, "imag", {}, lambda data: data.imag)


def _of_one(name: str, what: str) -> Callable[[Array], Array]:
    operator = unary(name)

    def function(x: Array, /) -> Array:
        if x.__class__ is not Array:
            raise no_array(name, x)
        return operator(x)

    return _named(function, name, f"Return for each element {what}.")


def _of_two(name: str, what: str) -> Callable[[Any, Any], Array]:
    operator, from_left = binary(name), reflected(name)

    def function(x1: Any, x2: Any, /) -> Array:
        if x1.__class__ is Array:
            made = operator(x1, x2)
        elif x2.__class__ is Array:
            made = from_left(x2, x1)
        else:
            raise no_array(name, x1)
        if made is NotImplemented:
            raise no_array(name, x1 if x2.__class__ is Array else x2)
        return made  # type: ignore[no-any-return]

    return _named(
        function, name, f"Return for each pair of elements {what}. Operands are broadcast; one may be a scalar."
    )


def _named(function: Callable[..., Array], name: str, text: str) -> Callable[..., Array]:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = text
    return function


FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {name: _of_one(name, what) for name, what in _UNARY.items()}
    | {name: _of_two(name, what) for name, what in _BINARY.items()}
    | {"clip": clip, "real": real, "imag": imag}
)
"""The elementwise functions of the standard by name."""
