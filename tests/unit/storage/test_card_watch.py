"""What grows on a card outside of all limits is seen when scopes are left and runs end, and warned of once."""

from __future__ import annotations

import warnings
from contextlib import contextmanager

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.cards import SharedCards
from simgpu.errors import ReserveWarning
from simgpu.execution import execute
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.session import execute as execute_on_clock
from simgpu.storage import CardUse
from simgpu.storage.card_watch import LOOK_EVERY_S, STEP_BYTES

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
MiB, GiB = 2**20, 2**30
BEFORE, RESERVE = 5 * GiB, 2 * GiB
ESCAPED = (
    "the card host: 8 GiB lie outside of every limit, 3 GiB of them since its first device opened, and the reserve for "
    "that is 2 GiB; 71.9 GiB of 80 GiB are free. CUDA's modules lie there, work areas of its libraries, other "
    "programs, and what is taken around the library: raise reserve_bytes of CupyStorage, close other programs, or look "
    "for what takes memory without CuPy's allocator"
)


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def storage(clock):
    """Storage on a card of 80 GiB, of which other programs have 5, that counts how often the card is looked at."""
    storage = host.host_storage(80 * GiB, reserve_bytes=RESERVE)
    storage.driver.used_bytes = BEFORE
    storage._watch._clock = clock
    storage.looks = []
    memory_info = storage.driver.memory_info
    storage.driver.memory_info = lambda: storage.looks.append(None) or memory_info()
    return storage


@contextmanager
def escaped(storage, size_bytes):
    """Let memory of the card be taken around the library for a while."""
    storage.driver.used_bytes += size_bytes
    yield
    storage.driver.used_bytes -= size_bytes


@pytest.fixture
def runtime(storage):
    with Runtime(Machine("1 x 1GiB").split({"GPU:0": ["32MiB", "32MiB"]}), storage=storage) as runtime:
        runtime.start()
        yield runtime


def warnings_of(does):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        does()
    return [str(warning.message) for warning in caught if warning.category is ReserveWarning]


def leave_a_scope(runtime, clock):
    clock.now_s += 2 * LOOK_EVERY_S
    with runtime.device("/gpu:1"):
        pass


def test_what_outgrows_the_reserve_is_warned_of_once_when_a_scope_is_left(runtime, storage, clock):
    with escaped(storage, 3 * GiB):
        found = [warnings_of(lambda: leave_a_scope(runtime, clock)) for _ in range(3)]
    gone = warnings_of(lambda: leave_a_scope(runtime, clock))

    assert (found, gone) == ([[ESCAPED], [], []], [])
    assert storage.highest_outside_bytes == 8 * GiB
    assert storage.card_use().outside_bytes == BEFORE


def test_the_warning_names_the_line_that_leaves_the_scope(runtime, storage, clock):
    clock.now_s += 1
    with escaped(storage, 3 * GiB), pytest.warns(ReserveWarning) as caught, runtime.device("/gpu:0"):
        pass

    assert [warning.filename for warning in caught] == [__file__]


def test_it_is_warned_of_again_when_it_has_grown_by_a_step(runtime, storage, clock):
    found = []
    for size in (3 * GiB, 3 * GiB + STEP_BYTES, 3 * GiB + STEP_BYTES + 1, 3 * GiB + STEP_BYTES + 2):
        with escaped(storage, size):
            found.append(len(warnings_of(lambda: leave_a_scope(runtime, clock))))

    assert found == [1, 0, 1, 0]


@pytest.mark.parametrize("size", [0, RESERVE])
def test_what_the_reserve_holds_is_not_warned_of(runtime, storage, clock, size):
    with escaped(storage, size):
        assert warnings_of(lambda: leave_a_scope(runtime, clock)) == []

    assert storage.highest_outside_bytes == BEFORE + size


def test_what_other_programs_give_back_is_not_taken_for_room(runtime, storage, clock):
    storage.driver.used_bytes -= 4 * GiB
    leave_a_scope(runtime, clock)
    before = storage.card_use().before_bytes
    with escaped(storage, 3 * GiB):
        found = warnings_of(lambda: leave_a_scope(runtime, clock))

    assert before == GiB
    assert [message.partition(", and the reserve")[0] for message in found] == [
        "the card host: 4 GiB lie outside of every limit, 3 GiB of them since its first device opened"
    ]


def test_without_a_reserve_nothing_is_warned_of_and_all_is_seen(clock):
    storage = host.host_storage(GiB)
    with Runtime("1 x 1MiB", storage=storage) as runtime:
        runtime.start()
        with escaped(storage, 100 * MiB):
            assert warnings_of(lambda: runtime.look(now=True)) == []

    assert storage.highest_outside_bytes == 100 * MiB


def test_the_card_is_looked_at_ten_times_a_second_at_most(runtime, storage, clock):
    looked = len(storage.looks)
    for _ in range(1000):
        with runtime.device("/gpu:1"):
            pass
        clock.now_s += LOOK_EVERY_S / 100

    assert 9 <= len(storage.looks) - looked <= 11


