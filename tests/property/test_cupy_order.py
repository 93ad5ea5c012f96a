"""Whatever a program does, nothing overtakes anything in the memory of devices on one card.

The card writes down all work that it is given, and what each waits for; copies end only when somebody waits for them.
Two works that meet in the same bytes, and of which one writes, must be in order.
"""

from __future__ import annotations

import gc
import random

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import Phase, given, settings

from simgpu.arrays import Runtime
from simgpu.errors import OutOfDeviceMemory
from simgpu.machine import Machine
from simgpu.storage import CupyRegion
from simgpu.storage.fences import Fences
from tests.property.card_programs import MAKES, USES, CardProgram, card_steps
from tests.threads import errors_of

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")


def run(program_steps, devices, limit="4KiB", done_every=2**60, **options):
    """Run a program on lazy copies and return the card's log, and the bytes that its devices hold."""
    storage = host.host_storage(is_lazy=True, scratch_bytes=2**16, **options)
    storage.driver.done_every = done_every
    return storage.driver.log, run_on(storage, program_steps, devices, limit)


def run_on(storage, program_steps, devices, limit="4KiB", *, reads_values=True):
    """Run a program, let go of all arrays, and return the bytes that its devices held."""
    machine = Machine("1 x 1MiB").split({"GPU:0": [limit] * devices})
    with Runtime(machine, storage=storage) as runtime:
        program = CardProgram(runtime, devices)
        for step in program_steps:
            program.step(*step)
        if reads_values:
            program.check()
        del program
        return slabs_of(runtime)


def slabs_of(runtime):
    slabs = [place.slab for memory in runtime.memories[1:] for place in memory.region._places]
    return [(slab.ptr, slab.ptr + slab.size_bytes) for slab in slabs]


def races(log, spans):
    """Return all pairs of works that meet in bytes of a device, one of them writing, and are in no order."""
    found, before, touched = [], {}, []
    numbers = {id(work): number for number, work in enumerate(log)}
    for number, work in enumerate(log):
        before[id(work)] = earlier = _before(work, before, numbers)
        reads, writes = (
            [span for span in part if any(low <= span[0] < high for low, high in spans)]
            for part in (work.reads, work.writes)
        )
        for other, other_reads, other_writes in touched:
            meets = _meet(writes, other_reads + other_writes) or _meet(reads, other_writes)
            if meets and not earlier >> other & 1:
                found.append((log[other].what, work.what))
        if reads or writes:
            touched.append((number, reads, writes))
    return found


def _before(work, known, numbers):
    """Return all works that have ended before this one begins, as bits."""
    bits, left, seen = 0, list(work.after), set()
    while left:
        other = left.pop()
        if id(other) in seen:
            continue
        seen.add(id(other))
        if id(other) in known:
            bits |= known[id(other)] | 1 << numbers[id(other)]
        else:
            left += other.after
    return bits


def _meet(some, others):
    return any(low < other_high and other_low < high for low, high in some for other_low, other_high in others)


