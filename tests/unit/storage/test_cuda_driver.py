"""The driver of CUDA on a computer of two cards, which only note what they are asked: whose work is whose."""

from __future__ import annotations

import gc
from threading import local
from types import SimpleNamespace

import numpy as np
import pytest

from simgpu.storage.driver_calls import DriverCalls
from tests.threads import errors_of

cupy = pytest.importorskip("cupy", reason="CuPy is not installed: pip install cupy-cuda13x")
cuda_driver = pytest.importorskip("simgpu.storage.cuda_driver")
cuda_memory = pytest.importorskip("simgpu.storage.cuda_memory")

EVERYTHING = {
    "copy",
    "event",
    "fill",
    "free",
    "info",
    "limit",
    "malloc",
    "memory",
    "pinned",
    "random",
    "record",
    "used",
}


class Cards:
    """Stands for CUDA and CuPy: two cards, one of which is current in each thread. `asked` tells who did what."""

    def __init__(self):
        self._thread = local()
        self.asked = []

    @property
    def current(self):
        return getattr(self._thread, "current", 0)

    def use(self, number):
        self._thread.current = number

    def ask(self, what, result=None):
        self.asked.append((what, self.current))
        return result

    def device(self, number):
        return Device(self, number)

    def stream(self, **options):
        return Stream(self)

    def noting(self, what, result=None):
        return lambda *arguments, **options: self.ask(what, result)


class Device:
    def __init__(self, cards, number):
        self.cards, self.number, self.before = cards, number, []

    def use(self):
        self.cards.use(self.number)

    def __enter__(self):
        self.before.append(self.cards.current)
        self.use()

    def __exit__(self, *error):
        self.cards.use(self.before.pop())


class Stream:
    """A stream that can be entered on its own card alone, as CuPy's."""

    ptr = 77

    def __init__(self, cards):
        self.cards, self.number = cards, cards.current
        self.synchronize = cards.noting("stream wait")

    def __enter__(self):
        assert self.cards.current == self.number

    def __exit__(self, *error):
        pass


class Pool:
    """A pool that asks for all that it hands out, and has it back when it is told to free everything."""

    def __init__(self, cards, allocate):
        self.cards, self.allocate, self.held = cards, allocate, []
        self.set_limit, self.used_bytes = cards.noting("limit"), cards.noting("used", 0)

    def malloc(self, size_bytes):
        self.cards.ask("malloc")
        self.held.append(self.allocate(size_bytes))
        return self.held[-1]

    def free_all_blocks(self):
        self.cards.ask("free")
        self.held.clear()

    def total_bytes(self):
        return len(self.held)


class PinnedMemory:
    def __init__(self, size_bytes):
        self.bytes = np.zeros(size_bytes, np.uint8)
        self.ptr = self.bytes.ctypes.data


class Event:
    def __init__(self, cards):
        self.record, self.synchronize = cards.noting("record"), cards.noting("event wait")


@pytest.fixture
def cards(monkeypatch):
    cards = Cards()
    cache = SimpleNamespace(set_size=cards.noting("plans"))
    monkeypatch.setattr(cuda_memory.CudaShared, "_of_cards", {})
    for owner, name, stands in (
        (cupy.cuda, "Device", cards.device),
        (cupy.cuda, "Stream", cards.stream),
        (cupy.cuda, "Event", lambda **options: cards.ask("event", Event(cards))),
        (cupy.cuda, "PinnedMemory", lambda size: cards.ask("pinned", PinnedMemory(size))),
        (cupy.fft.config, "get_plan_cache", lambda: cache),
        (cupy.random, "RandomState", cards.noting("random")),
        (cuda_memory.cupy_memory, "Memory", lambda size: cards.ask("memory", SimpleNamespace(ptr=512))),
        (cuda_memory.cupy_memory, "MemoryPool", lambda allocate: Pool(cards, allocate)),
        (cuda_driver.cuda, "getDevice", lambda: cards.current),
        (cuda_driver.cuda, "memGetInfo", lambda: cards.ask("info", (cards.current, 2))),
        (cuda_driver.cuda, "memcpyAsync", cards.noting("copy")),
        (cuda_driver.cuda, "memsetAsync", cards.noting("fill")),
    ):
        monkeypatch.setattr(owner, name, stands)
    return cards


