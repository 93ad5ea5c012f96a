"""The dtypes of arrays: one object for each, under its name in the Array API standard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np

from simgpu.errors import InvalidValue
from simgpu.kernels import array_dtype


class DType:
    """A dtype. It equals only itself and NumPy's dtype of the same elements; NumPy takes it as a dtype, too.

    `numpy` is NumPy's dtype; to NumPy, strings are Python objects. (NumPy's own objects would not do: `float64` equals
    None there.)
    """

    __slots__ = ("dtype", "name", "numpy")

    def __init__(self, name: str) -> None:
        self.name = name
        self.numpy: np.dtype[Any] = np.dtype(object) if name == "string" else np.dtype(array_dtype(name))
        self.dtype = self.numpy  # by this name NumPy finds it

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DType):
            return self.name == other.name
        if isinstance(other, np.dtype) or (isinstance(other, type) and issubclass(other, np.generic)):
            return self.numpy == np.dtype(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.numpy)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Callable[[str], DType], tuple[str]]:
        return dtype_of, (self.name,)


_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
STANDARD = ("bool", *_INTEGERS, "float32", "float64", "complex64", "complex128")
"""The dtypes that the standard names."""
KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bool": ("bool",),
        "signed integer": _INTEGERS[:4],
        "unsigned integer": _INTEGERS[4:],
        "integral": _INTEGERS,
        "real floating": ("float32", "float64", "float16", "bfloat16"),
        "complex floating": ("complex64", "complex128"),
        "numeric": (*STANDARD[1:], "float16", "bfloat16"),
    }
)
"""The standard's kinds of dtype. float16 and bfloat16 are ours; they are real floating, too."""

DEFAULTS: Mapping[str, str] = MappingProxyType(
    {"real floating": "float64", "complex floating": "complex128", "integral": "int64", "indexing": "int64"}
)


@lru_cache(maxsize=64)
def dtype_of(name: str) -> DType:
    """Return the one dtype object behind a name."""
    return DType(name)


def dtype_name(dtype: Any) -> str:
    """Return the name of a dtype: one of the namespace's, its name as text, or NumPy's dtype or type of scalars.

    Python's bool is the dtype of bools. Raises InvalidValue for everything else: Python's other types name no width.
    """
    if dtype.__class__ is DType:
        name: str = dtype.name
    else:
        name = _foreign_name(dtype)
    if name not in _KNOWN:
        raise InvalidValue(f"{dtype!r} is no dtype of arrays; take one of the namespace, such as xp.float32: {_ALL}")
    return name


def _foreign_name(dtype: Any) -> str:
    if dtype is bool:
        return "bool"
    if isinstance(dtype, str):
        return dtype
    is_numpy = isinstance(dtype, np.dtype) or (isinstance(dtype, type) and issubclass(dtype, np.generic))
    return str(np.dtype(dtype).name) if is_numpy else ""


def optional_dtype_name(dtype: Any) -> str | None:
    """Return the name of a dtype, and None for None."""
    return None if dtype is None else dtype_name(dtype)


_KNOWN = frozenset([*STANDARD, "float16", "bfloat16"])
_ALL = ", ".join(STANDARD)
