"""CuPy storage without a GPU: real `cupy.ndarray` objects over host memory, and a card that writes down all its work.

Kernels are NumPy's, run at once over the same bytes. Streams and events are queues of records, so a test can ask what
happens before what: `Card.happens_before`.
"""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from threading import RLock, get_ident
from time import perf_counter_ns

import numpy as np
import pytest

from simgpu.storage import CupyStorage
from simgpu.storage.driver_calls import Tally
from simgpu.storage.numpy_storage import _reserve
from simgpu.units import PS_PER_NS

cupy = pytest.importorskip("cupy", reason="CuPy is not installed: pip install cupy-cuda13x (it needs no GPU)")


@dataclass(eq=False)
class Work:
    """Something given to a stream: bytes that it reads and writes, as (low, high). `after` is what it waits for."""

    stream: int
    what: str
    reads: tuple[tuple[int, int], ...] = ()
    writes: tuple[tuple[int, int], ...] = ()
    after: list[Work] = field(default_factory=list)


class Destroyed:
    """CuPy's streams and events are destroyed by finalizers, which run in any order: none may be used after its own."""

    is_gone = False

    def __del__(self):
        self.is_gone = True

    def check(self):
        assert not self.is_gone, f"{type(self).__name__} is used after its end"


@dataclass(eq=False)
class HostStream(Destroyed):
    number: int
    group: int | None = None
    last: Work | None = None
    waits: list[Work] = field(default_factory=list)

    @property
    def ptr(self):
        return self.number


@dataclass(eq=False)
class HostEvent(Destroyed):
    work: Work | None
    is_timed: bool
    is_done: bool = False
    time_ns: int = field(default_factory=perf_counter_ns)  # work is done when it is given


class HostSlab:
    def __init__(self, card, size_bytes):
        self.bytes = np.frombuffer(_reserve(size_bytes), np.uint8)
        self.ptr, self.size_bytes, self._card = self.bytes.ctypes.data, size_bytes, card
        card.used_bytes += size_bytes

    def __del__(self):
        self._card.tally.add("frees")
        self._card.used_bytes -= self.size_bytes


class HostPageLocked:
    """What CuPy's pool of pinned memory takes for pinned memory."""

    def __init__(self, tally, size_bytes):
        tally.add("pinned_mallocs")
        self._bytes, self._tally = np.zeros(size_bytes, np.uint8), tally
        self.ptr, self.size = self._bytes.ctypes.data, size_bytes

    def __del__(self):
        self._tally.add("pinned_frees")


def page_locked(tally, size_bytes):
    return cupy.cuda.PinnedMemoryPointer(HostPageLocked(tally, size_bytes), 0)


class HostPinned:
    def __init__(self, pool, size_bytes):
        self._memory = pool.malloc(max(size_bytes, 1))
        self.ptr, self.array = self._memory.ptr, np.frombuffer(self._memory, np.uint8, size_bytes)


class HostScratch:
    """A pool of CuPy's that is filled when it is made: it has one block, and gives it back when nothing is in use."""

    def __init__(self, card, limit_bytes):
        self._card, self.limit_bytes, self.live, self._block, self.is_closed = card, limit_bytes, 0, None, False
        if limit_bytes >= 512:  # CuPy's pools give multiples of this
            self._fill()

    def _fill(self):
        self._block = self._block or self._card.give_slab(self.limit_bytes)
        return self._block

    def allocate(self, size_bytes):
        if self.live + size_bytes > self.limit_bytes:
            raise MemoryError(f"{size_bytes} B")
        self._fill()
        return memory_of(self, size_bytes)

    def used_bytes(self):
        return self.live

    def close(self):
        """Give everything back: now, or when the last piece that is in use dies."""
        self.is_closed = True
        if not self.live:
            self._block = None


class Piece:
    """A piece of scratch memory: counted for as long as CuPy refers to it. Its block lives as long."""

    def __init__(self, pool, size_bytes):
        self.bytes, self.pool, self.size_bytes = np.zeros(max(size_bytes, 1), np.uint8), pool, size_bytes
        pool.live += size_bytes

    def __del__(self):
        self.pool.live -= self.size_bytes
        if self.pool.is_closed:
            self.pool.close()


def memory_of(pool, size_bytes):
    piece = Piece(pool, size_bytes)
    memory = cupy.cuda.UnownedMemory(piece.bytes.ctypes.data, max(size_bytes, 1), piece, 0)
    return cupy.cuda.MemoryPointer(memory, 0)


