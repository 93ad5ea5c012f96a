"""Which dtype comes out when dtypes meet: NumPy's promotion of arrays, and Python scalars that yield to the array.

The standard leaves some mixtures open, such as integers with floats; there NumPy's rule holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from simgpu.errors import GraphError
from simgpu.graph import INTEGER_DTYPES, ITEM_BYTES
from simgpu.kernels.dtypes import ANY, BOOL, COMPLEX, FLOAT, NOT_IN_ARRAYS, NUMERIC, array_dtype
from simgpu.kernels.rules import Attributes, Specs
from simgpu.kernels.shapes import broadcast_shape

ARRAYS = ANY - NOT_IN_ARRAYS
INTEGER = INTEGER_DTYPES
REAL = NUMERIC
NUMBER = NUMERIC | COMPLEX
FLOATING = FLOAT | COMPLEX
LAPACK = frozenset({"float32", "float64"}) | COMPLEX
"""Dtypes of matrix decompositions and Fourier transforms."""

REAL_PART = {"complex64": "float32", "complex128": "float64"}
COMPLEX_FORM = {"float32": "complex64", "float64": "complex128"}
_KINDS = (BOOL, INTEGER, FLOAT, COMPLEX)
_SCALARS: tuple[type, ...] = (bool, int, float, complex)
_OF_SCALAR = ("bool", "int64", "float64", "complex128")


@lru_cache(maxsize=4096)
def promote(*dtypes: str) -> str:
    """Return the dtype that holds all of these. Raises GraphError if there is none."""
    if len(set(dtypes)) == 1:
        return dtypes[0]
    try:
        result = np.result_type(*map(array_dtype, dtypes)).name
    except TypeError:
        result = "object"
    if result not in ITEM_BYTES:
        raise GraphError(f"no dtype holds {' and '.join(dict.fromkeys(dtypes))}; cast some of them")
    return result


def promote_specs(specs: Specs) -> str:
    """Return the dtype that holds the elements of all tensors."""
    return promote(*(spec.dtype for spec in specs))


def default_dtype(*scalars: Any) -> str:
    """Return the dtype that NumPy gives an array of these Python scalars."""
    return _OF_SCALAR[max(map(scalar_rank, scalars))]


def scalar_rank(value: Any) -> int:
    """Return 0 to 3 for a bool, int, float or complex. Raises GraphError for everything else, NumPy's scalars too."""
    if type(value) not in _SCALARS:
        raise GraphError(f"{value!r} is of type {type(value).__name__}; a scalar must be a bool, int, float or complex")
    return _SCALARS.index(type(value))


def dtype_rank(dtype: str) -> int:
    """Return 0 to 3 for bool, integers, floats and complex dtypes."""
    return next(rank for rank, kind in enumerate(_KINDS) if dtype in kind)


def promote_scalar(dtype: str, value: Any, *, must_fit: bool = True) -> str:
    """Return the dtype of an array of `dtype` meeting a Python scalar: the array's, unless the scalar's kind is higher.

    With `must_fit`, an integer beyond the range of the result is refused.
    """
    rank = scalar_rank(value)
    result = dtype if rank <= dtype_rank(dtype) else np.result_type(array_dtype(dtype), value).name
    if must_fit:
        check_range(result, value)
    return result


def check_range(dtype: str, value: Any) -> None:
    """Raise GraphError if an integer is beyond the range of an integer dtype."""
    if dtype in INTEGER and type(value) is int:
        low, high = integer_range(dtype)
        if not low <= value <= high:
            raise GraphError(f"the scalar {value} is beyond {dtype}, which reaches from {low} to {high}")


def integer_range(dtype: str) -> tuple[int, int]:
    """Return the least and the greatest value of an integer dtype."""
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def check_storable(dtype: str, value: Any) -> None:
    """Raise GraphError if a Python scalar would lose its kind in an array of `dtype`, or is beyond its range."""
    if scalar_rank(value) > dtype_rank(dtype):
        raise GraphError(f"the scalar {value!r} does not fit into {dtype}; cast it, or choose another dtype")
    check_range(dtype, value)


def operands(inputs: Specs, attributes: Attributes, *, must_fit: bool = True) -> tuple[tuple[int, ...], str]:
    """Return shape and dtype in which two operands meet: two inputs, or one and the attribute `scalar`."""
    has_scalar = "scalar" in attributes
    if len(inputs) != 2 - has_scalar:
        raise GraphError("takes two inputs, or one and the attribute 'scalar'")
    if has_scalar:
        return inputs[0].shape, promote_scalar(inputs[0].dtype, attributes["scalar"], must_fit=must_fit)
    return broadcast_shape([spec.shape for spec in inputs]), promote_specs(inputs)


def with_scalar(inputs: Sequence[Any], attributes: Attributes) -> Sequence[Any]:
    """Return both operands: the inputs, with the attribute `scalar` on its `side` if there is one."""
    if "scalar" not in attributes:
        return inputs
    scalar = attributes["scalar"]
    return (scalar, inputs[0]) if attributes.get("side", "right") == "left" else (inputs[0], scalar)
