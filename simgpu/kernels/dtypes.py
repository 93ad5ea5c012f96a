"""Sets of dtypes that rows accept, and the array dtype behind each name."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from simgpu.errors import InvalidValue, MissingDependency
from simgpu.graph import INTEGER_DTYPES, ITEM_BYTES

HALF = frozenset({"float16", "bfloat16"})
FLOAT = HALF | {"float32", "float64"}
SIGNED = frozenset({"int8", "int16", "int32", "int64"})
NUMERIC = FLOAT | INTEGER_DTYPES
BOOL = frozenset({"bool"})
COMPLEX = frozenset({"complex64", "complex128"})
INDEX = frozenset({"int32", "int64"})
ANY = frozenset(ITEM_BYTES)
NOT_IN_ARRAYS = frozenset({"string", "resource", "variant"})


def array_dtype(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype behind a dtype name.

    `bfloat16` comes from `ml_dtypes`; without it, MissingDependency. Strings, resources and variants have no array
    form: InvalidValue.
    """
    if name == "bfloat16":
        return _bfloat16()
    if name in NOT_IN_ARRAYS or name not in ITEM_BYTES:
        known = ", ".join(sorted(ANY - NOT_IN_ARRAYS))
        raise InvalidValue(f"dtype {name!r} has no array form; tensors with bytes are of {known}")
    return np.dtype(name)


def _bfloat16() -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = np.dtype(importlib.import_module("ml_dtypes").bfloat16)
    except ImportError as error:
        raise MissingDependency("arrays of bfloat16 need the package ml_dtypes: pip install ml_dtypes") from error
    return dtype
