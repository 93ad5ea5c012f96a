"""Statistical, searching, sorting, set, indexing and utility functions of the namespace."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from simgpu.arrays.arguments import axes, axis_or_none, integer, no_array, run, run_many, scalar
from simgpu.arrays.array import Array
from simgpu.arrays.dtypes import optional_dtype_name

Axes = int | tuple[int, ...] | None


class UniqueAllResult(NamedTuple):
    """What `unique_all` returns."""

    values: Array
    indices: Array
    inverse_indices: Array
    counts: Array


class UniqueCountsResult(NamedTuple):
    """What `unique_counts` returns."""

    values: Array
    counts: Array


class UniqueInverseResult(NamedTuple):
    """What `unique_inverse` returns."""

    values: Array
    inverse_indices: Array


def cumulative_sum(x: Array, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Array:
    """Return the sums of all elements up to each along an axis; with `include_initial`, 0 first."""
    kept = optional_dtype_name(dtype)
    return run("cumulative_sum", x, axis=axis_or_none(axis), dtype=kept, include_initial=bool(include_initial))


def cumulative_prod(x: Array, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Array:
    """Return the products of all elements up to each along an axis; with `include_initial`, 1 first."""
    kept = optional_dtype_name(dtype)
    return run("cumulative_prod", x, axis=axis_or_none(axis), dtype=kept, include_initial=bool(include_initial))


def max(x: Array, /, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """Return the largest element, or along axes the largest of each. NaN is larger than all."""
    return run("max", x, axis=axes(axis), keepdims=bool(keepdims))


def mean(x: Array, /, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """Return the arithmetic mean, or along axes that of each."""
    return run("mean", x, axis=axes(axis), keepdims=bool(keepdims))


def min(x: Array, /, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """Return the smallest element, or along axes the smallest of each. NaN is smaller than all."""
    return run("min", x, axis=axes(axis), keepdims=bool(keepdims))


def prod(x: Array, /, *, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """Return the product. Without `dtype`, small integers are multiplied as int64 or uint64."""
    return run("prod", x, axis=axes(axis), dtype=optional_dtype_name(dtype), keepdims=bool(keepdims))


def std(x: Array, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """Return the standard deviation; the sum of squares is divided by the number of elements less `correction`."""
    return run("std", x, axis=axes(axis), correction=scalar("std", correction), keepdims=bool(keepdims))


def sum(x: Array, /, *, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """Return the sum. Without `dtype`, small integers are added as int64 or uint64."""
    return run("sum", x, axis=axes(axis), dtype=optional_dtype_name(dtype), keepdims=bool(keepdims))


def var(x: Array, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """Return the variance; the sum of squares is divided by the number of elements less `correction`."""
    return run("var", x, axis=axes(axis), correction=scalar("var", correction), keepdims=bool(keepdims))


def argmax(x: Array, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Return the place of the first largest element, in the flattened array or along an axis."""
    return run("argmax", x, axis=axis_or_none(axis), keepdims=bool(keepdims))


