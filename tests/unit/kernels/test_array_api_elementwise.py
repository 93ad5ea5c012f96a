"""Elementwise array functions against NumPy, over all dtypes, and what the standard refuses."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from simgpu.kernels import infer, rule
from tests.unit.kernels.array_api_checks import (
    ALL,
    BOOL,
    COMPLEX,
    FLOATING,
    INTEGER,
    NUMERIC,
    REAL,
    REAL_FLOATING,
    check,
    refused,
    specs,
    values,
)

UNARY = {
    "abs": (np.abs, NUMERIC),
    "acos": (np.arccos, FLOATING),
    "acosh": (np.arccosh, FLOATING),
    "asin": (np.arcsin, FLOATING),
    "asinh": (np.arcsinh, FLOATING),
    "atan": (np.arctan, FLOATING),
    "atanh": (np.arctanh, FLOATING),
    "bitwise_invert": (np.invert, BOOL + INTEGER),
    "ceil": (np.ceil, REAL),
    "conj": (np.conj, NUMERIC),
    "cos": (np.cos, FLOATING),
    "cosh": (np.cosh, FLOATING),
    "exp": (np.exp, FLOATING),
    "expm1": (np.expm1, FLOATING),
    "floor": (np.floor, REAL),
    "imag": (np.imag, COMPLEX),
    "isfinite": (np.isfinite, NUMERIC),
    "isinf": (np.isinf, NUMERIC),
    "isnan": (np.isnan, NUMERIC),
    "log": (np.log, FLOATING),
    "log10": (np.log10, FLOATING),
    "log1p": (np.log1p, FLOATING),
    "log2": (np.log2, FLOATING),
    "logical_not": (np.logical_not, BOOL),
    "negative": (np.negative, NUMERIC),
    "positive": (np.positive, NUMERIC),
    "real": (np.real, NUMERIC),
    "reciprocal": (np.reciprocal, FLOATING),
    "round": (np.round, NUMERIC),
    "sign": (np.sign, NUMERIC),
    "signbit": (np.signbit, REAL_FLOATING),
    "sin": (np.sin, FLOATING),
    "sinh": (np.sinh, FLOATING),
    "sqrt": (np.sqrt, FLOATING),
    "square": (np.square, NUMERIC),
    "tan": (np.tan, FLOATING),
    "tanh": (np.tanh, FLOATING),
    "trunc": (np.trunc, REAL),
}
# What both operands may be, and what they may meet in.
BINARY = {
    "add": (np.add, NUMERIC, NUMERIC),
    "atan2": (np.arctan2, REAL, REAL_FLOATING),
    "bitwise_and": (np.bitwise_and, BOOL + INTEGER, BOOL + INTEGER),
    "bitwise_left_shift": (np.left_shift, INTEGER, INTEGER),
    "bitwise_or": (np.bitwise_or, BOOL + INTEGER, BOOL + INTEGER),
    "bitwise_right_shift": (np.right_shift, INTEGER, INTEGER),
    "bitwise_xor": (np.bitwise_xor, BOOL + INTEGER, BOOL + INTEGER),
    "copysign": (np.copysign, REAL, REAL_FLOATING),
    "divide": (np.divide, NUMERIC, NUMERIC),
    "equal": (np.equal, ALL, ALL),
    "floor_divide": (np.floor_divide, REAL, REAL),
    "greater": (np.greater, REAL, REAL),
    "greater_equal": (np.greater_equal, REAL, REAL),
    "hypot": (np.hypot, REAL, REAL_FLOATING),
    "less": (np.less, REAL, REAL),
    "less_equal": (np.less_equal, REAL, REAL),
    "logaddexp": (np.logaddexp, REAL, REAL_FLOATING),
    "logical_and": (np.logical_and, BOOL, BOOL),
    "logical_or": (np.logical_or, BOOL, BOOL),
    "logical_xor": (np.logical_xor, BOOL, BOOL),
    "maximum": (np.maximum, REAL, REAL),
    "minimum": (np.minimum, REAL, REAL),
    "multiply": (np.multiply, NUMERIC, NUMERIC),
    "nextafter": (np.nextafter, REAL, REAL_FLOATING),
    "not_equal": (np.not_equal, ALL, ALL),
    "pow": (np.power, NUMERIC, NUMERIC),
    "remainder": (np.remainder, REAL, REAL),
    "subtract": (np.subtract, NUMERIC, NUMERIC),
}
SCALARS = (True, 3, 2.5, 1.5 + 2j)


@pytest.fixture(autouse=True)
def _no_warnings_of_numpy():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def positive(dtype, *shape):
    x = values(dtype, *shape, seed=1)
    return np.abs(x) if dtype in REAL else x


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("name", UNARY)
def test_a_function_of_one_array_is_numpys_for_the_dtypes_of_the_standard_and_no_others(name, dtype):
    function, allowed = UNARY[name]
    x = values(dtype, 3, 4)

    if dtype in allowed:
        check(name, [x], function(x))
    else:
        refused(name, x, match=rf"^{name}\({dtype}\[3,4\]\): input 0 is {dtype}\[3,4\]; it must be one of")


@pytest.mark.parametrize("name", BINARY)
def test_a_function_of_two_arrays_promotes_and_broadcasts_as_numpy_does(name):
    function, allowed, results = BINARY[name]
    for left in ALL:
        for right in ALL:
            x, y = values(left, 2, 1, 3), positive(right, 4, 1)
            common = np.result_type(x, y).name
            if left in allowed and right in allowed and common in results:
                check(name, [x, y], function(x, y))
            else:
                refused(name, x, y, match=r"must be one of")


@pytest.mark.parametrize("scalar", SCALARS)
@pytest.mark.parametrize("name", BINARY)
def test_a_python_scalar_yields_to_the_array_on_either_side(name, scalar):
    function, allowed, results = BINARY[name]
    for dtype in ALL:
        x = positive(dtype, 2, 3)
        common = np.result_type(x, scalar).name
        if dtype in allowed and common in results:
            check(name, [x], function(x, scalar), scalar=scalar)
            check(name, [x], function(scalar, x), scalar=scalar, side="left")
        else:
            refused(name, x, match="must be one of", scalar=scalar)


def test_the_function_of_a_row_is_all_of_its_array_code():
    functions = {name: rule(name).function for name in (*UNARY, *BINARY)}
    x = values("float32", 5)
    out = np.empty(5, np.float32)

    getattr(np, functions["multiply"])(x, 2.0, out)

    assert {name for name, function in functions.items() if not function} == {
        "ceil",
        "floor",
        "imag",
        "real",
        "round",
        "trunc",
    }
    assert functions["acos"] == "arccos"
    assert np.array_equal(out, 2 * x)


def test_results_can_be_written_over_an_operand_that_is_a_view():
    whole = np.arange(12, dtype=np.float32).reshape(3, 4)
    view = whole[:, ::2]

    rule("add").compute(np, [view, np.float32([1, 2])], [view], {})

    assert whole.tolist() == [[1, 1, 4, 3], [5, 5, 8, 7], [9, 9, 12, 11]]


def test_comparisons_hold_for_scalars_beyond_the_dtype():
    x = np.array([0, 255], np.uint8)

    check("less", [x], [np.array([True, True])], scalar=300)
    check("equal", [x], [np.array([False, False])], scalar=-1)


def test_a_scalar_beyond_the_dtype_is_refused():
    x = values("uint8", 2)

    refused("add", x, says="the scalar 300 is beyond uint8, which reaches from 0 to 255", scalar=300)
    refused("add", x, says="the scalar -1 is beyond uint8, which reaches from 0 to 255", scalar=-1)


@pytest.mark.parametrize("scalar", [np.float64(1), np.int64(1), "1", None, [1]])
def test_only_python_scalars_are_scalars(scalar):
    refused(
        "add",
        values("float32", 2),
        says=f"{scalar!r} is of type {type(scalar).__name__}; a scalar must be a bool, int, float or complex",
        scalar=scalar,
    )


def test_two_operands_are_needed():
    refused("add", values("int8", 2), says="takes two inputs, or one and the attribute 'scalar'")
    refused(
        "add",
        values("int8", 2),
        values("int8", 2),
        says="takes two inputs, or one and the attribute 'scalar'",
        scalar=1,
    )
    refused("add", values("int8", 2), says="side is 'up'; it can be right, left", scalar=1, side="up")


def test_integers_have_no_negative_powers():
    refused(
        "pow",
        values("int64", 2),
        says="an integer to the power of -1 is no integer; cast the input to a floating-point dtype",
        scalar=-1,
    )
    check("pow", [np.array([2.0, 4.0])], np.array([0.5, 0.25]), scalar=-1)


@pytest.mark.parametrize("dtype", REAL)
def test_clip_keeps_the_dtype(dtype):
    x, low, high = values(dtype, 3, 4), values(dtype, 4, seed=1), values(dtype, 3, 1, seed=2)
    high = np.maximum(low, high)
    low = np.broadcast_to(low, high.shape).copy()

    check("clip", [x, low, high], np.clip(x, low, high), min="array", max="array")
    check("clip", [x, high], np.minimum(x, high), max="array")
    check("clip", [x], np.clip(x, 1, 3), min=1, max=3)
    check("clip", [x, low], np.minimum(np.maximum(x, low), 2).astype(dtype), min="array", max=2)
    check("clip", [x], x)


def test_clip_takes_bounds_beyond_the_dtype_and_bounds_of_other_widths():
    x = np.array([-128, 5, 127], np.int8)

    check("clip", [x], x, min=-1000, max=1000)
    check("clip", [x, np.array(7, np.int64)], np.array([-128, 5, 7], np.int8), max="array")
    check("clip", [np.float32([0.1, 9])], np.float32([0.5, 9]), min=0.5)


def test_clip_refuses_bounds_of_a_higher_kind_and_bounds_that_are_missing():
    x = values("int32", 3)

    refused("clip", x, says="a bound is 0.5; it must be of the kind of int32, so cast one of them", min=0.5)
    refused(
        "clip",
        x,
        values("float32", 3),
        says="a bound is float32[3]; it must be of the kind of int32, so cast one of them",
        min="array",
    )
    refused("clip", x, x, says="has 1 inputs as bounds; min and max say 'array' for 0")


def test_nan_is_kept_by_clip_and_spread_by_its_bounds():
    check("clip", [np.array([np.nan, 1.0])], np.array([np.nan, 0.5]), max=0.5)
    check("clip", [np.array([0.0]), np.array([np.nan])], np.array([np.nan]), min="array")


def test_bfloat16_is_a_real_float():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x = np.array([1.5, -2.0], bfloat16)

    (result,) = infer("add", specs([x]), {"scalar": 2.5})
    out = np.empty(2, bfloat16)
    rule("add").compute(np, [x], [out], {"scalar": 2.5})

    assert result.dtype == "bfloat16"
    assert out.astype(np.float32).tolist() == [4.0, 0.5]
    refused("add", x, values("int64", 2), says="no dtype holds bfloat16 and int64; cast some of them")


def test_each_element_counts_as_one_flop():
    x, y = values("float32", 3, 1), values("float32", 4)

    assert rule("add").work(specs([x, y]), infer("add", specs([x, y]), {}), {}).flop == 12
    assert rule("sqrt").work(specs([x]), specs([x]), {}).flop == 3
    assert rule("clip").work(specs([x]), specs([x]), {}).flop == 6
    assert rule("real").work(specs([x]), specs([x]), {}).flop == 0
