"""NumPy storage: one slab of host memory for each logical device, and arrays over it.

An address therefore proves on which device its bytes lie, and no array can reach beyond its device. Slabs reserve
address space only; the operating system gives pages when they are touched.
"""

from __future__ import annotations

import contextlib
import mmap
import threading
from collections.abc import Callable, Sequence
from contextvars import Context
from time import perf_counter_ns
from typing import Any

import numpy as np

from simgpu.errors import ExecutionError
from simgpu.graph import TensorSpec
from simgpu.kernels import Attributes, OperationRule, array_dtype
from simgpu.storage.storage import Opening, Show
from simgpu.units import PS_PER_NS, short_size

_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # named since Python 3.12; the value is Linux's


_OUTPUT_BY_KEYWORD = frozenset({"maximum", "minimum"})
"""Ufuncs to which NumPy 2.4 wants the output by keyword: a third positional argument is deprecated for these two."""


class NumpyRegion:
    """A slab of `limit_bytes`. It goes back to the operating system when its last array is gone."""

    def __init__(self, limit_bytes: int) -> None:
        self._slab = _reserve(limit_bytes)
        self._limit_bytes = limit_bytes
        self._base = np.frombuffer(self._slab, np.uint8, count=1).ctypes.data

    def arrays(self, spec: TensorSpec) -> Callable[[int], np.ndarray[Any, Any]]:
        """Return what makes arrays over the bytes at an offset. NumPy refuses one that would reach beyond the slab.

        Strings are Python's own objects: of them, only the descriptors are counted here.
        """
        if spec.dtype == "string":
            return lambda offset: np.empty(spec.shape, object)
        shape, dtype, slab, array = spec.shape, array_dtype(spec.dtype), self._slab, np.ndarray
        return lambda offset: array(shape, dtype, slab, offset)

    def holds(self, array: np.ndarray[Any, Any]) -> bool:
        """Tell whether all bytes of an array lie in this slab."""
        low, high = np.lib.array_utils.byte_bounds(array)
        return array.nbytes == 0 or (self._base <= low and high <= self._base + self._limit_bytes)

    def grow(self, size_bytes: int) -> None:
        """Do nothing: the operating system gives memory when it is touched."""

    def mark(self) -> int:
        """Return this moment, in nanoseconds."""
        return perf_counter_ns()

    def hold(self) -> None:
        """Do nothing: whoever asks for something waits for it."""

    def finish(self) -> None:
        """Do nothing: everything is done."""

    def close(self) -> None:
        """Do nothing: the memory goes back with the last array."""


def _reserve(limit_bytes: int) -> mmap.mmap:
    try:
        slab = mmap.mmap(-1, max(limit_bytes, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE)
    except (OSError, OverflowError) as error:
        raise ExecutionError(
            f"this computer cannot reserve {short_size(limit_bytes)} of address space for a device ({error}); "
            "use smaller limits or fewer devices, or `shape` storage, which holds no bytes"
        ) from error
    with contextlib.suppress(AttributeError, OSError):  # huge pages come 10 times faster, where there are any
        slab.madvise(mmap.MADV_HUGEPAGE)
    return slab


class Quiet(threading.local):
    """Runs functions so that infinities and NaN are results and not warnings; NumPy keeps that in a context.

    One context for each thread, entered for each call: a third of the cost of `np.errstate`.
    """

    def __init__(self) -> None:
        context = Context()
        context.run(np.seterr, all="ignore")
        self.run = context.run

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function. Unlike bare `run`, it may happen in the midst of another call, by a finalizer."""
        try:
            return self.run(function, *arguments)
        except RuntimeError as error:
            if "already entered" not in str(error):
                raise
            return function(*arguments)


class NumpyStorage:
    """Storage in host memory, computed by NumPy."""

    name = "numpy"
    is_asynchronous = False

    def __init__(self) -> None:
        self.quiet = Quiet()

    def function(self, name: str) -> Callable[..., Any] | None:
        """Return a function of NumPy that takes its output as the last argument by position."""
        found: Callable[..., Any] = getattr(np, name)
        if name in _OUTPUT_BY_KEYWORD:
            return lambda *arguments: found(*arguments[:-1], out=arguments[-1])
        return found

    def enter_thread(self) -> None:
        """Make infinities and NaN results, as on a GPU, and not warnings. NumPy keeps this for each thread."""
        np.seterr(all="ignore")

    def check_start(self, openings: Sequence[Opening]) -> None:
        """Do nothing: host memory is given when it is touched."""

    def open(self, limit_bytes: int, kind: str = "GPU", *, device: str = "GPU", grows: bool = False) -> NumpyRegion:
        """Reserve the memory of one logical device."""
        return NumpyRegion(limit_bytes)

    def look(self, *, now: bool = False) -> None:
        """Return None: there is no card."""

    def between_ps(self, earlier: int, later: int) -> int:
        """Return the time between two marks."""
        return (later - earlier) * PS_PER_NS

    def is_launched(self, *arrays: Any) -> bool:
        """Return False: everything is done at once."""
        return False

    def compute(
        self, rule: OperationRule, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes
    ) -> None:
        """Run an operation."""
        self.quiet.call(rule.compute, np, inputs, outputs, attributes)

    def compute_dynamic(
        self, rule: OperationRule, inputs: Sequence[Any], attributes: Attributes
    ) -> list[tuple[TensorSpec, Any]]:
        """Run an operation whose shapes follow from values; return shapes and values."""
        assert rule.compute_dynamic is not None, f"the shapes of {rule.name} are known beforehand"
        made = self.quiet.call(rule.compute_dynamic, np, inputs, attributes)
        return [(TensorSpec(value.shape, value.dtype.name), value) for value in made]

    def write(self, target: Any, value: Any) -> None:
        """Copy a value of the caller into an array."""
        self.quiet.call(np.copyto, target, value)

    def copy(self, source: Any, target: Any) -> None:
        """Copy an array into another."""
        np.copyto(target, source)

    def read(self, source: Any) -> Any:
        """Return a copy that belongs to the caller."""
        return np.array(source)

    def view(self, source: Any, show: Show) -> tuple[Any, TensorSpec]:
        """Return what `show` makes of an array."""
        shown = show(source)
        return shown, TensorSpec(shown.shape, shown.dtype.name)

    def is_writable(self, array: Any) -> bool:
        """Tell what NumPy knows: broadcast views are read-only."""
        return bool(array.flags.writeable)
