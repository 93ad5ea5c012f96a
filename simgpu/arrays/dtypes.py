"""The dtypes of arrays: NumPy's dtype objects, under the names of the Array API standard.

They compare and hash as a program expects, and every library that knows NumPy knows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np

from simgpu.errors import InvalidValue
from simgpu.kernels import array_dtype

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
def dtype_of(name: str) -> np.dtype[Any]:
    """Return the dtype object behind a name. Strings are Python objects to NumPy."""
    return np.dtype(object) if name == "string" else np.dtype(array_dtype(name))


def dtype_name(dtype: Any) -> str:
    """Return the name of a dtype: one of the namespace's, its name as text, or NumPy's type of scalars.

    Raises InvalidValue for everything else, Python's own types too.
    """
    try:
        return _NAMES[dtype]
    except (KeyError, TypeError):
        return _found_name(dtype)


def optional_dtype_name(dtype: Any) -> str | None:
    """Return the name of a dtype, and None for None."""
    return None if dtype is None else dtype_name(dtype)


def _found_name(dtype: Any) -> str:
    is_given = isinstance(dtype, np.dtype | str) or (isinstance(dtype, type) and issubclass(dtype, np.generic))
    try:
        name = str(np.dtype(dtype).name) if is_given and dtype != "bfloat16" else str(dtype)
        if is_given and name in _KNOWN:
            return name
    except TypeError:
        pass
    raise InvalidValue(f"{dtype!r} is no dtype of arrays; take one of the namespace, such as xp.float32: {_KNOWN_TEXT}")


_NAMES: dict[Any, str] = {np.dtype(name): name for name in [*STANDARD, "float16"]}
_KNOWN = frozenset([*STANDARD, "float16", "bfloat16"])
_KNOWN_TEXT = ", ".join(STANDARD)
