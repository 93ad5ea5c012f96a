"""What stands between brackets: `x[key]` and `x[key] = value`.

Keys of integers, slices, None and an ellipsis give views, which share the memory and cost none. Arrays of integers or
bools choose elements, which are copied; with bools the shape of the result follows from values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from simgpu.arrays.arithmetic import plain_scalar
from simgpu.arrays.views import change, view
from simgpu.kernels import key_attribute

if TYPE_CHECKING:
    from simgpu.arrays.array import Array


def get_items(array: Array, key: Any) -> Array:
    """Return `array[key]`. Raises AxisError, an IndexError, beyond an axis, GraphError for what is no index."""
    attribute, arrays = _read(array, key)
    if not arrays:
        return view(array, "getitem", {"key": attribute}, lambda data: data[_shown(key)])
    type = "getitem_mask" if "mask" in attribute else "getitem_arrays"
    return array._kind.runtime.apply(type, (array, *arrays), {"key": attribute})[0]


def set_items(array: Array, key: Any, value: Any) -> None:
    """Do `array[key] = value`. Raises TypeError for a value that is neither an array of this library nor a scalar.

    Keys are refused as in `get_items`; arrays of indices are looked at when values are there, and raise IndexError.
    """
    attribute, arrays = _read(array, key)
    if isinstance(value, array.__class__):
        change(array, "setitem", (array, *arrays, value), {"key": attribute})
        return
    scalar = plain_scalar(value)
    if scalar is NotImplemented:
        raise TypeError(
            f"elements of {array._kind.spec} can be set to an array on its device or to a scalar, not to "
            f"{value.__class__.__name__}; make an array of it: xp.asarray(value, device=x.device)"
        )
    change(array, "setitem", (array, *arrays), {"key": attribute, "value": scalar})


def items_along_first_axis(array: Array) -> Iterator[Array]:
    """Return views of the items along the first axis. Raises TypeError if there is none."""
    return (array[place] for place in range(len(array)))


def _read(array: Array, key: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    array_class = array.__class__

    def dtype_of(entry: Any) -> str | None:
        return entry._kind.spec.dtype if isinstance(entry, array_class) else None

    return key_attribute(key, dtype_of)


def _shown(key: Any) -> tuple[Any, ...]:
    """Return the key so that NumPy gives an array for it, never a scalar."""
    entries = key if isinstance(key, tuple) else (key,)
    return entries if any(entry is Ellipsis for entry in entries) else (*entries, Ellipsis)