class Card:
    """A driver of a card of `total_bytes` in host memory. `log` is all work, in the order in which it was given."""

    module = cupy

    def __init__(self, total_bytes=2**30, *, is_lazy=False):
        self.total_bytes, self.used_bytes = total_bytes, 0
        self.card = object()
        self.is_lazy = is_lazy  # events happen only when somebody waits for them
        self.done_every = 2**60  # among the lazy events asked for, each one of this number has just happened
        self._asked = count()
        self.log: list[Work] = []
        self.tally = Tally()
        self._pinned = cupy.cuda.PinnedMemoryPool(partial(page_locked, self.tally))
        self._streams = 0
        self._current: dict[int, HostStream] = {}
        self._entered: dict[int, list[HostStream | None]] = {}
        self._lock = RLock()
        self._before = None
        self._ended: Work | None = (
            None  # what some thread of the host has seen to end: whatever comes later is behind it
        )

    def calls(self):
        return self.tally.calls()

    def memory_info(self):
        return self.total_bytes - self.used_bytes, self.total_bytes

    def take(self, size_bytes):
        return self.give_slab(size_bytes)

    def give_slab(self, size_bytes):
        self.tally.add("mallocs")
        if size_bytes > self.total_bytes - self.used_bytes:
            raise MemoryError(f"{size_bytes} B")
        return HostSlab(self, size_bytes)

    def scratch(self, limit_bytes, stream):
        return HostScratch(self, limit_bytes)

    def pinned(self, size_bytes):
        return HostPinned(self._pinned, size_bytes)

    def adopt(self, slab, owner):
        return cupy.cuda.UnownedMemory(slab.ptr, max(slab.size_bytes, 1), owner, 0)

    def array(self, memory, ptr, shape, dtype, strides):
        return cupy.ndarray(shape, dtype, cupy.cuda.MemoryPointer(memory, ptr - memory.ptr), strides)

    def owner_of(self, array):
        return getattr(array.data.mem, "_owner", None)

    def is_array(self, value):
        return isinstance(value, cupy.ndarray)

    def stream(self, group=None):
        self._streams += 1
        return HostStream(self._streams, group)

    def stream_id(self, stream):
        return stream.number

    def current_stream_id(self):
        stream = self._current.get(get_ident())
        return stream.number if stream else 0

    @contextmanager
    def using(self, stream):
        entered = self._entered.setdefault(get_ident(), [None])  # as CuPy: whoever leaves takes off the last entry
        entered.append(stream)
        self._current[get_ident()] = stream
        try:
            yield
        finally:
            entered.pop()
            self._current[get_ident()] = entered[-1]

    def record(self, stream, *, is_timed=False):
        return HostEvent(self._give(stream, "event"), is_timed)

    def wait(self, stream, event):
        event.check()
        stream.check()
        with self._lock:
            stream.waits.append(event.work)

    def is_done(self, event):
        event.check()
        if not event.is_done and self.is_lazy and next(self._asked) % self.done_every == self.done_every - 1:
            self._happen(event)
        return event.is_done or not self.is_lazy

    def wait_on_host(self, event):
        event.check()
        self.tally.add("event_waits")
        self._happen(event)

    def _happen(self, event):
        event.is_done = True
        self._wait_on_host(event.work)

    def finish(self, stream):
        stream.check()
        self.tally.add("stream_waits")
        if stream.last is not None:
            self._wait_on_host(stream.last)

    def _wait_on_host(self, work):
        with self._lock:
            self._ended = Work(0, "host", after=[it for it in (self._ended, work) if it is not None])

    def elapsed_ps(self, earlier, later):
        return (later.time_ns - earlier.time_ns) * PS_PER_NS

    def hold(self, stream, time_us):
        self._give(stream, "hold")

    def copy_bytes(self, target_ptr, source_ptr, size_bytes, stream):
        reads, writes = ((source_ptr, source_ptr + size_bytes),), ((target_ptr, target_ptr + size_bytes),)
        self._give(stream, "copy", reads, writes)
        ctypes.memmove(target_ptr, source_ptr, size_bytes)

    def fill_bytes(self, ptr, byte, size_bytes, stream):
        self._give(stream, "fill", (), ((ptr, ptr + size_bytes),))
        ctypes.memset(ptr, byte, size_bytes)

    def run(self, function, *arguments):
        """Rows of the operation table take inputs, then outputs; those for dynamic shapes return theirs."""
        written = arguments[1] if len(arguments) == 3 else ()
        return self._computed(lambda *given: function(np, *given), arguments, written)

    def run_function(self, name, *arguments):
        written = {"copyto": arguments[:1], "asarray": (), "ascontiguousarray": ()}.get(name, arguments[-1:])
        return self._computed(into_last(getattr(np, name)), arguments, written)

    def install(self, allocate):
        self._before = cupy.cuda.get_allocator()
        cupy.cuda.set_allocator(allocate)

    def is_installed(self, allocate):
        return cupy.cuda.get_allocator() == allocate

    def uninstall(self):
        cupy.cuda.set_allocator(self._before)

    def enter_thread(self):
        pass

    def random_state(self, seed):
        return np.random.default_rng(seed)

    def route_random(self, current):
        self.random_source = current

    def green_streams(self, sm_counts):
        return [partial(self.stream, group) for group in range(len(sm_counts))]

    def facts(self):
        return {"name": "host", "pci_bus_id": "", "driver": "0", "cuda": "0", "cupy": cupy.__version__}

    def happens_before(self, first, second):
        """Tell whether a work has certainly ended when another begins."""
        seen, left = set(), [second]
        while left:
            work = left.pop()
            if work is first:
                return True
            if id(work) not in seen:
                seen.add(id(work))
                left += work.after
        return False

    def _give(self, stream, what, reads=(), writes=()):
        stream.check()
        with self._lock:
            after = [it for it in (stream.last, *stream.waits, self._ended) if it is not None]
            work = Work(stream.number, what, reads, writes, after)
            stream.last, stream.waits = work, []
            self.log.append(work)
        return work

    def _computed(self, function, arguments, written):
        """Note what is read and written, as far as it lies on the card, and compute it with NumPy."""
        stream = self._current.get(get_ident())
        assert stream is not None, "kernels are launched inside of a device alone"
        arrays = [it for it in flattened(arguments) if self.is_array(it)]
        outputs = [it for it in written if self.is_array(it)]
        inputs = [it for it in arrays if all(it is not output for output in outputs)]
        self._give(stream, "kernel", tuple(map(bounds, inputs)), tuple(map(bounds, outputs)))
        with np.errstate(all="ignore"):
            made = function(*[on_host(it) for it in arguments])
        if isinstance(made, tuple):
            return tuple(on_card(it) for it in made)
        return on_card(made) if isinstance(made, np.ndarray) else made


