"""Index keys as plain values: what stands between the brackets of `x[...]`, for an attribute of an operation.

A key is a tuple. Each entry is an int, None, "...", ("slice", start, stop, step), "array" or "mask"; the last two stand
for the next input: an array of integers, or of bools. The rules are NumPy's.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from simgpu.errors import AxisError, GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.array_api.promotion import INTEGER
from simgpu.kernels.rules import Specs
from simgpu.kernels.shapes import broadcast_shape

Key = tuple[Any, ...]
_ARRAYS = ("array", "mask")


def key_attribute(key: Any, dtype_of: Callable[[Any], str | None]) -> tuple[Key, tuple[Any, ...]]:
    """Return a key as plain values, and its arrays in order.

    `key` is what Python hands to `__getitem__`. `dtype_of` gives the dtype name of an array, and None for all else.
    Raises GraphError for an entry that is no index.
    """
    entries, arrays = [], []
    for entry in key if isinstance(key, tuple) else (key,):
        dtype = dtype_of(entry)
        entries.append(_plain(entry) if dtype is None else _array_entry(dtype))
        if dtype is not None:
            arrays.append(entry)
    if entries.count("...") > 1:
        raise GraphError("an index has at most one ellipsis")
    return tuple(entries), tuple(arrays)


def _plain(entry: Any) -> Any:
    if entry is None or entry is Ellipsis:
        return "..." if entry is Ellipsis else None
    if isinstance(entry, slice):
        return ("slice", *(_bound(bound) for bound in (entry.start, entry.stop, entry.step)))
    if isinstance(entry, bool):
        raise _not_an_index(entry)
    return _integer(entry)


def _bound(value: Any) -> int | None:
    return None if value is None else _integer(value)


def _integer(value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise _not_an_index(value) from None


def _not_an_index(entry: Any) -> GraphError:
    return GraphError(f"{entry!r} is no index; use integers, slices, None, an ellipsis, or arrays of integers or bools")


def _array_entry(dtype: str) -> str:
    if dtype == "bool":
        return "mask"
    if dtype in INTEGER:
        return "array"
    raise GraphError(f"an array of {dtype} is no index; use one of integers or bools")


def python_key(key: Key, arrays: Sequence[Any]) -> Key:
    """Return the key as NumPy takes it, with its arrays in place."""
    left = iter(arrays)
    return tuple(_python_entry(entry, left) for entry in key)


def _python_entry(entry: Any, left: Any) -> Any:
    if entry in _ARRAYS:
        return next(left)
    if entry == "...":
        return Ellipsis
    return slice(*entry[1:]) if isinstance(entry, tuple) else entry


def check_arrays(key: Any, arrays: Specs) -> Key:
    """Return the key if it is one and the arrays are those that it names. Raises GraphError otherwise."""
    if not isinstance(key, tuple):
        raise GraphError(f"key is {key!r}; it must be a tuple")
    wanted = [entry for entry in key if entry in _ARRAYS]
    found = [_array_entry(spec.dtype) for spec in arrays]
    if wanted != found:
        raise GraphError(f"key names the inputs {wanted}, but they are {found}")
    return key


def indexed_shape(shape: tuple[int, ...], key: Key, arrays: Specs) -> tuple[int, ...]:
    """Return the shape of `x[key]`, for a key without masks. Raises AxisError for an integer beyond a dimension.

    Arrays, and the integers beside them, broadcast; their dimensions stand where the first of them stood if nothing
    else is between them, and in front otherwise.
    """
    left = iter(arrays)
    pieces: list[tuple[int, ...] | TensorSpec] = []
    for entry, dims in _aligned(shape, key, arrays):
        if entry == "array":
            pieces.append(next(left))
        elif isinstance(entry, int):
            _check_place(entry, dims[0])
            pieces.append(TensorSpec((), "int64"))
        else:
            pieces.append(_kept(entry, dims))
    if not arrays:
        return tuple(dim for piece in pieces if not isinstance(piece, TensorSpec) for dim in piece)
    return _merged(pieces)


def _kept(entry: Any, dims: tuple[int, ...]) -> tuple[int, ...]:
    if entry is None:
        return (1,)
    if entry == "...":
        return dims
    if entry[3] == 0:
        raise GraphError("a step of 0 leads nowhere")
    return (len(range(*slice(*entry[1:]).indices(dims[0]))),)


def _merged(pieces: Sequence[tuple[int, ...] | TensorSpec]) -> tuple[int, ...]:
    """Join the pieces; those that are specs of arrays become one."""
    places = [place for place, piece in enumerate(pieces) if isinstance(piece, TensorSpec)]
    together = broadcast_shape([piece.shape for piece in pieces if isinstance(piece, TensorSpec)])
    is_one_run = places[-1] - places[0] == len(places) - 1
    first = places[0] if is_one_run else 0
    before = [dim for piece in pieces[:first] if not isinstance(piece, TensorSpec) for dim in piece]
    after = [dim for piece in pieces[first:] if not isinstance(piece, TensorSpec) for dim in piece]
    return (*before, *together, *after)


def check_masks(shape: tuple[int, ...], key: Key, arrays: Specs) -> None:
    """Raise GraphError for a mask without the dimensions that it selects from, AxisError for an integer beyond one."""
    left = iter(arrays)
    for entry, dims in _aligned(shape, key, arrays):
        if entry in _ARRAYS:
            spec = next(left)
            if entry == "mask" and spec.shape != dims:
                raise GraphError(f"a mask has shape {spec.shape}, but selects from dimensions {dims}")
        elif isinstance(entry, int):
            _check_place(entry, dims[0])


def _check_place(place: int, dim: int) -> None:
    if not -dim <= place < dim:
        raise AxisError(f"the index {place} is beyond a dimension of {dim}")


def _aligned(shape: tuple[int, ...], key: Key, arrays: Specs) -> list[tuple[Any, tuple[int, ...]]]:
    """Return each entry with the dimensions that it uses. Dimensions that no entry uses belong to the ellipsis."""
    key = key if "..." in key else (*key, "...")
    masks = iter([len(spec.shape) for spec in arrays if spec.dtype == "bool"])
    uses = [0 if entry in (None, "...") else next(masks) if entry == "mask" else 1 for entry in key]
    free = len(shape) - sum(uses)
    if free < 0:
        raise AxisError(f"there are too many indices for {len(shape)} dimensions: {sum(uses)}")
    aligned, start = [], 0
    for entry, count in zip(key, uses, strict=True):
        stop = start + (free if entry == "..." else count)
        aligned.append((entry, shape[start:stop]))
        start = stop
    return aligned
