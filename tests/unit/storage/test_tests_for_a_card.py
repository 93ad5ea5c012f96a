"""The tests for a real card, run on the stand-in: what they ask for can be had, and only the card differs.

What is left out needs CUDA itself: its kernels, its times, DLPack over its memory.
"""

from __future__ import annotations

import gc
import inspect

import pytest

from simgpu.units import GiB, MiB
from tests.gpu import conftest as shared
from tests.gpu import test_clocks as clocks
from tests.gpu import test_ledgers as ledgers
from tests.gpu import test_limits as limits
from tests.gpu import test_order as order
from tests.gpu import test_placement as placement

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")

NEED_CUDA = {
    "test_arrays_outlive_their_runtime",  # CuPy's own pool
    "test_in_steady_state_nothing_waits_for_the_card_and_nothing_is_taken_of_it",  # a card that is busy meanwhile
    "test_two_equal_chains_take_about_half_of_their_serial_sum",  # steady times
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
    """Return the tests of a module that need nothing but storage, with the values of one parameter."""
    for name, test in vars(module).items():
        if not name.startswith("test_") or name in NEED_CUDA:
            continue
        marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
        for value in marks[0].args[1] if marks else [None]:
            given = {marks[0].args[0]: value} if marks else {}
            yield pytest.param(test, given, id=f"{name}[{value}]" if marks else name)


@pytest.mark.parametrize(
    ("test", "given"), [case for module in (clocks, ledgers, limits, order, placement) for case in cases_in(module)]
)
def test_on_the_stand_in(test, given, card, request, monkeypatch):
    monkeypatch.setattr(limits, "FULL_BYTES", 64 * MiB)
    monkeypatch.setattr(clocks, "SIDE", 512)
    if "warm" in inspect.signature(test).parameters:
        test(warm=request.getfixturevalue("warm"), **given)
    else:
        test(card=card, **given)