def into_last(function):
    """Return a function that takes its output as its last argument, as CuPy's ufuncs do; NumPy's will not for long."""
    if not isinstance(function, np.ufunc):
        return function
    return lambda *arguments: function(*arguments[:-1], out=arguments[-1])


def flattened(values):
    for value in values:
        if isinstance(value, list | tuple):
            yield from flattened(value)
        else:
            yield value


def on_host(value):
    """Return NumPy's array over the bytes of CuPy's, also inside lists."""
    if isinstance(value, list | tuple):
        return type(value)(on_host(it) for it in value)
    if not isinstance(value, cupy.ndarray):
        return value
    low, high = bounds(value)
    if low == high:
        return np.empty(value.shape, value.dtype)
    raw = (ctypes.c_uint8 * (high - low)).from_address(low)
    return np.ndarray(value.shape, value.dtype, raw, value.data.ptr - low, value.strides)


def on_card(values):
    """Return values in the scratch memory of the device that is entered."""
    made = cupy.ndarray(values.shape, values.dtype, cupy.cuda.alloc(values.nbytes))
    np.copyto(on_host(made), values)
    return made


def bounds(array):
    low = high = array.data.ptr
    if array.size == 0:
        return low, low
    for length, step in zip(array.shape, array.strides, strict=True):
        low, high = low + min(0, (length - 1) * step), high + max(0, (length - 1) * step)
    return low, high + array.itemsize


def host_storage(total_bytes=2**30, *, is_lazy=False, **options):
    """Return CuPy storage on a card in host memory. The reserve is 0 unless given."""
    return CupyStorage(Card(total_bytes, is_lazy=is_lazy), **{"reserve_bytes": 0, "scratch_bytes": 2**22, **options})
