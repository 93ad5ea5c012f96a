"""Views without touching memory: NumPy works out shape, strides and place, over an address that it never reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simgpu.storage.storage import Show

_PLAIN = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64, 16: np.complex128}
"""Dtypes by size that NumPy's array interface can name; it cannot name `bfloat16`."""


class _Address:
    """Looks to NumPy like memory."""

    __slots__ = ("__array_interface__",)

    def __init__(
        self, ptr: int, shape: Sequence[int], dtype: np.dtype[Any], strides: Sequence[int], *, is_writable: bool
    ) -> None:
        self.__array_interface__ = {
            "version": 3,
            "data": (ptr, not is_writable),
            "shape": tuple(shape),
            "strides": tuple(strides),
            "typestr": dtype.str,
        }


def viewed(
    ptr: int, shape: Sequence[int], dtype: np.dtype[Any], strides: Sequence[int], show: Show, *, is_writable: bool
) -> tuple[int, np.ndarray[Any, Any]]:
    """Return where a view of an array begins, and a NumPy array with its shape, dtype and strides.

    It is writable as NumPy has it: broadcast views are not, nor are views of them.

    The elements of that array must never be touched: its memory need not be the host's.
    """
    plain = np.dtype(_PLAIN[dtype.itemsize]) if dtype.kind == "V" else dtype
    layout = np.asarray(_Address(ptr, shape, plain, strides, is_writable=is_writable)).view(dtype)
    shown = show(layout)
    return int(shown.__array_interface__["data"][0]) if shown.size else ptr, shown
