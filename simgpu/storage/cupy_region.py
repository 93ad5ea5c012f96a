"""The memory of one logical device on a card: a slab of it, the streams that work there, and what orders them."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from threading import RLock
from typing import Any
from weakref import ref
from zlib import crc32

import numpy as np

from simgpu.errors import ExecutionError
from simgpu.graph import TensorSpec
from simgpu.kernels import array_dtype
from simgpu.storage.card_keeping import Lane, LentSlab
from simgpu.storage.card_memory import CardMemory
from simgpu.storage.driver import Driver, Event, Pinned
from simgpu.storage.fences import Fences, Span
from simgpu.storage.guards import Guards

HOLD_US = 5_000
"""How long `hold` keeps a device busy: about 500 launches of CuPy."""

_POISON = 0xFF  # a NaN in every type of floats


class Place:
    """Owns the memory of arrays: a piece of the card, and the region that it belongs to."""

    __slots__ = ("region", "slab")

    def __init__(self, region: CupyRegion, slab: LentSlab) -> None:
        self.region = region
        self.slab = slab


class ReadOnly(Place):
    """Owns the memory of broadcast views, whose elements share places."""

    __slots__ = ()


class Lease(Place):
    """Owns memory that is lent to another library, for which it holds what would give it back."""

    __slots__ = ("holder",)

    def __init__(self, region: CupyRegion, slab: LentSlab, holder: object) -> None:
        super().__init__(region, slab)
        self.holder = holder


class CupyRegion:
    """Memory of one device, taken piece by piece as `grow` is told.

    Everything a program does here goes to `stream`, in order; copies that come in and go out have streams of their own,
    and leave fences.
    """

    def __init__(self, driver: Driver, guards: Guards, memory: CardMemory, *, device: str, lane: Lane) -> None:
        self.driver = driver
        self.guards = guards
        self.device = device
        self.lane = lane
        self.scratch_bytes = memory.scratch_bytes
        self.keeps_reserve = False  # whenever it grows; what opens as a whole has been checked before
        self.is_poisoning = False
        self.lock = RLock()
        self.fences = Fences(driver.is_done)
        self.stream, self.inbound, self.outbound, self.scratch = lane.stream, lane.inbound, lane.outbound, lane.scratch
        self._memory = memory
        self._random_state: Any = None
        self._starts: list[int] = []
        self._memories: list[Any] = []
        self._places: list[Place] = []
        self._staged: list[tuple[Event, Pinned]] = []
        guards.open()
        lane.under_way[:] = self.fences, self._staged
        self.is_open = True

    def random_state(self) -> Any:
        """Return the device's own generator of CuPy's random numbers; its seed follows from the device's name."""
        if self._random_state is None:
            self._random_state = self.driver.random_state(crc32(self.device.encode()))
        return self._random_state

    @property
    def taken_bytes(self) -> int:
        """What the device holds of its card, beside its scratch memory."""
        return sum(place.slab.size_bytes for place in self._places)

    def grow(self, size_bytes: int) -> None:
        """Take more memory of the card. Raises OutOfDeviceMemory if it has not got that much beside the reserve."""
        slab = self._memory.take(self.device, size_bytes, keeps_reserve=self.keeps_reserve)
        place = Place(self, slab)
        memory = self.driver.adopt(slab, place)
        with self.lock:  # arrays without bytes may need the first piece in several threads
            self.lane.under_way.append(slab)
            self._starts.append(self.taken_bytes)
            self._memories.append(memory)
            self._places.append(place)  # last, as those who look for a place look here first

    def arrays(self, spec: TensorSpec) -> Callable[[int], Any]:
        """Return what makes CuPy arrays over the bytes at an offset. It refuses what would reach beyond the region."""
        shape, dtype, size, driver = spec.shape, self._dtype(spec), spec.nbytes, self.driver

        def array_at(offset: int) -> Any:
            if not self._places:
                self.grow(0)  # an array without bytes lies somewhere, too
            number = bisect_right(self._starts, offset) - 1
            start, slab = self._starts[number], self._places[number].slab
            if offset + size > start + slab.size_bytes:
                raise ExecutionError(f"{self.device}: {size} B at offset {offset} reach beyond its memory")
            array = driver.array(self._memories[number], slab.ptr + offset - start, shape, dtype, None)
            if self.is_poisoning and size:
                self._poison(array)
            return array

        return array_at

    def poison(self, offset: int, size_bytes: int, *, may_wait: bool = False) -> None:
        """Fill memory that came back with NaN, behind all that was asked of it.

        Unless it may wait, nothing is done while another thread has the lock: finalizers give memory back.
        """
        if not size_bytes or not self.is_open or sys.is_finalizing() or not self.lock.acquire(blocking=may_wait):
            return
        try:
            self.arrays(TensorSpec((size_bytes,), "uint8"))(offset)
        finally:
            self.lock.release()

    def holds(self, array: Any) -> bool:
        """Tell whether all bytes of an array lie in this memory."""
        if not self.driver.is_array(array):
            return False
        span = span_of(array)
        return array.nbytes == 0 or any(
            place.slab.ptr <= span.low and span.high <= place.slab.ptr + place.slab.size_bytes for place in self._places
        )

    def mark(self) -> Event:
        """Return a moment in the order of what the device computes."""
        return self.driver.record(self.stream, is_timed=True)

    def hold(self) -> None:
        """Keep the device busy for some milliseconds, so that what comes next queues up behind."""
        self.driver.hold(self.stream, HOLD_US)

    def finish(self) -> None:
        """Wait until everything asked of this device is done."""
        with ExitStack() as waits:  # for all, also where one fails
            for stream in (self.outbound, self.inbound, self.stream):
                waits.callback(self.driver.finish, stream)

    def inside(self) -> AbstractContextManager[None]:
        """Let what is launched go to this device."""
        return self.guards.inside(self)

    def order(self, reads: Sequence[Any], writes: Sequence[Any]) -> None:
        """Have what the device computes next wait for the copies that meet these arrays."""
        if not self.fences:
            return
        with self.lock:
            events = [event for array in reads for event in self.fences.before(span_of(array), is_write=False)]
            events += [event for array in writes for event in self.fences.before(span_of(array), is_write=True)]
            for event in events:
                self.driver.wait(self.stream, event)
            self.fences.take_down(events)

    def stage(self, values: np.ndarray[Any, Any]) -> Pinned:
        """Return the bytes of NumPy's array in pinned memory."""
        pinned = self.driver.pinned(values.nbytes)
        np.copyto(pinned.array[: values.nbytes].view(values.dtype).reshape(values.shape), values)
        return pinned

    def keep(self, pinned: Pinned, event: Event) -> None:
        """Keep pinned memory until a copy from it has ended."""
        with self.lock:
            self._staged[:] = [it for it in self._staged if not self.driver.is_done(it[0])]
            self._staged.append((event, pinned))

    def close(self) -> None:
        """Give everything back, but for the memory of arrays that live on. A second call does nothing."""
        if not self.is_open:
            return
        self.is_open = is_sound = False
        try:
            self.finish()
            for event in self.fences.left():  # copies to other devices, on their streams
                self.driver.wait_on_host(event)
            is_sound = True
        finally:
            try:
                self.guards.close()
            finally:
                self._leave_memory(is_sound=is_sound)

    def _leave_memory(self, *, is_sound: bool) -> None:
        """Give everything back; what is not sound, or lives on in arrays, goes to no other device."""
        self.lane.under_way.clear()
        self.fences.clear()
        self._staged.clear()
        slabs = [ref(place.slab) for place in self._places]
        if not is_sound:
            _spoil(slabs)
        self._starts, self._memories, self._places = [], [], []
        _spoil(slabs)
        self._memory.keeping.leave_lane(self.lane, is_sound=is_sound)

    def __del__(self) -> None:
        if getattr(self, "is_open", False) and not sys.is_finalizing():  # at the end, all goes back by itself
            self.close()

    def _dtype(self, spec: TensorSpec) -> Any:
        if spec.dtype == "string":
            raise ExecutionError(f"{self.device}: strings live in the memory of CPUs alone, not {spec}")
        return array_dtype(spec.dtype)

    def _poison(self, array: Any) -> None:
        self.order((), (array,))
        self.driver.fill_bytes(array.data.ptr, _POISON, array.nbytes, self.stream)


def _spoil(slabs: Sequence[ref[LentSlab]]) -> None:
    """Mark those that live."""
    for reference in slabs:
        slab = reference()
        if slab is not None:
            slab.is_spoilt = True


def span_of(array: Any) -> Span:
    """Return the bytes between the first and the last one of an array, which may be a view."""
    low = high = array.data.ptr
    if array.size == 0:
        return Span(low, low)
    for count, step in zip(array.shape, array.strides, strict=True):
        reach = (count - 1) * step
        low, high = low + min(0, reach), high + max(0, reach)
    return Span(low, high + array.itemsize)
