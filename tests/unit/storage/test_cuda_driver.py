"""The driver of CUDA on a computer of two cards, which only note what they are asked: whose work is whose."""

from __future__ import annotations

from threading import local
from types import SimpleNamespace

import pytest

from tests.threads import errors_of

cupy = pytest.importorskip("cupy", reason="CuPy is not installed: pip install cupy-cuda13x")
cuda_driver = pytest.importorskip("simgpu.storage.cuda_driver")

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

    def __enter__(self):
        assert self.cards.current == self.number

    def __exit__(self, *error):
        pass


class Pool:
    def __init__(self, cards):
        self.set_limit, self.malloc = cards.noting("limit"), cards.noting("malloc")
        self.used_bytes, self.free_all_blocks = cards.noting("used", 0), cards.noting("free")


@pytest.fixture
def cards(monkeypatch):
    cards = Cards()
    cache = SimpleNamespace(set_size=cards.noting("plans"))
    event = SimpleNamespace(record=cards.noting("record"))
    for owner, name, stands in (
        (cupy.cuda, "Device", cards.device),
        (cupy.cuda, "Stream", cards.stream),
        (cupy.cuda, "Event", lambda **options: cards.ask("event", event)),
        (cupy.cuda, "alloc_pinned_memory", lambda size: cards.ask("pinned", PinnedBytes(size))),
        (cupy.fft.config, "get_plan_cache", lambda: cache),
        (cupy.random, "RandomState", cards.noting("random")),
        (cuda_driver.cupy_memory, "Memory", lambda size: cards.ask("memory", SimpleNamespace(ptr=512))),
        (cuda_driver.cupy_memory, "MemoryPool", lambda: Pool(cards)),
        (cuda_driver.cuda, "getDevice", lambda: cards.current),
        (cuda_driver.cuda, "memGetInfo", lambda: cards.ask("info", (cards.current, 2))),
        (cuda_driver.cuda, "memcpyAsync", cards.noting("copy")),
        (cuda_driver.cuda, "memsetAsync", cards.noting("fill")),
    ):
        monkeypatch.setattr(owner, name, stands)
    return cards


class PinnedBytes(bytearray):
    ptr = 512


def everything(driver):
    """Ask a driver for everything that CUDA does on the card that is current."""
    stream = driver.stream()
    driver.memory_info()
    driver.take(512)
    driver.pinned(512)
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

    for number in (1, 0):
        assert errors_of(enter, [number]) == []

    assert found == [(1, 1), (1, 1), (0, 0), (0, 0)]
    assert cards.asked == [("plans", 1), ("plans", 0)]
