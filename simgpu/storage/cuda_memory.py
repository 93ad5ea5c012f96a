"""Memory of a card and of its host, as CuPy takes it from CUDA: pools, and who shares them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import cupy
import numpy as np
from cupy.cuda import memory as cupy_memory

from simgpu.storage.driver import Stream
from simgpu.storage.driver_calls import Counted, Tally

OnCard = Callable[[], AbstractContextManager[object]]
"""Makes a card the current one of a thread for a while."""

_POOL_UNIT_BYTES = 512
"""CuPy's pool hands out multiples of this."""


class CudaPinned:
    """Page-locked host memory of a pool of CuPy's. The pool has it back when this object is gone."""

    def __init__(self, pool: Any, size_bytes: int) -> None:
        self._memory = pool.malloc(max(size_bytes, 1))
        self.ptr: int = self._memory.ptr
        self.array = np.frombuffer(self._memory, np.uint8, size_bytes)


class CudaScratch:
    """A pool of CuPy's with a hard limit. It takes its memory at once, so that nothing is taken while programs run.

    A pool is asked while its card is the current one: CuPy keeps an account for each card.
    """

    def __init__(self, limit_bytes: int, stream: Stream, take: Callable[[int], Any], on_card: OnCard) -> None:
        self._on_card = on_card
        self._pool = cupy_memory.MemoryPool(take)
        whole = limit_bytes // _POOL_UNIT_BYTES * _POOL_UNIT_BYTES
        self._pool.set_limit(size=max(whole, 1))  # 0 would be no limit
        if whole:
            with stream:  # the pool keeps free memory for each stream by itself
                self._pool.malloc(whole)

    def allocate(self, size_bytes: int) -> Any:
        """Return what CuPy takes for memory. Raises MemoryError beyond the limit."""
        return self._pool.malloc(size_bytes)

    def used_bytes(self) -> int:
        """Return what is handed out now."""
        with self._on_card():
            return int(self._pool.used_bytes())

    def close(self) -> None:
        """Give everything back; what is still in use, when it is no more and a card is asked for memory, or how much.

        A pool of CuPy's that is dropped would keep for good what is free in it then, and what comes back later.
        """
        _IN_USE[id(self._pool)] = (self._on_card, self._pool)
        _give_back(id(self._pool))

    def __del__(self) -> None:
        if hasattr(self, "_pool") and not sys.is_finalizing():
            self.close()


_IN_USE: dict[int, tuple[OnCard, Any]] = {}
"""Pools of closed devices, each with what makes its card current, as long as something in them is in use."""


def give_back_unused() -> None:
    """Give back what is not in use any more of the scratch memory of closed devices."""
    for number in list(_IN_USE):
        _give_back(number)


def _give_back(number: int) -> None:
    """Give back what is not in use of one of these pools. Finalizers call it for their own alone: pools have locks."""
    found = _IN_USE.get(number)
    if found is None:
        return  # another thread was quicker
    on_card, pool = found
    with on_card():
        pool.free_all_blocks()
        if not pool.total_bytes():
            _IN_USE.pop(number, None)


class CudaShared:
    """What all drivers of one card share in a process: the count of their calls, and pinned memory to use again."""

    _of_cards: ClassVar[dict[int, CudaShared]] = {}

    def __init__(self) -> None:
        self.tally = Tally()
        self.pinned = cupy.cuda.PinnedMemoryPool(self._page_locked)

    @classmethod
    def of(cls, device_id: int) -> CudaShared:
        """Return it for a card."""
        return cls._of_cards.setdefault(device_id, cls())

    def slab(self, size_bytes: int) -> Counted:
        """Take memory of the current card, by `cudaMalloc`."""
        return Counted(self.tally, "mallocs", "frees", cupy_memory.Memory, size_bytes)

    def _page_locked(self, size_bytes: int) -> Any:
        memory = Counted(self.tally, "pinned_mallocs", "pinned_frees", cupy.cuda.PinnedMemory, size_bytes)
        return cupy.cuda.PinnedMemoryPointer(memory, 0)