def everything(driver):
    """Ask a driver for everything that CUDA does on the card that is current."""
    stream = driver.stream()
    driver.memory_info()
    driver.take(512)
    driver.pinned(512 * driver.calls().pinned_mallocs + 1)  # nothing that was taken before will do
    driver.random_state(1)
    driver.record(stream)
    driver.copy_bytes(0, 512, 512, stream)
    driver.fill_bytes(0, 255, 512, stream)
    with driver.using(stream):
        driver.run(lambda module: module.cuda.runtime.memGetInfo())
    scratch = driver.scratch(512, stream)
    scratch.used_bytes()
    scratch.close()


@pytest.mark.parametrize("order", [(0, 1, 0), (1, 0, 1)])
def test_of_two_cards_each_is_asked_for_what_its_own_driver_does(cards, order):
    drivers = [cuda_driver.CudaDriver(number) for number in (0, 1)]
    for number in order:
        cards.asked.clear()
        everything(drivers[number])

        assert {what for what, _ in cards.asked} - {"plans"} == EVERYTHING
        assert {card for _, card in cards.asked} == {number}


def test_drivers_tell_whether_their_cards_are_one(cards):
    first, again, other = (cuda_driver.CudaDriver(number).card for number in (0, 0, 1))

    assert first == again
    assert first != other


@pytest.mark.parametrize("current", [0, 1])
def test_a_driver_that_is_made_looks_at_its_card_and_leaves_the_card_current_that_was(cards, current):
    cards.use(current)
    for number in (0, 1):
        cuda_driver.CudaDriver(number)

    assert cards.current == current
    assert cards.asked == [("info", 0), ("info", 1)]


@pytest.mark.parametrize("current", [0, 1])
def test_what_a_driver_does_leaves_the_card_current_that_was(cards, current):
    drivers = [cuda_driver.CudaDriver(number) for number in (0, 1)]
    cards.use(current)
    for driver in drivers:
        everything(driver)

    assert cards.current == current


def test_work_on_one_card_may_lie_inside_of_work_on_another(cards):
    first, second = (cuda_driver.CudaDriver(number) for number in (0, 1))
    streams = [first.stream(), second.stream()]
    found = []
    with first.using(streams[0]):
        with second.using(streams[1]), first.using(streams[0]):
            found.append(cards.current)
            second.memory_info()
            found.append(cards.current)
        found.append(cards.current)

    assert found == [0, 0, 0]


def test_a_thread_that_enters_uses_the_card_and_keeps_no_plans_of_it(cards):
    drivers = [cuda_driver.CudaDriver(number) for number in (0, 1)]
    found = []

    def enter(number):
        for _ in range(2):
            drivers[number].enter_thread()
            found.append((number, cards.current))

    cards.asked.clear()
    for number in (1, 0):
        assert errors_of(enter, [number]) == []

    assert found == [(1, 1), (1, 1), (0, 0), (0, 0)]
    assert cards.asked == [("plans", 1), ("plans", 0)]


def test_memory_is_counted_when_it_is_taken_and_when_it_is_gone(cards):
    driver = cuda_driver.CudaDriver()
    stream, before = driver.stream(), driver.calls()
    slab, scratch = driver.take(4096), driver.scratch(1024, stream)
    taken = driver.calls() - before
    scratch.allocate(512)
    grown = driver.calls() - before
    del slab
    scratch.close()

    assert taken == DriverCalls(mallocs=2)
    assert grown == DriverCalls(mallocs=3)
    assert driver.calls() - before == DriverCalls(mallocs=3, frees=3)


def test_pinned_memory_is_taken_once_for_each_size_and_used_again(cards):
    driver = cuda_driver.CudaDriver()
    for size_bytes in (1000, 1024, 513):  # CuPy's pool gives multiples of 512 B
        pinned = driver.pinned(size_bytes)
        assert pinned.array.shape == (size_bytes,)
        del pinned
    held = [driver.pinned(1000) for _ in range(2)]
    driver.pinned(2000)

    assert [len(it.array) for it in held] == [1000, 1000]
    assert driver.calls() == DriverCalls(pinned_mallocs=3)


def test_pinned_memory_that_a_pool_gives_up_is_counted(cards):
    driver = cuda_driver.CudaDriver()
    driver.pinned(512)
    driver._shared.pinned.free_all_blocks()
    gc.collect()

    assert driver.calls() == DriverCalls(pinned_mallocs=1, pinned_frees=1)


