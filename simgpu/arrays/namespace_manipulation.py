"""Manipulation functions of the namespace. What only looks at the same elements in another way is a view."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from simgpu.arrays.arguments import as_arrays, axes, axis_or_none, integer, integers, run, run_many, several
from simgpu.arrays.array import Array
from simgpu.arrays.views import view
from simgpu.errors import GraphError, InvalidValue


def broadcast_arrays(*arrays: Array) -> tuple[Array, ...]:
    """Return views of the arrays with the one shape to which all of them broadcast."""
    shape = broadcast_shapes(*(array.shape for array in as_arrays("broadcast_arrays", *arrays)))
    return tuple(broadcast_to(array, shape) for array in arrays)  # type: ignore[arg-type]


def broadcast_shapes(*shapes: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Return the shape to which all of these broadcast. Raises GraphError, a ValueError, if there is none.

    None is a length that is not known: it stays unless it meets a known one above 1.
    """
    for shape in shapes:
        if not isinstance(shape, tuple | list):
            raise InvalidValue(f"broadcast_shapes takes shapes, such as (2, 3), not {shape!r:.60}")
    rank = max(map(len, shapes), default=0)
    aligned = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(functools.reduce(functools.partial(_stretched, shapes), dims) for dims in zip(*aligned, strict=True))


def _stretched(shapes: Any, left: int | None, right: int | None) -> int | None:
    if left == right or right == 1:
        return left
    if left == 1:
        return right
    if left is None or right is None:
        return left if right is None else right
    raise GraphError(f"shapes {' and '.join(map(str, shapes))} do not broadcast: {left} meets {right}")


def broadcast_to(x: Array, /, shape: tuple[int, ...]) -> Array:
    """Return a view with another shape, to which the array broadcasts. It cannot be changed in place."""
    (x,) = as_arrays("broadcast_to", x)
    wanted = integers("shape", shape)
    return view(x, "broadcast_to", {"shape": wanted}, lambda data: np.broadcast_to(data, wanted))


def concat(arrays: Sequence[Array], /, *, axis: int | None = 0) -> Array:
    """Join arrays along an axis that they have; with None, their elements one after the other."""
    return run("concat", *several("concat", arrays), axis=axis_or_none(axis))


def expand_dims(x: Array, /, axis: int | tuple[int, ...]) -> Array:
    """Return a view with new axes of length 1 at these places of the result."""
    (x,) = as_arrays("expand_dims", x)
    wanted = axes(axis)
    return view(x, "expand_dims", {"axis": wanted}, lambda data: np.expand_dims(data, wanted))


def flip(x: Array, /, *, axis: int | tuple[int, ...] | None = None) -> Array:
    """Return a view with the order of elements reversed along these axes, or all."""
    (x,) = as_arrays("flip", x)
    wanted = axes(axis)
    return view(x, "flip", {"axis": wanted}, lambda data: np.flip(data, wanted))


def moveaxis(x: Array, source: int | tuple[int, ...], destination: int | tuple[int, ...], /) -> Array:
    """Return a view with axes moved to other places; the others keep their order."""
    (x,) = as_arrays("moveaxis", x)
    old, new = axes(source, "source"), axes(destination, "destination")
    return view(x, "moveaxis", {"source": old, "destination": new}, lambda data: np.moveaxis(data, old, new))


def permute_dims(x: Array, /, axes: tuple[int, ...]) -> Array:
    """Return a view with the axes in another order."""
    (x,) = as_arrays("permute_dims", x)
    order = integers("axes", axes)
    return view(x, "permute_dims", {"axes": order}, lambda data: np.transpose(data, order))


def repeat(x: Array, repeats: int | Array, /, *, axis: int | None = None) -> Array:
    """Repeat each element, `repeats` times or as often as that array says; without an axis, of the flattened array."""
    if isinstance(repeats, Array):
        return run("repeat_each", x, repeats, axis=axis_or_none(axis))
    return run("repeat", x, repeats=integer("repeats", repeats), axis=axis_or_none(axis))


def reshape(x: Array, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Array:
    """Return the elements under another shape; one length may be -1, and takes what is left.

    A view where the memory allows it; otherwise a copy, or InvalidValue with `copy=False`. With `copy=True` a copy.
    """
    (x,) = as_arrays("reshape", x)
    wanted = integers("shape", shape)
    if copy:
        return run("reshape", x, shape=wanted)
    try:
        return view(x, "reshape", {"shape": wanted}, lambda data: data.reshape(wanted, copy=False))
    except InvalidValue:
        if copy is False:
            raise
        return run("reshape", x, shape=wanted)


def roll(x: Array, /, shift: int | tuple[int, ...], *, axis: int | tuple[int, ...] | None = None) -> Array:
    """Shift elements along axes; those that leave at one end come in at the other."""
    return run("roll", x, shift=axes(shift, "shift"), axis=axes(axis))


def squeeze(x: Array, /, axis: int | tuple[int, ...]) -> Array:
    """Return a view without these axes, which must be of length 1."""
    (x,) = as_arrays("squeeze", x)
    wanted = axes(axis)
    return view(x, "squeeze", {"axis": wanted}, lambda data: np.squeeze(data, wanted))


def stack(arrays: Sequence[Array], /, *, axis: int = 0) -> Array:
    """Join arrays of one shape along a new axis."""
    return run("stack", *several("stack", arrays), axis=integer("axis", axis))


def tile(x: Array, repetitions: tuple[int, ...], /) -> Array:
    """Repeat the whole array along each axis."""
    return run("tile", x, repetitions=integers("repetitions", repetitions))


def unstack(x: Array, /, *, axis: int = 0) -> tuple[Array, ...]:
    """Return a view for each place along an axis."""
    (x,) = as_arrays("unstack", x)
    place = integer("axis", axis)
    if not -x.ndim <= place < x.ndim:
        return run_many("unstack", x, axis=place)  # raises in the operation's words
    before = (slice(None),) * (place % x.ndim)
    return tuple(x[(*before, number)] for number in range(x.shape[place]))


FUNCTIONS = {
    function.__name__: function
    for function in (
        broadcast_arrays, broadcast_shapes, broadcast_to, concat, expand_dims, flip, moveaxis, permute_dims, repeat,
        reshape, roll, squeeze, stack, tile, unstack,
    )
}  # fmt: skip
"""The manipulation functions of the standard by name."""
