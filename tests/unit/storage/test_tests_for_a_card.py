"""The tests for a real card, run on the stand-in: what they ask for can be had, and only the card differs.

What is left out needs CUDA itself: its kernels, its times, DLPack over its memory.
"""

from __future__ import annotations

import gc
import inspect
from itertools import product

import pytest

from simgpu.execution import alone
from simgpu.execution.alone import AloneTime
from simgpu.units import GiB, MiB
from tests.gpu import conftest as shared
from tests.gpu import test_cards as cards
from tests.gpu import test_clocks as clocks
from tests.gpu import test_concurrency as concurrency
from tests.gpu import test_driver_calls as driver_calls
from tests.gpu import test_fourier as fourier
from tests.gpu import test_ledgers as ledgers
from tests.gpu import test_limits as limits
from tests.gpu import test_order as order
from tests.gpu import test_placement as placement
from tests.gpu import test_random as random_numbers
from tests.gpu import test_sanitizer as sanitizer
from tests.gpu import test_watch as watch

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")

FIXTURES = ("card", "warm", "monkeypatch")
NEED_CUDA = {
    "test_the_sanitizer_finds_nothing",  # see test_sanitizing
    "test_arrays_outlive_their_runtime",  # CuPy's own pool
    "test_raw_calls_of_cupy_use_scratch_memory_that_is_there",  # CuPy's own kernels
    "test_in_steady_state_nothing_waits_for_the_card_and_nothing_is_taken_of_it",  # a card that is busy meanwhile
    "test_a_transform_without_scratch_memory_for_it_is_refused_and_others_go_on",  # memory that kernels take
}


@pytest.fixture
def card():
    """Return what the fixture `card` of the tests on a card is, for cards of 80 GiB in host memory."""
    made = []

    def make(**options):
        storage = host.host_storage(
            80 * GiB, **{"scratch_bytes": shared.SCRATCH_BYTES, "reserve_bytes": 2 * GiB, **options}
        )
        made.append(storage)
        return storage

    yield make
    gc.collect()
    assert [storage.driver.used_bytes for storage in made] == [0] * len(made)


@pytest.fixture
def warm(card):
    return limits.warmed(card)


def cases_in(module):
    """Return the tests of a module that need nothing but storage, with all values of their parameters."""
    for name, test in vars(module).items():
        if not name.startswith("test_") or name in NEED_CUDA:
            continue
        marks = [mark.args[:2] for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
        names = [name for name, _ in marks]
        if not set(parameters(test)) <= {*names, *FIXTURES}:
            continue
        for values in product(*(values for _, values in marks)):
            given = dict(zip(names, values, strict=True))
            yield pytest.param(test, given, id="-".join([name, *map(str, values)]))


def parameters(test):
    return inspect.signature(test).parameters


def draw(runtime, device, count):
    """Draw as the tests of random numbers do, from what CuPy would be given for its generator."""
    with runtime.device(device):
        return runtime.storage.driver.random_source().random(count).tolist()


def steady(measure):
    """Return what times operations as `measure` does, and tells a millisecond for a product, and 10 us to launch it."""

    def time(self, number):
        measured = measure(self, number)
        assert min(measured) > 0
        is_product = self.program.tasks[number].name.startswith("product")
        return AloneTime(10**9 if is_product else 10**7, 10**7)

    return time


MODULES = (
    *(cards, clocks, concurrency, driver_calls, fourier, ledgers, limits, order, placement, random_numbers),
    *(sanitizer, watch),
)


@pytest.mark.parametrize(("test", "given"), [case for module in MODULES for case in cases_in(module)])
def test_on_the_stand_in(test, given, card, request, monkeypatch):
    monkeypatch.setattr(limits, "FULL_BYTES", 64 * MiB)
    monkeypatch.setattr(limits, "ROUNDS", 3)
    monkeypatch.setattr(clocks, "SIDE", 128)
    monkeypatch.setattr(alone._Alone, "_time", steady(alone._Alone._time))
    monkeypatch.setattr(random_numbers, "draw", draw)
    needed = {name: request.getfixturevalue(name) for name in FIXTURES if name in parameters(test)}
    test(**needed, **given)
