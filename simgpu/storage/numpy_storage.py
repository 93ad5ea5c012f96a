"""NumPy storage: one slab of host memory for each logical device, and arrays over it.

An address therefore proves on which device its bytes lie, and no array can reach beyond its device. Slabs reserve
address space only; the operating system gives pages when they are touched.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np

from simgpu.errors import ExecutionError
from simgpu.graph import TensorSpec
from simgpu.kernels import Attributes, OperationRule, array_dtype
from simgpu.units import short_size

_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # named since Python 3.12; the value is Linux's


class NumpyRegion:
    """A slab of `limit_bytes`. It goes back to the operating system when its last array is gone."""

    def __init__(self, limit_bytes: int) -> None:
        self._slab = _reserve(limit_bytes)
        self._limit_bytes = limit_bytes
        self._base = np.frombuffer(self._slab, np.uint8, count=1).ctypes.data

    def array(self, offset: int, spec: TensorSpec) -> np.ndarray[Any, Any]:
        """Return an array over the bytes at an offset. NumPy refuses one that would reach beyond the slab."""
        assert offset >= 0, "a ledger grants no negative offset"
        return np.ndarray(spec.shape, array_dtype(spec.dtype), buffer=self._slab, offset=offset)

    def holds(self, array: np.ndarray[Any, Any]) -> bool:
        """Tell whether all bytes of an array lie in this slab."""
        low, high = np.lib.array_utils.byte_bounds(array)
        return array.nbytes == 0 or (self._base <= low and high <= self._base + self._limit_bytes)


def _reserve(limit_bytes: int) -> mmap.mmap:
    try:
        return mmap.mmap(-1, max(limit_bytes, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE)
    except (OSError, OverflowError) as error:
        raise ExecutionError(
            f"this computer cannot reserve {short_size(limit_bytes)} of address space for a device ({error}); "
            "use smaller limits or fewer devices, or `shape` storage, which holds no bytes"
        ) from error


class NumpyStorage:
    """Storage in host memory, computed by NumPy."""

    name = "numpy"

    def open(self, limit_bytes: int) -> NumpyRegion:
        """Reserve the memory of one logical device."""
        return NumpyRegion(limit_bytes)

    def compute(
        self, rule: OperationRule, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes
    ) -> None:
        """Run an operation. As on a GPU, infinities and NaN are results, not warnings."""
        with np.errstate(all="ignore"):
            rule.compute(np, inputs, outputs, attributes)

    def write(self, target: Any, value: Any) -> None:
        """Copy a value of the caller into an array."""
        np.copyto(target, value)

    def copy(self, source: Any, target: Any) -> None:
        """Copy an array into another."""
        np.copyto(target, source)

    def read(self, source: Any) -> Any:
        """Return a copy that belongs to the caller."""
        return np.array(source)
