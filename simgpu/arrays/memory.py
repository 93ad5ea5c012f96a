"""The memory of one logical device as programs use it: the ledger behind a lock, and the bytes behind the ledger.

A tensor's memory returns when its `Buffer` dies, on whatever thread and at whatever moment that is: also inside an
allocation, if the garbage collector runs there. So a dying buffer never waits for the lock. It leaves its block in
`returned`; whoever holds the lock next takes it back before doing anything else, in the order in which they came.
"""

from __future__ import annotations

import gc
from collections import deque
from threading import Lock

from simgpu.arrays.observer import MemoryObserver
from simgpu.errors import OutOfDeviceMemory
from simgpu.machine import LogicalDevice
from simgpu.memory import UNIT_BYTES, Block, MemoryPool, MemoryStatistics
from simgpu.storage import Region

_new = object.__new__


class DeviceMemory:
    """Ledger and bytes of one logical device. Safe to use from many threads."""

    __slots__ = ("_lock", "_lock_now", "_unlock", "device", "index", "observers", "pool", "region", "returned")

    def __init__(self, index: int, device: LogicalDevice, region: Region, pool: MemoryPool | None = None) -> None:
        self.observers: tuple[MemoryObserver, ...] = ()
        self.index = index
        self.device = device
        self.region = region
        self.pool = pool or MemoryPool(device.name, device.memory_limit_bytes)
        self.returned: deque[Block] = deque()
        self._lock = Lock()
        self._lock_now, self._unlock = self._lock.acquire, self._lock.release

    def allocate(self, size_bytes: int, owner: str) -> Buffer:
        """Grant a buffer. Raises OutOfDeviceMemory if none fits, also after unreachable tensors were collected."""
        block: Block | None = None
        self._lock_now()
        try:
            if self.returned:
                block = self._exchanged(size_bytes, owner)
            if block is None:
                block = self.pool.allocate(size_bytes, owner=owner)
                if self.observers:
                    self._tell_granted(block, owner)
        except OutOfDeviceMemory:
            pass  # the second try is made without the lock
        finally:
            self._unlock()
        if block is None:
            block = self._granted_late(size_bytes, owner)
        buffer = _new(Buffer)
        buffer.memory = self
        buffer.block = block
        buffer._is_live = True
        return buffer

    def statistics(self) -> MemoryStatistics:
        """Return a frozen snapshot of the account."""
        with self._lock:
            self._take_back()
            return self.pool.statistics()

    def live_owners(self) -> list[tuple[str, int]]:
        """Return owner and bytes of everything that is alive, in order of offsets."""
        with self._lock:
            self._take_back()
            return [(owner, block.size_bytes) for block, owner in self.pool.live()]

    def reset_peak(self) -> None:
        """Let the peak start anew from what is used now."""
        with self._lock:
            self._take_back()
            self.pool.reset_peak()

    def watch(self, observer: MemoryObserver) -> None:
        """Tell an observer of all that is alive, and from now on of every change."""
        with self._lock:
            self._take_back()
            for block, owner in self.pool.live():
                observer.granted(self.index, block, owner)
            self.observers = (*self.observers, observer)

    def unwatch(self, observer: MemoryObserver) -> None:
        """Tell an observer nothing more; what has died until now it is still told."""
        with self._lock:
            self._take_back()
            self.observers = tuple(other for other in self.observers if other is not observer)

    def give_back(self, block: Block) -> None:
        """Return a block without waiting: with the next use of this memory, or now if observers are to be told."""
        self.returned.append(block)
        if self.observers and self._lock_now(False):
            try:
                self._take_back()
            finally:
                self._unlock()

    def _exchanged(self, size_bytes: int, owner: str) -> Block | None:
        """Take back what has been returned. If the last of it is what would be granted anew, exchange it at once."""
        returned = self.returned
        block = returned[0]
        is_alike = len(returned) == 1 and block[1] - UNIT_BYTES < size_bytes <= block[1] and not self.observers
        if is_alike and self.pool.exchange(block, owner=owner):
            return returned.popleft()
        self._take_back()
        return None

    def _granted_late(self, size_bytes: int, owner: str) -> Block:
        """Grant a block after a collection of garbage. It runs finalizers, so not while the lock is held."""
        gc.collect()
        with self._lock:
            self._take_back()
            block = self.pool.allocate(size_bytes, owner=owner)
            self._tell_granted(block, owner)
            return block

    def _tell_granted(self, block: Block, owner: str) -> None:
        for observer in self.observers:
            observer.granted(self.index, block, owner)

    def _take_back(self) -> None:
        returned = self.returned
        while returned:
            block = returned.popleft()
            self.pool.release(block)
            for observer in self.observers:
                observer.returned(self.index, block)


class Buffer:
    """A piece of a device's memory, shared by an array and its views; it returns when the last of them is gone."""

    __slots__ = ("_is_live", "block", "memory")

    def __init__(self, memory: DeviceMemory, block: Block) -> None:
        self.memory = memory
        self.block = block
        self._is_live = True

    @property
    def is_live(self) -> bool:
        """False once the memory has been returned."""
        return self._is_live

    def free(self) -> None:
        """Return the memory now. A second call does nothing."""
        if self._is_live:
            self._is_live = False
            memory = self.memory
            if memory.observers:
                memory.give_back(self.block)
            else:
                memory.returned.append(self.block)

    __del__ = free
