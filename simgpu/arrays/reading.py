"""Bringing values to Python: one element as a scalar, a whole array as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simgpu.graph import TensorSpec
from simgpu.naming import short_name

if TYPE_CHECKING:
    from simgpu.arrays.array import Array

_KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float", "c": "complex", "V": "float"}  # V: bfloat16


def one_value(array: Array, wanted: str, kinds: str) -> Any:
    """Return the element of an array without dimensions. Raises TypeError for others, or where there are no values.

    `kinds` are the Python types of elements that may become what is wanted.
    """
    spec = array._kind.spec
    if spec.shape:
        raise TypeError(f"only an array without dimensions can become {wanted}, not {spec}; take one element: x[0]")
    found = array.value()
    if isinstance(found, TensorSpec):
        raise TypeError(f"this {spec} cannot become {wanted}: the storage `shape` holds no values")
    if _KINDS.get(found.dtype.kind) not in kinds.split():
        advice = (
            "take xp.real or xp.imag of it" if spec.dtype.startswith("complex") else "cast it: xp.astype(x, xp.int64)"
        )
        raise TypeError(f"{spec} cannot become {wanted}; {advice}")
    return found.item()


def text(array: Array) -> str:
    """Return values, dtype and device; on storage without values, shape, dtype and device."""
    kind = array._kind
    device = short_name(kind.runtime.machine.devices[kind.site.device].name)
    if array._data is None:
        return f"<freed {kind.spec} on {device}>"
    found = array.value() if kind.runtime.storage.quiet is not None else kind.spec
    if isinstance(found, TensorSpec):
        return f"Array(shape={found.shape}, dtype={found.dtype}, device={device!r})"
    values = np.array2string(found, separator=", ", prefix="Array(")
    return f"Array({values}, dtype={kind.spec.dtype}, device={device!r})"
