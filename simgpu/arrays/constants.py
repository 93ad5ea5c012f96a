"""Constants: values of the caller, as arrays on the device that TensorFlow's rules give them."""

from __future__ import annotations

from time import perf_counter_ns
from typing import Any

import numpy as np

from simgpu.arrays.array import Array
from simgpu.arrays.deciding import CONSTANT
from simgpu.arrays.dtypes import dtype_name
from simgpu.arrays.runtime import Runtime
from simgpu.errors import InvalidValue
from simgpu.graph import Data, TensorSpec
from simgpu.kernels import array_dtype

_FROM_PYTHON = {"float64": "float32", "int64": "int32"}
"""Python's numbers become the dtypes on the right, as in TensorFlow; integers only where they fit."""


def make_constant(runtime: Runtime, value: Any, dtype: Any, *, owner: str = "constant") -> Array:
    """Return an array of the caller's values, where scopes and kernels put it. See `simgpu.constant`."""
    return place_values(runtime, *host_values(value, dtype), owner=owner)


def place_values(runtime: Runtime, values: np.ndarray[Any, Any], name: str, *, owner: str) -> Array:
    """Return an array of these values, whose dtype has this name; in the body of a traced function, a part of that."""
    runtime = runtime.scopes.tracer() or runtime
    start_ns = perf_counter_ns() if runtime.observers else 0
    decision = runtime.place_source(CONSTANT, name)
    spec = TensorSpec(values.shape, name)
    made = runtime.make(runtime.kind(spec, decision.writes[0], runtime.rules), owner)
    runtime.storage.write(made._data, values)
    for observer in runtime.observers:
        attributes = {"spec": spec, "initializer": Data(values)}
        observer.computed("Variable", attributes, (), (made,), decision, start_ns)
    return made


def host_values(value: Any, dtype: Any) -> tuple[np.ndarray[Any, Any], str]:
    """Return the caller's values as a NumPy array, and the name of their dtype.

    Without `dtype`, Python's floats are float32 and its ints int32 (int64 where they do not fit); NumPy's values keep
    theirs. Raises InvalidValue for what is no array of numbers, bools or strings.
    """
    dtype = given_dtype(dtype)
    try:
        values = np.asarray(value)
    except ValueError as error:
        raise InvalidValue(
            f"a constant is one value, or lists of one length each inside the other, and not {value!r:.60}"
        ) from error
    if values.dtype.kind in "USO" and dtype in (None, "string"):
        return _strings(values), "string"
    is_numpy = isinstance(value, np.ndarray | np.generic)
    name = dtype or (values.dtype.name if is_numpy else _default(values))
    if values.dtype.kind in "USO" or (values.dtype.kind == "f" and np.dtype(array_dtype(name)).kind in "iub"):
        raise InvalidValue(f"a constant of dtype {name} cannot be made of {values.dtype} values: {value!r:.60}")
    return values.astype(array_dtype(name), copy=False), name


def given_dtype(dtype: Any) -> str | None:
    """Return the name of a dtype: a name, a dtype of the namespace or of NumPy, or None. Raises InvalidValue."""
    return dtype if isinstance(dtype, str | None) else dtype_name(dtype)


def _default(values: np.ndarray[Any, Any]) -> str:
    if values.dtype.kind == "i" and values.size and not -(2**31) <= values.min() <= values.max() < 2**31:
        return "int64"
    name = str(values.dtype.name)
    return _FROM_PYTHON.get(name, name)


def _strings(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    wrong = [item for item in values.flat if not isinstance(item, str | bytes)]
    if wrong:
        raise InvalidValue(f"a constant is made of numbers, bools or strings, not of {type(wrong[0]).__name__}")
    return values.astype(object)
