"""Counts of what is asked of CUDA."""

from __future__ import annotations

import pytest

from simgpu.storage.driver_calls import DriverCalls, Tally
from tests.threads import errors_of


def test_a_difference_tells_what_was_called_in_between():
    tally = Tally()
    tally.add("mallocs")
    before = tally.calls()
    for name in ("mallocs", "frees", "event_waits", "mallocs"):
        tally.add(name)

    assert tally.calls() - before == DriverCalls(mallocs=2, frees=1, event_waits=1)
    assert before == DriverCalls(mallocs=1)


def test_a_call_that_has_no_field_is_an_error():
    with pytest.raises(KeyError, match="malocs"):
        Tally().add("malocs")


def test_looking_changes_nothing():
    tally = Tally()
    tally.add("frees")

    assert [tally.calls() for _ in range(3)] == 3 * [DriverCalls(frees=1)]


def test_no_call_of_any_thread_is_lost():
    tally = Tally()

    def add(number):
        for turn in range(5_000):
            tally.add(("mallocs", "frees")[number % 2])
            if turn % 100 == 0:
                tally.calls()

    assert errors_of(add, range(4)) == []
    assert tally.calls() == DriverCalls(mallocs=10_000, frees=10_000)