def argmin(x: Array, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Return the place of the first smallest element, in the flattened array or along an axis."""
    return run("argmin", x, axis=axis_or_none(axis), keepdims=bool(keepdims))


def count_nonzero(x: Array, /, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """Return how many elements are not 0."""
    return run("count_nonzero", x, axis=axes(axis), keepdims=bool(keepdims))


def nonzero(x: Array, /) -> tuple[Array, ...]:
    """Return where elements are not 0: an array of indices for each axis. The length follows from the values."""
    return run_many("nonzero", x)


def searchsorted(
    x1: Array, x2: Array | float, /, *, side: Literal["left", "right"] = "left", sorter: Array | None = None
) -> Array:
    """Return where each element of x2 goes into the sorted x1, before or behind equal ones."""
    attributes: dict[str, Any] = {"side": side}
    inputs = [x1]
    if isinstance(x2, Array):
        inputs.append(x2)
    else:
        attributes["scalar"] = scalar("searchsorted", x2, array=True)
    if sorter is not None:
        inputs.append(sorter)
        attributes["sorter"] = True
    return run("searchsorted", *inputs, **attributes)


def where(condition: Array, x1: Any, x2: Any, /) -> Array:
    """Return elements of x1 where the condition is true, and of x2 elsewhere. Either may be a scalar."""
    if isinstance(x1, Array) and isinstance(x2, Array):
        return run("where", condition, x1, x2)
    if isinstance(x1, Array):
        return run("where", condition, x1, scalar=scalar("where", x2, array=True), side="right")
    if not isinstance(x2, Array):
        if not isinstance(condition, Array):
            raise no_array("where", condition)
        x2 = condition.__array_namespace__().asarray(scalar("where", x2, array=True), device=condition.device)
    return run("where", condition, x2, scalar=scalar("where", x1, array=True), side="left")


def isin(x1: Any, x2: Any, /, *, invert: bool = False) -> Array:
    """Tell of each element of x1 whether it is among those of x2; with `invert`, whether it is not."""
    if isinstance(x1, Array) and isinstance(x2, Array):
        return run("isin", x1, x2, invert=bool(invert))
    if isinstance(x1, Array):
        return run("isin", x1, scalar=scalar("isin", x2, array=True), side="right", invert=bool(invert))
    return run("isin", x2, scalar=scalar("isin", x1, array=True), side="left", invert=bool(invert))


def unique_all(x: Array, /) -> UniqueAllResult:
    """Return the different values, where each first is, which of them each element is, and how often each is there."""
    return UniqueAllResult(*run_many("unique_all", x))


def unique_counts(x: Array, /) -> UniqueCountsResult:
    """Return the different values, and how often each is there."""
    return UniqueCountsResult(*run_many("unique_counts", x))


def unique_inverse(x: Array, /) -> UniqueInverseResult:
    """Return the different values, and which of them each element is."""
    return UniqueInverseResult(*run_many("unique_inverse", x))


def unique_values(x: Array, /) -> Array:
    """Return the different values."""
    return run("unique_values", x)


def argsort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """Return the indices that sort an array along an axis."""
    return run("argsort", x, axis=integer("axis", axis), descending=bool(descending), stable=bool(stable))


def sort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """Return the elements in order along an axis."""
    return run("sort", x, axis=integer("axis", axis), descending=bool(descending), stable=bool(stable))


def take(x: Array, indices: Array, /, *, axis: int | None = None) -> Array:
    """Return the elements at these places along an axis, which may be left out for one dimension."""
    return run("take", x, indices, axis=axis_or_none(axis))


def take_along_axis(x: Array, indices: Array, /, *, axis: int = -1) -> Array:
    """Return the elements at places along an axis that are given for each line of its own."""
    return run("take_along_axis", x, indices, axis=integer("axis", axis))


def all(x: Array, /, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """Tell whether all elements are true."""
    return run("all", x, axis=axes(axis), keepdims=bool(keepdims))


def any(x: Array, /, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """Tell whether at least one element is true."""
    return run("any", x, axis=axes(axis), keepdims=bool(keepdims))


def diff(
    x: Array, /, *, axis: int = -1, n: int = 1, prepend: Array | None = None, append: Array | None = None
) -> Array:
    """Return the differences of neighbours along an axis, n times; arrays may be joined to the ends before."""
    ends = [end for end in (prepend, append) if end is not None]
    given = {"prepend": prepend is not None, "append": append is not None}
    return run("diff", x, *ends, axis=integer("axis", axis), n=integer("n", n), **given)


FUNCTIONS = {
    function.__name__: function
    for function in (
        all, any, argmax, argmin, argsort, count_nonzero, cumulative_prod, cumulative_sum, diff, isin, max, mean, min,
        nonzero, prod, searchsorted, sort, std, sum, take, take_along_axis, unique_all, unique_counts, unique_inverse,
        unique_values, var, where,
    )
}  # fmt: skip
"""These functions of the standard by name."""