def test_waits_on_the_host_are_counted_and_waits_of_streams_are_not(cards):
    driver = cuda_driver.CudaDriver()
    stream = driver.stream()
    stream.wait_event = lambda event: None
    event = driver.record(stream)
    driver.wait(stream, event)
    for _ in range(3):
        driver.wait_on_host(event)
    driver.finish(stream)

    assert driver.calls() == DriverCalls(stream_waits=1, event_waits=3)
    assert [what for what, _ in cards.asked][-4:] == 3 * ["event wait"] + ["stream wait"]


def test_drivers_of_one_card_count_together_and_those_of_two_apart(cards):
    first, again, other = (cuda_driver.CudaDriver(number) for number in (0, 0, 1))
    slab = first.take(512)
    again.pinned(512)
    del slab

    assert first.calls() == again.calls() == DriverCalls(mallocs=1, frees=1, pinned_mallocs=1)
    assert other.calls() == DriverCalls()


def test_memory_that_a_card_refuses_is_asked_for_and_never_given_back(cards, monkeypatch):
    class Refused(Exception):
        status = 2

    def refuse(size_bytes):
        raise Refused(f"{size_bytes} B")

    monkeypatch.setattr(cuda_driver.cuda, "CUDARuntimeError", Refused)
    monkeypatch.setattr(cuda_memory.cupy_memory, "Memory", refuse)
    driver = cuda_driver.CudaDriver()
    with pytest.raises(MemoryError, match=r"^512 B$"):
        driver.take(512)
    with pytest.raises(Refused):  # CuPy's pools give up what they keep when they see this
        driver.take_for_pool(512)
    gc.collect()

    assert driver.calls() == DriverCalls(mallocs=2)


class PoolInUse:
    """A pool as CuPy's: what is split can only be given back when no part of it is in use any more."""

    def __init__(self):
        self.taken, self.pieces = 0, 0

    def set_limit(self, size):
        pass

    def malloc(self, size):
        self.taken = self.taken or size
        return Piece(self)

    def used_bytes(self):
        return self.pieces

    def total_bytes(self):
        return self.taken

    def free_all_blocks(self):
        if not self.pieces:
            self.taken = 0


class Piece:
    def __init__(self, pool):
        self.pool = pool
        pool.pieces += 1

    def __del__(self):
        self.pool.pieces -= 1


@pytest.fixture
def pools(cards, monkeypatch):
    """Return the pools that are made from now on."""
    made = []

    def make(allocate):
        made.append(PoolInUse())
        return made[-1]

    monkeypatch.setattr(cuda_memory.cupy_memory, "MemoryPool", make)
    monkeypatch.setattr(cuda_memory, "_IN_USE", {})
    return made


@pytest.mark.parametrize("ask", [lambda driver: driver.memory_info(), lambda driver: driver.take(512)])
def test_scratch_memory_that_lives_on_goes_back_when_it_dies_and_the_card_is_asked(pools, ask):
    driver = cuda_driver.CudaDriver(0)
    scratch = driver.scratch(4096, driver.stream())
    raw = scratch.allocate(512)
    scratch.close()
    held = [pools[0].taken]
    del scratch
    ask(driver)
    held.append(pools[0].taken)
    del raw
    ask(driver)

    assert (held, pools[0].taken, cuda_memory._IN_USE) == ([4096, 4096], 0, {})


def test_scratch_memory_that_is_dropped_or_used_again_after_its_end_goes_back_too(pools):
    driver = cuda_driver.CudaDriver(0)
    dropped, used_again = (driver.scratch(4096, driver.stream()) for _ in range(2))
    used_again.close()
    used_again.allocate(512)  # for an array that outlives its runtime, and is read
    held = [pool.taken for pool in pools]
    del dropped, used_again
    gc.collect()

    assert (held, [pool.taken for pool in pools]) == ([4096, 512], [0, 0])
    assert cuda_memory._IN_USE == {}


def test_scratch_memory_goes_back_while_its_own_card_is_current(cards, pools):
    first, second = (cuda_driver.CudaDriver(number) for number in (0, 1))
    scratch, current = second.scratch(4096, second.stream()), []
    raw = scratch.allocate(512)
    scratch.close()
    frees = pools[0].free_all_blocks
    pools[0].free_all_blocks = lambda: (current.append(cards.current), frees())
    del raw
    first.memory_info()

    assert (current, cards.current, pools[0].taken) == ([1], 0, 0)
