"""Values of the host, on their way onto a logical device."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np

from simgpu.arrays.deciding import CONSTANT
from simgpu.arrays.dlpack import in_host_memory
from simgpu.arrays.dtypes import dtype_of, optional_dtype_name
from simgpu.arrays.rules import Rules
from simgpu.errors import InvalidValue
from simgpu.graph import Data, TensorSpec

if TYPE_CHECKING:
    from simgpu.arrays.array import Array
    from simgpu.arrays.runtime import Runtime


def host_values(value: Any, dtype: str | None) -> tuple[np.ndarray[Any, Any], str]:
    """Return Python values, a buffer or another library's array as NumPy's, and the name of the dtype to be.

    Bools become bool, ints int64, floats float64 and complex numbers complex128, unless `dtype` says otherwise; arrays
    and buffers keep their dtype. Raises InvalidValue for what is no array of numbers or bools.
    """
    values = _as_numpy(value)
    if values.dtype.kind not in "biufcV" or values.dtype.names:
        raise InvalidValue(f"asarray: arrays hold numbers or bools, and {value!r:.60} is of {values.dtype}")
    name = dtype or optional_dtype_name(values.dtype.newbyteorder("="))
    assert name is not None, "an array has a dtype"
    if values.dtype.kind == "c" and not name.startswith("complex"):
        raise InvalidValue(f"asarray: complex values cannot become {name}; take the real or the imaginary part")
    return _cast(values, name), name


def _as_numpy(value: Any) -> np.ndarray[Any, Any]:
    if not isinstance(value, np.ndarray) and hasattr(value, "__dlpack__"):
        return in_host_memory(value)
    try:
        values = np.asarray(value)
    except (ValueError, OverflowError) as error:
        raise InvalidValue(f"asarray: {value!r:.60} has no one shape; give lists of one length each") from error
    if values.dtype == np.uint64 and not hasattr(value, "dtype") and not _is_buffer(value):
        raise InvalidValue(f"asarray: an int of {value!r:.60} is beyond int64; give dtype=xp.uint64")
    return values


def _is_buffer(value: Any) -> bool:
    try:
        memoryview(value)
    except TypeError:
        return False
    return True


def _cast(values: np.ndarray[Any, Any], name: str) -> np.ndarray[Any, Any]:
    dtype = dtype_of(name).numpy
    if dtype.kind in "iu" and values.dtype.kind in "iu" and values.size and values.dtype != dtype:
        limits = np.iinfo(dtype)
        if not limits.min <= int(values.min()) <= int(values.max()) <= limits.max:
            raise InvalidValue(f"asarray: some values are beyond {name}, from {limits.min} to {limits.max}")
    with np.errstate(all="ignore"):
        return values.astype(dtype, copy=False)


def make_from_host(runtime: Runtime, values: np.ndarray[Any, Any], dtype: str, rules: Rules) -> Array:
    """Return an array of these values where the scopes, or the rules' default, say."""
    start_ns = perf_counter_ns() if runtime.observers else 0
    decision = runtime.place_source(CONSTANT, dtype, rules)
    spec = TensorSpec(values.shape, dtype)
    made = runtime.make(runtime.kind(spec, decision.writes[0], rules), "asarray")
    runtime.storage.write(made._data, values)
    for observer in runtime.observers:
        attributes = {"spec": spec, "initializer": Data(values)}
        observer.computed("Variable", attributes, (), (made,), decision, start_ns)
    return made
