"""Copies and kernels on a real card, under way at the same time: nobody sees what is old, or not yet there."""

from __future__ import annotations

from time import monotonic

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from simgpu.arrays import Runtime
from simgpu.machine import Machine
from tests.property.card_programs import CardProgram, card_steps
from tests.threads import errors_of

pytestmark = pytest.mark.gpu


def devices(count, limit):
    return Machine("1 x 16GiB").split({"GPU:0": [limit] * count})


@given(st.lists(card_steps, min_size=5, max_size=40), st.integers(2, 4), st.sampled_from(["4KiB", "64KiB"]))
@settings(max_examples=40, derandomize=True)
def test_random_programs_on_poisoned_memory_give_the_values_of_numpy(card, steps, count, limit):
    storage = card(poison=True, scratch_bytes=2**21)
    with Runtime(devices(count, limit), storage=storage) as runtime:
        program = CardProgram(runtime, count)
        for step in steps:
            program.step(*step)
        program.check()


@pytest.mark.parametrize("count", [2, 4])
def test_copies_around_a_ring_of_devices_race_with_what_takes_their_memory(card, count):
    """Each copy's source is given back at once and its place written anew, while the copy is still under way."""
    side, end = 2**22, monotonic() + 1.0
    with Runtime(devices(count, "40MiB"), storage=card(poison=True)) as runtime:
        xp = runtime.xp()
        held = [xp.full((side,), float(number), dtype=xp.float32, device=f"gpu:{number}") for number in range(count)]
        expected, rounds = [float(number) for number in range(count)], 0
        while monotonic() < end or rounds < 3:
            for number in range(count):
                there = (number + 1) % count
                moved = held[number].to_device(f"gpu:{there}")
                held[number] = None
                held[number] = xp.full((side,), -1.0, dtype=xp.float32, device=f"gpu:{number}")
                moved += 1.0
                held[number] *= 2.0
                held[there] = moved
                expected[there], expected[number] = expected[number] + 1.0, -2.0
            rounds += 1
            if rounds % 50 == 0:
                assert [float(array[-1]) for array in held] == expected

        for array, value in zip(held, expected, strict=True):
            assert int(xp.count_nonzero(array == value)) == side


def test_threads_on_their_own_devices_and_copies_between_them_keep_values(card):
    end = monotonic() + 1.5
    with Runtime(devices(3, "64MiB"), storage=card(poison=True)) as runtime:
        xp = runtime.xp()

        def work(number):
            here, there, step = f"gpu:{number}", f"gpu:{(number + 1) % 3}", 0
            while monotonic() < end:
                x = xp.full((2**20,), float(step), dtype=xp.float32, device=here)
                y = (x + 1.0).to_device(there) * 2.0
                del x
                z = xp.full((2**20,), -5.0, dtype=xp.float32, device=here)
                back = y.to_device("cpu")
                assert (float(xp.min(y)), float(xp.max(y))) == (2.0 * step + 2.0, 2.0 * step + 2.0)
                assert (back.value() == 2.0 * step + 2.0).all()
                assert float(xp.max(z)) == -5.0
                step += 1

        assert errors_of(work, range(3)) == []
        assert [memory.statistics().current_bytes for memory in runtime.memories] == [0] * 4


def test_an_upload_may_be_changed_by_its_caller_at_once(card):
    values = np.arange(2.0**20, dtype=np.float32)
    with Runtime(devices(1, "64MiB"), storage=card()) as runtime:
        xp, made = runtime.xp(), []
        for step in range(8):
            values[:] = step
            made.append(xp.asarray(values))
            values[:] = -1.0

        assert [float(xp.min(array)) for array in made] == [float(xp.max(array)) for array in made] == list(range(8))