def test_operations_never_look_at_the_card(runtime, storage, clock):
    xp, looked = runtime.xp(), len(storage.looks)
    x = xp.ones((8,))
    for _ in range(20):
        clock.now_s += 1
        x = (x + x).to_device("gpu:1").to_device("gpu:0")

    assert len(storage.looks) == looked


def test_a_runtime_that_closes_looks_at_the_card_whatever_the_time_and_only_once(storage):
    runtime = Runtime("1 x 1MiB", storage=storage)
    runtime.start()
    with escaped(storage, 3 * GiB):
        assert len(warnings_of(runtime.close)) == 1
        looked = len(storage.looks)
        runtime.close()

    assert (len(storage.looks), storage.highest_outside_bytes) == (looked, 8 * GiB)


def test_a_runtime_that_was_never_started_does_not_look_at_the_card(storage):
    Runtime("1 x 1MiB", storage=storage).close()

    assert storage.looks == []


def test_where_the_warning_is_an_error_everything_is_closed_all_the_same(storage):
    runtime = Runtime("1 x 1MiB", storage=storage)
    runtime.start()
    with escaped(storage, 3 * GiB), pytest.raises(ReserveWarning):
        runtime.close()
    with escaped(storage, 9 * GiB), pytest.raises(ReserveWarning):
        execute(negated(), {"x": np.ones(8, np.float32)}, storage=storage)

    assert storage.driver.used_bytes == BEFORE


def test_an_error_inside_a_scope_is_not_replaced_by_the_warning(runtime, storage, clock):
    clock.now_s += 1
    with escaped(storage, 3 * GiB), pytest.raises(ZeroDivisionError), runtime.device("/gpu:1"):
        raise ZeroDivisionError

    assert storage.highest_outside_bytes == BEFORE


def negated():
    builder, spec = GraphBuilder(), TensorSpec((8,), "float32")
    x = add_operation(builder, "Input", spec=spec, name="x")
    builder.fetch(*add_operation(builder, "Neg", x, name="y", device="/gpu:1"))
    return place(builder.build(), Machine("2 x 1MiB"))


@pytest.mark.parametrize("clock_name", ["real", "virtual"])
def test_the_trace_of_a_run_says_what_of_the_card_was_used(storage, clock_name):
    lost = []
    run = storage.driver.run

    def losing(*what):
        if not lost:
            lost.append(GiB)
            storage.driver.used_bytes += GiB
        return run(*what)

    storage.driver.run = losing
    _, trace = execute_on_clock(negated(), {"x": np.ones(8, np.float32)}, storage=storage, clock=clock_name)

    free = 80 * GiB - 6 * GiB - 2 * MiB - 8 * MiB
    assert trace.card_use == CardUse(80 * GiB, free, 2 * MiB, 8 * MiB, 6 * GiB, 0, BEFORE)
    assert trace.card_use.grown_bytes == GiB
    assert storage.card_use().regions_bytes == 0


def test_a_run_warns_where_it_has_outgrown_the_reserve(storage):
    execute(negated(), {"x": np.ones(8, np.float32)}, storage=storage)
    with escaped(storage, 3 * GiB), pytest.warns(ReserveWarning) as caught:
        execute(negated(), {"x": np.ones(8, np.float32)}, storage=storage)

    assert [str(warning.message).partition(";")[0] for warning in caught] == [ESCAPED.partition(";")[0]]
    assert [warning.filename for warning in caught] == [__file__]


def test_what_was_seen_early_and_noted_late_does_not_raise_what_lay_there_before(storage):
    storage._watch.begin(100)
    for before in (70, 90):
        storage._watch.seen(CardUse(1000, 900, 0, 0, 100, 0, before))

    assert storage._watch.before_bytes == 70


def test_a_look_before_the_first_device_is_not_taken_for_what_lies_there_as_it_opens(storage):
    storage.look(now=True)
    with escaped(storage, 3 * GiB):
        region = storage.open(MiB)

        assert storage.card_use().before_bytes == BEFORE + 3 * GiB
        region.close()


def test_a_finalizer_may_close_a_runtime_in_the_midst_of_a_look(storage):
    runtime = Runtime("1 x 1MiB", storage=storage)
    runtime.start()
    with storage._watch._lock:  # as where the garbage collector runs inside
        runtime.close()

    assert storage.driver.used_bytes == BEFORE


@pytest.mark.parametrize("storage", ["numpy", "shape"])
def test_the_trace_of_a_run_without_a_card_says_nothing_of_one(storage):
    assert execute(negated(), {"x": np.ones(8, np.float32)}, storage=storage)[1].card_use is None


def test_programs_that_share_cards_see_what_one_of_them_has_seen_outside(storage, clock, tmp_path):
    cards = SharedCards(tmp_path / "cards")
    with Runtime("1 x 1GiB", storage=storage, share=cards) as runtime:
        runtime.start()
        at_start = [use.outside_bytes for use in cards.snapshot()]
        with escaped(storage, GiB):
            leave_a_scope(runtime, clock)

            assert [use.outside_bytes for use in cards.snapshot()] == [6 * GiB]
    with Runtime("1 x 1GiB", share=cards) as runtime:
        runtime.start()
        on_numpy = [use.outside_bytes for use in cards.snapshot()]

    assert (at_start, on_numpy) == ([BEFORE], [None])