@given(
    st.lists(card_steps, max_size=40),
    st.integers(2, 4),
    st.sampled_from(["4KiB", "64KiB"]),
    st.sampled_from([1, 2, 3, 5, 2**60]),
    st.booleans(),
)
@settings(max_examples=settings.default.max_examples // 2)
def test_works_that_meet_are_in_order_and_values_are_those_of_numpy(program_steps, devices, limit, done_every, poison):
    log, spans = run(program_steps, devices, limit, done_every, poison=poison)

    assert races(log, spans) == []


@given(st.lists(card_steps, max_size=40), st.integers(2, 3))
@settings(max_examples=settings.default.max_examples // 4)
def test_bytes_are_never_copied_onto_themselves(program_steps, devices):
    log, _ = run(program_steps, devices, "64KiB")

    assert [work for work in log if work.what == "copy" and _meet(work.reads, work.writes)] == []


def runs_on_kept_memory(programs, devices, *, poison=False):
    """Run programs one after the other, on memory that is kept; return log, and bytes of each."""
    storage = host.host_storage(is_lazy=True, scratch_bytes=2**16, poison=poison)
    with storage.kept_open():
        spans = [run_on(storage, steps, devices, reads_values=False) for steps in programs]
    return storage.driver.log, spans


@given(
    st.lists(st.lists(card_steps, min_size=5, max_size=15), min_size=2, max_size=3), st.integers(2, 3), st.booleans()
)
@settings(max_examples=settings.default.max_examples // 4)
def test_programs_in_memory_that_others_have_left_are_in_order_too(programs, devices, poison):
    log, spans = runs_on_kept_memory(programs, devices, poison=poison)

    assert [sorted(it) for it in spans] == [sorted(spans[0])] * len(programs)
    assert races(log, spans[0]) == []


def test_if_a_device_that_closes_waits_for_nothing_the_check_finds_a_race(monkeypatch):
    monkeypatch.setattr(CupyRegion, "finish", lambda region: None)
    monkeypatch.setattr(Fences, "left", lambda fences: [])
    choose, found = random.Random(1), []
    for _ in range(20):
        programs = [
            [(choose.choice(MAKES + USES), choose.randrange(31), choose.randrange(31)) for _ in range(15)]
            for _ in range(4)
        ]
        log, spans = runs_on_kept_memory(programs, 2)
        found += races(log, spans[0])

    assert found != []


def found_a_race(**options):
    """Tell whether random programs show a race, as the property above looks for them."""

    @settings(max_examples=60, derandomize=True, database=None, phases=[Phase.generate])
    @given(st.lists(card_steps, min_size=10, max_size=40), st.integers(2, 3))
    def programs(program_steps, devices):
        log, spans = run(program_steps, devices, **options)
        if races(log, spans):
            raise LookupError

    try:
        programs()
    except LookupError:
        return True
    return False


def test_without_fences_the_check_finds_a_race(monkeypatch):
    monkeypatch.setattr(Fences, "before", lambda *_, **__: [])

    assert found_a_race()


def test_without_fences_around_what_is_read_the_check_finds_a_race(monkeypatch):
    put_up = Fences.put_up

    def put_up_writes(self, span, event, *, is_write):
        if is_write:
            put_up(self, span, event, is_write=is_write)

    monkeypatch.setattr(Fences, "put_up", put_up_writes)

    assert found_a_race()


def test_if_streams_do_not_wait_the_check_finds_a_race(monkeypatch):
    monkeypatch.setattr(host.Card, "wait", lambda *_: None)

    assert found_a_race()


@pytest.mark.parametrize("seed", range(4))
def test_works_of_threads_that_share_devices_are_in_order(seed):
    storage = host.host_storage(is_lazy=True, scratch_bytes=2**18)
    storage.driver.done_every = 3
    with Runtime(Machine("1 x 1MiB").split({"GPU:0": ["16KiB"] * 3}), storage=storage) as runtime:
        runtime.start()

        def work(number):
            choose = random.Random(10 * seed + number)
            try:
                program = CardProgram(runtime, 3)
                for _ in range(150):
                    program.step(choose.choice(MAKES + USES), choose.randrange(31), choose.randrange(31))
                program.check()
            except OutOfDeviceMemory:
                pass

        errors = errors_of(work, range(3))
        spans = slabs_of(runtime)

    assert errors == []
    assert len(storage.driver.log) > 300
    assert races(storage.driver.log, spans) == []


def test_poisoned_memory_that_is_granted_anew_is_not_poisoned_too_early():
    storage = host.host_storage(is_lazy=True, poison=True)
    with Runtime(Machine("1 x 1MiB").split({"GPU:0": [512, 512]}), storage=storage) as runtime:
        xp = runtime.xp()
        x = xp.full((64,), 2.0)
        moved = x.to_device("gpu:1")
        del x
        y = xp.full((64,), 3.0)

        np.testing.assert_array_equal(moved.value(), np.full(64, 2.0))
        np.testing.assert_array_equal(y.value(), np.full(64, 3.0))
        del moved, y
        gc.collect()
    spans = [span for work in storage.driver.log for span in work.writes if work.what == "fill"]
    assert len(spans) == 6  # each of three arrays, when it is granted and when it is given back
