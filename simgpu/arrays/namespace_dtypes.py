"""Data type functions of the namespace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simgpu.arrays.arguments import as_arrays, run
from simgpu.arrays.arithmetic import plain_scalar
from simgpu.arrays.array import Array
from simgpu.arrays.dtypes import KINDS, dtype_name, dtype_of
from simgpu.errors import GraphError, InvalidValue

Dtype = Any


@dataclass(frozen=True, slots=True)
class FloatInfo:
    """Limits of a floating-point dtype, or of the parts of a complex one, as Python floats."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: Dtype


@dataclass(frozen=True, slots=True)
class IntegerInfo:
    """Limits of an integer dtype, as Python ints."""

    bits: int
    max: int
    min: int
    dtype: Dtype


def astype(x: Array, dtype: Dtype, /, *, copy: bool = True, device: Any = None) -> Array:
    """Return the elements as another dtype, on a device if one is given.

    With `copy=False` the array itself, if it has the dtype. Complex elements become no other numbers: GraphError.
    """
    (x,) = as_arrays("astype", x)
    name = dtype_name(dtype)
    made = x if name == x._kind.spec.dtype and not copy else run("astype", x, dtype=name)
    return made if device is None else made.to_device(device)


def can_cast(from_: Dtype | Array, to: Dtype, /) -> bool:
    """Tell whether all values of one dtype are kept by another."""
    return bool(np.can_cast(dtype_of(_name(from_)).numpy, dtype_of(dtype_name(to)).numpy))


def finfo(type: Dtype | Array, /) -> FloatInfo:
    """Return the limits of a floating-point dtype, real or complex. Raises InvalidValue for others."""
    name = _name(type)
    if name not in (*KINDS["real floating"], *KINDS["complex floating"]):
        raise InvalidValue(f"finfo is for floating-point dtypes, not {name}; see iinfo")
    dtype = dtype_of({"complex64": "float32", "complex128": "float64"}.get(name, name))
    limits = _ml_finfo(dtype.numpy) if name == "bfloat16" else np.finfo(dtype.numpy)
    eps, low, high, normal = map(float, (limits.eps, limits.min, limits.max, limits.smallest_normal))
    return FloatInfo(int(limits.bits), eps=eps, max=high, min=low, smallest_normal=normal, dtype=dtype)


def iinfo(type: Dtype | Array, /) -> IntegerInfo:
    """Return the limits of an integer dtype. Raises InvalidValue for others."""
    name = _name(type)
    if name not in KINDS["integral"]:
        raise InvalidValue(f"iinfo is for integer dtypes, not {name}")
    limits = np.iinfo(dtype_of(name).numpy)
    return IntegerInfo(limits.bits, int(limits.max), int(limits.min), dtype_of(name))


def isdtype(dtype: Dtype, kind: Any) -> bool:
    """Tell whether a dtype is another, or of a kind such as "real floating", or one of several of these."""
    name = dtype_name(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise InvalidValue(f"there is no kind of dtypes {kind!r}; the kinds are {', '.join(KINDS)}")
        return name in KINDS[kind]
    return name == dtype_name(kind)


def result_type(*arrays_and_dtypes: Any) -> Dtype:
    """Return the dtype in which arrays, dtypes and scalars meet. Raises GraphError if there is none."""
    scalars = [plain_scalar(value) for value in arrays_and_dtypes]
    given = [
        dtype_of(_name(value)).numpy if scalar is NotImplemented else scalar
        for value, scalar in zip(arrays_and_dtypes, scalars, strict=True)
    ]
    if NotImplemented not in scalars:
        raise InvalidValue("result_type needs at least one array or dtype")
    try:
        return dtype_of(dtype_name(np.result_type(*given)))
    except TypeError:
        pairs = zip(arrays_and_dtypes, scalars, strict=True)
        names = [_name(value) if scalar is NotImplemented else type(scalar).__name__ for value, scalar in pairs]
        raise GraphError(f"result_type: no dtype holds {' and '.join(names)}; cast some of them") from None


def _name(value: Any) -> str:
    if isinstance(value, Array):
        return value._kind.spec.dtype
    try:
        return dtype_name(value)
    except InvalidValue:
        raise TypeError(
            f"{value!r:.60} is neither an array nor a dtype; take one of the namespace, such as xp.float32"
        ) from None


def _ml_finfo(dtype: Dtype) -> Any:
    import ml_dtypes

    return ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]


FUNCTIONS = {function.__name__: function for function in (astype, can_cast, finfo, iinfo, isdtype, result_type)}
"""The data type functions of the standard by name."""
