"""What a driver has asked of CUDA that can make a program wait: memory, taken and given back, and waiting itself.

Launches, events and copies are not counted: they return at once, and a program consists of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from itertools import count
from threading import RLock
from typing import Any


@dataclass(frozen=True, slots=True)
class DriverCalls:
    """How often each function of CUDA was called; the difference of two is what was called in between.

    A call counts also where CUDA refuses it. `cudaMalloc`, `cudaFree`, `cudaHostAlloc` and `cudaFreeHost` may wait for
    the whole card. No driver calls `cudaDeviceSynchronize`: what counts it watches CuPy from outside.
    """

    mallocs: int = 0  # cudaMalloc: slabs of devices, and what the pools of scratch memory take
    frees: int = 0  # cudaFree
    pinned_mallocs: int = 0  # cudaHostAlloc
    pinned_frees: int = 0  # cudaFreeHost
    stream_waits: int = 0  # cudaStreamSynchronize
    event_waits: int = 0  # cudaEventSynchronize
    device_waits: int = 0  # cudaDeviceSynchronize

    def __sub__(self, earlier: DriverCalls) -> DriverCalls:
        """Return what was called since an earlier state."""
        return DriverCalls(*(now - before for now, before in zip(astuple(self), astuple(earlier), strict=True)))


class Tally:
    """Counts calls. Any thread adds to it, and finalizers do, within CuPy's own locks: so adding takes no lock."""

    def __init__(self) -> None:
        self._counters = {field.name: count() for field in fields(DriverCalls)}  # a step of each is one of Python's
        self._reads = 0  # each took a step of all counters
        self._lock = RLock()  # a finalizer may ask in the midst of another question

    def add(self, name: str) -> None:
        """Count one call, by the name of its field in `DriverCalls`."""
        next(self._counters[name])

    def calls(self) -> DriverCalls:
        """Return what has been called until now."""
        with self._lock:
            found = {name: next(counter) - self._reads for name, counter in self._counters.items()}
            self._reads += 1
        return DriverCalls(**found)


class Counted:
    """Memory, counted when it is asked for, and when it is given back: as this object is gone."""

    _memory: Any = None

    def __init__(self, tally: Tally, taken: str, given: str, take: Callable[[int], Any], size_bytes: int) -> None:
        self._tally, self._given = tally, given
        tally.add(taken)
        self._memory = take(max(size_bytes, 1))
        self.ptr: int = self._memory.ptr
        self.size_bytes = self.size = size_bytes  # CuPy's pools read `size`

    def __del__(self) -> None:
        if self._memory is not None:
            self._tally.add(self._given)
