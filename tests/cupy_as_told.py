"""NumPy that takes what CuPy says it takes: names, parameters, dtypes and arrays, as far as one can tell without a GPU.

It finds what only a card would have found: a function or keyword that CuPy lacks, a ufunc without a loop for some
dtypes, an array of NumPy's among those of CuPy, an input that CuPy would copy because it overlaps the output.
"""

from __future__ import annotations

import inspect
from types import ModuleType

import numpy as np
import pytest

cupy = pytest.importorskip("cupy", reason="CuPy is not installed: pip install cupy-cuda13x (it needs no GPU)")

UFUNC = type(cupy.add)
KIND_OF_SCALAR = {int: 1, float: 2, complex: 3}
KINDS = {"b": 0, "u": 1, "i": 1, "f": 2, "V": 2, "c": 3}
MADE_OF_ANYTHING = ("asarray",)


class Refused(AssertionError):
    """CuPy would not do this, or not well."""


class Told(np.ndarray):
    """Stands for `cupy.ndarray`."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if method == "__call__" and ufunc.__name__ != "matmul":
            check_ufunc(ufunc.__name__, inputs, out[0] if out else None, options)
        outputs = {} if out is None else {"out": tuple(plain(it) for it in out)}
        made = getattr(ufunc, method)(*plain(inputs), **outputs, **options)
        return told(made) if out is None else out[0]

    def __getitem__(self, key):
        check_arrays(key if isinstance(key, tuple) else (key,))
        return told(plain(self)[plain(key)])

    def __setitem__(self, key, value):
        check_arrays((*(key if isinstance(key, tuple) else (key,)), value))
        plain(self)[plain(key)] = plain(value)


class Module:
    """Stands for a module of CuPy's."""

    def __init__(self, name, cupys, numpys):
        self.__name__ = name
        self._cupys, self._numpys = cupys, numpys

    def __getattr__(self, name):
        if not hasattr(self._cupys, name):
            raise Refused(f"there is no {self.__name__}.{name}")
        cupys, numpys = getattr(self._cupys, name), getattr(self._numpys, name)
        if isinstance(numpys, ModuleType):
            return Module(f"{self.__name__}.{name}", cupys, numpys)
        return numpys if isinstance(numpys, type) else self._function(name, cupys, numpys)

    def _function(self, name, cupys, numpys):
        def call(*arguments, **options):
            out = options.get("out")
            if isinstance(cupys, UFUNC):
                check_ufunc(name, arguments, out, {key: it for key, it in options.items() if key != "out"})
            else:
                check_call(f"{self.__name__}.{name}", cupys, arguments, options)
            made = numpys(*plain(arguments), **{key: plain(it) for key, it in options.items()})
            return told(made) if out is None else out

        return call


def check_call(name, function, arguments, options):
    if name == "cupy.min" and options.get("out") is not None:
        raise Refused("cupy.min takes its output for a dtype")
    try:
        inspect.signature(function).bind(*arguments, **options)
    except TypeError as error:
        raise Refused(f"{name}: {error}") from None
    if name.rpartition(".")[2] not in MADE_OF_ANYTHING:
        check_arrays(arguments)


def check_arrays(values):
    if any(isinstance(it, np.ndarray) and not isinstance(it, Told) for it in values):
        raise Refused("an array of NumPy's where CuPy wants its own")


def check_ufunc(name, inputs, out, options):
    ufunc = getattr(cupy, name, None)
    if not isinstance(ufunc, UFUNC):
        raise Refused(f"there is no ufunc cupy.{name}")
    if set(options) - {"casting", "dtype"}:
        raise Refused(f"cupy.{name} knows not all of {sorted(options)}")
    inputs, out = inputs[: ufunc.nin], out if out is not None else next(iter(inputs[ufunc.nin :]), None)
    check_arrays(inputs)
    made = loop(ufunc, inputs)
    if out is None:
        return
    if not np.can_cast(made, out.dtype, options.get("casting", "same_kind")):
        raise Refused(f"cupy.{name} makes {made} of {inputs}, which does not go into {out.dtype}")
    if any(it is not out and isinstance(it, Told) and np.may_share_memory(it, out) for it in inputs):
        raise Refused(f"cupy.{name} would copy an input, which overlaps the output and is another array")


def loop(ufunc, inputs):
    """Return the dtype that a ufunc of CuPy's makes: that of its first loop to which all inputs can be cast."""
    dtypes = [np.asarray(it).dtype for it in inputs]
    weak = [KIND_OF_SCALAR.get(type(it)) for it in inputs]
    arrays = [KINDS[dtype.kind] for dtype, kind in zip(dtypes, weak, strict=True) if kind is None]
    if not arrays or max((kind for kind in weak if kind), default=-1) > max(arrays):
        weak = [None] * len(inputs)  # scalars of a higher kind than all arrays decide with them
    for types in ufunc.types:
        wanted, _, made = types.partition("->")
        if all(fits(*it) for it in zip(inputs, dtypes, weak, map(dtype_of, wanted), strict=True)):
            return dtype_of(made[0])
    raise Refused(f"cupy.{ufunc.name} has no loop for {dtypes}")


def fits(value, dtype, weak, wanted):
    if wanted.kind == "V" and wanted.itemsize == 0:
        return False
    return np.can_cast(dtype, wanted) or (weak is not None and np.result_type(type(value)(0), wanted) == wanted)


def dtype_of(char):
    return np.dtype(pytest.importorskip("ml_dtypes").bfloat16) if char == "E" else np.dtype(char)


def plain(value):
    """Return NumPy's own arrays."""
    if isinstance(value, Told):
        return value.view(np.ndarray)
    return type(value)(map(plain, value)) if type(value) in (list, tuple) else value


def told(value):
    """Return arrays that stand for CuPy's, which has no scalars of its own."""
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value).view(Told)
    if isinstance(value, tuple | list):
        return tuple(map(told, value))
    return value


xp = Module("cupy", cupy, np)
