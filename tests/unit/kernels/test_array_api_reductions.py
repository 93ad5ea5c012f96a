"""Statistical, searching, sorting and set functions against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from simgpu.graph import TensorSpec
from simgpu.kernels import infer, rule
from tests.unit.kernels.array_api_checks import (
    ALL,
    FLOATING,
    INTEGER,
    NUMERIC,
    REAL,
    REAL_FLOATING,
    SIGNED,
    check,
    check_dynamic,
    computed,
    refused,
    values,
)


def in_single(function):
    """Return a function of NumPy that takes halves through float32, as the rows do."""

    def rounded(x, **options):
        if x.dtype != np.float16:
            return function(x, **options)
        return np.asarray(function(x.astype(np.float32), **options)).astype(np.float16)

    return rounded


REDUCTIONS = {
    "all": (np.all, ALL),
    "any": (np.any, ALL),
    "count_nonzero": (np.count_nonzero, ALL),
    "max": (np.max, REAL),
    "mean": (in_single(np.mean), FLOATING),
    "min": (np.min, REAL),
    "prod": (in_single(np.prod), NUMERIC),
    "std": (in_single(np.std), REAL_FLOATING),
    "sum": (in_single(np.sum), NUMERIC),
    "var": (in_single(np.var), REAL_FLOATING),
}
FORMS = [{}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 2)}, {"keepdims": True}, {"axis": ()}]


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_a_reduction_is_numpys_for_the_dtypes_of_the_standard_and_no_others(name, dtype):
    function, allowed = REDUCTIONS[name]
    x = values(dtype, 2, 3, 4)
    if dtype not in allowed:
        refused(name, x, match="it must be one of")
        return
    for form in FORMS:
        check(name, [x], function(x, **form), **form)
    check(name, [x[0, 0, 0]], function(x[0, 0, 0]))


@pytest.mark.parametrize("dtype", INTEGER)
def test_sums_of_integers_are_as_wide_as_integers_get(dtype):
    wide = "int64" if dtype in SIGNED else "uint64"

    for name in ("sum", "prod", "cumulative_sum", "cumulative_prod", "linalg.trace"):
        (spec,) = infer(name, [TensorSpec((3, 3), dtype)], {"axis": 0} if name.startswith("c") else {})
        assert spec.dtype == wide


def test_sums_have_the_dtype_that_was_asked_for():
    x = np.full((3,), 100, np.int8)

    check("sum", [x], np.int8(44), dtype="int8")
    check("sum", [x], np.float32(300), dtype="float32")
    refused(
        "sum", values("complex64", 3), dtype="float32", says="dtype is 'float32'; a sum of complex64 cannot be of that"
    )
    refused("sum", x, dtype="bool", says="dtype is 'bool'; a sum of int8 cannot be of that")


@pytest.mark.parametrize("correction", [0, 1, 0.5])
def test_the_spread_can_be_corrected(correction):
    x = values("float64", 4, 5)

    check("var", [x], x.var(0, ddof=correction), axis=0, correction=correction)
    check("std", [x], x.std(ddof=correction), correction=correction)


def test_halves_are_summed_in_single_precision():
    x = np.full(4096, 1.0, np.float16)

    check("sum", [x], np.float16(4096))
    assert computed("mean", x[:, None], axis=0)[0].dtype == np.float16


def test_an_extreme_of_nothing_is_refused_and_a_sum_of_nothing_is_0():
    nothing = np.zeros((0, 3), np.float32)

    refused("max", nothing, says="there is no extreme among no elements")
    refused("argmin", nothing, axis=0, says="there is no extreme among no elements")
    check("max", [nothing], np.zeros(0, np.float32), axis=1)
    check("sum", [nothing], np.zeros(3, np.float32), axis=0)
    check("all", [nothing], np.True_)


@pytest.mark.parametrize("axis", [3, -4, (0, 0), (0, 3), 1.0, "0"])
def test_axes_that_are_not_there_are_refused(axis):
    refused("sum", values("int8", 2, 3, 4), axis=axis, match="axis")


@pytest.mark.parametrize("dtype", NUMERIC)
@pytest.mark.parametrize("include_initial", [True, False])
def test_running_sums_are_numpys(dtype, include_initial):
    x = values(dtype, 3, 4)
    for name, function, first in (("cumulative_sum", np.cumsum, 0), ("cumulative_prod", np.cumprod, 1)):
        for axis in (0, -1):
            expected = in_single(function)(x, axis=axis)
            if include_initial:
                start = np.full_like(np.take(expected, [0], axis), first)
                expected = np.concatenate([start, expected], axis)
            check(name, [x], expected, axis=axis, include_initial=include_initial)
    check("cumulative_sum", [x[0]], in_single(np.cumsum)(x[0]))


def test_running_sums_need_an_axis_unless_there_is_one():
    refused("cumulative_sum", values("int8", 2, 2), says="needs an axis for 2 dimensions")
    refused("cumulative_prod", values("int8"), says="needs an axis for 0 dimensions")
    check("cumulative_sum", [values("int8", 3)], np.cumsum(values("int8", 3), dtype=np.int16), dtype="int16")


@pytest.mark.parametrize("dtype", NUMERIC)
def test_differences_are_numpys(dtype):
    x, ends = values(dtype, 3, 5), values(dtype, 3, 2, seed=1)

    check("diff", [x], np.diff(x))
    check("diff", [x], np.diff(x, 2, 0), axis=0, n=2)
    check("diff", [x], x, n=0)
    check("diff", [x], np.diff(x, 9), n=9)
    check("diff", [x, ends], np.diff(x, append=ends), append=True)
    check("diff", [x, ends, ends], np.diff(x, prepend=ends, append=ends), prepend=True, append=True)


def test_differences_refuse_ends_that_were_not_announced():
    x = values("int8", 3)

    refused("diff", x, x, says="has 1 inputs after the first; prepend and append announce 0")
    refused("diff", x, n=-1, says="n is -1; it must be an integer of 0 or more")
    refused(
        "diff",
        values("bool", 3),
        says=(
            "input 0 is bool[3]; it must be one of bfloat16, complex128, complex64, float16, float32, float64, "
            "int16, int32, int64, int8, uint16, uint32, uint64, uint8"
        ),
    )


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_the_place_of_an_extreme_is_numpys(name, dtype):
    x = values(dtype, 3, 4)
    if dtype not in REAL:
        refused(name, x, match="it must be one of")
        return
    for form in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"keepdims": True}):
        check(name, [x], getattr(np, name)(x, **form), **form)


@pytest.mark.parametrize("dtype", ALL)
def test_sorting_is_stable_in_both_directions(dtype):
    x = values(dtype, 4, 30)
    if dtype not in REAL:
        refused("sort", x, match="it must be one of")
        refused("argsort", x, match="it must be one of")
        return
    backward = np.argsort(-x.astype(np.float64), axis=-1, kind="stable")

    check("sort", [x], np.sort(x))
    check("sort", [x], np.sort(x, 0), axis=0, stable=False)
    check("sort", [x], np.take_along_axis(x, backward, -1), descending=True)
    check("argsort", [x], np.argsort(x, kind="stable"))
    check("argsort", [x], np.argsort(x, 0, kind="stable"), axis=0)
    check("argsort", [x], backward, descending=True)


def test_sorting_needs_a_dimension():
    refused("sort", values("int8"), says="axis is -1; for 0 dimensions it must be left out")


@pytest.mark.parametrize("dtype", REAL)
def test_places_in_a_sorted_array_are_numpys(dtype):
    x, sought = values(dtype, 20), values("float64", 2, 3) * 3
    ordered, order = np.sort(x), np.argsort(x).astype("uint8")

    for side in ("left", "right"):
        check("searchsorted", [ordered, sought], np.searchsorted(ordered, sought, side), side=side)
        check("searchsorted", [ordered], np.searchsorted(ordered, 2, side), side=side, scalar=2)
    check("searchsorted", [x, sought, order], np.searchsorted(ordered, sought), sorter=True)
    check("searchsorted", [x, order], np.searchsorted(ordered, 1.5), sorter=True, scalar=1.5)


def test_a_scalar_is_sought_in_the_dtype_of_the_array():
    x = np.array([0.1, 0.2], np.float32)

    check("searchsorted", [x], np.int64(0), scalar=0.1)


def test_searching_refuses_what_is_not_sorted_or_not_there():
    x = values("float32", 3)

    refused(
        "searchsorted",
        values("float32", 2, 2),
        x,
        says="the sorted array and its sorter must have one dimension and one length",
    )
    refused("searchsorted", x, x, x, sorter=True, says="the sorter is float32[3]; it must be of integers")
    refused(
        "searchsorted",
        x,
        says="takes the sorted array, what to place (or the attribute 'scalar'), and the sorter announced",
    )
    refused("searchsorted", x, x, side="middle", says="side is 'middle'; it can be left, right")


@pytest.mark.parametrize("left", ALL)
@pytest.mark.parametrize("right", ALL)
def test_a_choice_promotes_and_broadcasts(left, right):
    chosen, x, y = values("bool", 2, 1, 4), values(left, 3, 1), values(right, 4)

    check("where", [chosen, x, y], np.where(chosen, x, y))


@pytest.mark.parametrize("dtype", ALL)
def test_a_choice_takes_a_scalar_on_either_side(dtype):
    chosen, x = values("bool", 4), values(dtype, 3, 1)

    check("where", [chosen, x], np.where(chosen, x, True), scalar=True)
    check("where", [chosen, x], np.where(chosen, True, x), scalar=True, side="left")
    check("where", [chosen, x], np.where(chosen, x, 1j), scalar=1j)
    refused("where", values("int8", 4), x, x, says="input 0 is int8[4]; it must be one of bool")


@pytest.mark.parametrize("dtype", ALL)
def test_membership_is_numpys(dtype):
    x, y = values(dtype, 3, 4), values(dtype, 2, seed=1)

    check("isin", [x, y], np.isin(x, y))
    check("isin", [x, y], np.isin(x, y, invert=True), invert=True)
    check("isin", [x], np.isin(x, 1), scalar=True)
    check("isin", [x], np.isin(1, x), scalar=True, side="left")


@pytest.mark.parametrize("dtype", ALL)
def test_unique_elements_are_sorted_and_come_with_their_places(dtype):
    x = values(dtype, 3, 4)
    found, indices, inverse, counts = np.unique(x, True, True, True)
    inverse = inverse.reshape(x.shape)

    check_dynamic("unique_all", [x], [found, indices, inverse, counts])
    check_dynamic("unique_counts", [x], [found, counts])
    check_dynamic("unique_inverse", [x], [found, inverse])
    check_dynamic("unique_values", [x], [found])
    check_dynamic("nonzero", [x], np.nonzero(x))


def test_each_nan_is_unique():
    x = np.array([np.nan, 1, np.nan])

    check_dynamic("unique_counts", [x], [np.array([1, np.nan, np.nan]), np.array([1, 1, 1])])


def test_a_single_element_has_no_place():
    refused("nonzero", values("int8"), says="needs at least one dimension")


def test_work_follows_the_elements():
    x = TensorSpec((4, 8), "float32")

    def flop(name, *inputs, **attributes):
        return rule(name).work(inputs, infer(name, inputs, attributes), attributes).flop

    assert flop("sum", x, axis=0) == flop("argmax", x) == flop("cumulative_sum", x, axis=0) == 32
    assert flop("var", x) == 4 * 32
    assert flop("sort", x) == flop("argsort", x, axis=1) == 32 * 3
    assert flop("sort", x, axis=0) == 32 * 2
    assert flop("diff", x, n=2) == 2 * 4 * 6
    assert flop("searchsorted", TensorSpec((8,), "float32"), x) == 32 * 3
    assert flop("isin", x, x) == 64 * 6
    assert rule("unique_values").work([x], [x], {}).flop == 32 * 5
