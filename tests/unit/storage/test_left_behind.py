"""What devices leave that end in other ways than a runtime that is closed: nothing is used after its end, or lost."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.cards import SharedCards
from simgpu.execution import execute
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.storage.guards import Guards

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
MiB = 2**20
FLOATS = TensorSpec((64,), "float32")
ONES = np.ones(64, np.float32)


@pytest.fixture
def storage():
    return host.host_storage(64 * MiB, is_lazy=True)


def negated():
    builder = GraphBuilder()
    x = add_operation(builder, "Input", spec=FLOATS, name="x")
    builder.fetch(*add_operation(builder, "Neg", x, name="y", device="/gpu:0"))
    return place(builder.build(), Machine("1 x 1MiB"))


def drop_a_runtime(storage):
    """Leave a runtime to the garbage collector, with copies under way; it calls finalizers in any order."""
    runtime = Runtime("2 x 1MiB", storage=storage)
    x = runtime.xp().asarray(ONES)
    x.to_device("gpu:1")
    del runtime, x
    gc.collect()


def test_a_runtime_that_is_dropped_waits_for_its_work_while_its_streams_are_there(storage):
    before = storage.driver.calls()
    drop_a_runtime(storage)
    calls = storage.driver.calls() - before

    assert (calls.stream_waits, calls.frees, storage.driver.used_bytes) == (2 * 3, 2 * 2, 0)


def test_what_a_dropped_runtime_leaves_is_kept_whole(storage):
    with storage.kept_open():
        drop_a_runtime(storage)
        before, use = storage.driver.calls(), storage.card_use()
        outputs, _ = execute(negated(), {"x": ONES}, storage=storage)
        calls = storage.driver.calls() - before

    assert (use.held_bytes, use.outside_bytes) == (2 * (MiB + 2**22), 0)
    assert (calls.mallocs, calls.frees) == (0, 0)
    np.testing.assert_array_equal(outputs["y"], -ONES)
    assert storage.driver.used_bytes == 0


def test_memory_of_a_dropped_device_is_left_to_others_only_when_its_work_is_done(storage):
    region, keeping = storage.open(2**40, grows=True), storage._memory.keeping
    waits, leave_slab, before = [], keeping.leave_slab, storage.driver.calls().stream_waits

    def noted(slab, *, is_sound):
        waits.append(storage.driver.calls().stream_waits - before)
        leave_slab(slab, is_sound=is_sound)

    keeping.leave_slab = noted
    gc.collect()  # the device is old, and its slab young
    region.grow(MiB)
    gc.freeze()  # turns their order round
    gc.unfreeze()
    del region
    gc.collect()

    assert waits == [3]


def test_a_device_that_closes_waits_for_copies_that_others_make_of_its_memory(storage):
    with storage.kept_open():
        giver, taker = (storage.open(MiB, device=f"GPU:{number}") for number in range(2))
        storage.copy(giver.arrays(FLOATS)(0), taker.arrays(FLOATS)(0))
        giver.close()
        later = storage.open(MiB, device="GPU:2")
        array = later.arrays(FLOATS)(0)
        storage.driver.fill_bytes(array.data.ptr, 0, array.nbytes, later.stream)
        del array
        copy, fill = (work for work in storage.driver.log if work.what in ("copy", "fill"))

        assert copy.reads == fill.writes
        assert storage.driver.happens_before(copy, fill)
        taker.close()
        later.close()


WAYS = {
    "in": lambda storage, source, target: storage.write(source, ONES),
    "out": lambda storage, source, target: storage.read(source),
    "between": lambda storage, source, target: storage.copy(source, target),
}


@pytest.mark.parametrize("copies", WAYS.values(), ids=WAYS)
def test_a_copy_without_an_end_to_wait_for_is_over_when_that_is_said(storage, copies):
    first, second = (storage.open(MiB, device=f"GPU:{number}") for number in range(2))
    source, target = first.arrays(FLOATS)(0), second.arrays(FLOATS)(0)
    card, record = storage.driver, storage.driver.record

    def record_no_ends(stream, **options):
        if card.log and card.log[-1].what == "copy":
            raise OSError("no more events")
        return record(stream, **options)

    card.record = record_no_ends
    with pytest.raises(OSError, match="no more events"):
        copies(storage, source, target)
    card.record = record
    for array, region in ((source, first), (target, second)):
        card.fill_bytes(array.data.ptr, 0, array.nbytes, region.stream)
    copy, *fills = (work for work in card.log if work.what in ("copy", "fill"))

    assert [card.happens_before(copy, fill) for fill in fills] == [True, True]
    del source, target
    first.close()
    second.close()


def test_what_another_storage_keeps_of_the_card_goes_back_where_memory_lacks(storage):
    other = host.CupyStorage(storage.driver, reserve_bytes=0, scratch_bytes=2**22)
    with storage.kept_open():
        drop_a_runtime(storage)
        with Runtime("1 x 56MiB", storage=other) as runtime:
            runtime.start()

            assert other.card_use().held_bytes == 0


def test_other_programs_can_claim_memory_only_when_it_is_free(storage, tmp_path):
    cards, finish, claimed = SharedCards(tmp_path / "cards"), storage.driver.finish, []

    def finish_and_look(stream):
        claimed.extend(use.claimed_bytes for use in cards.snapshot())
        finish(stream)

    storage.driver.finish = finish_and_look
    with Runtime("1 x 1MiB", storage=storage, share=cards) as runtime:
        runtime.start()

    assert (claimed, cards.snapshot()) == ([MiB] * 3, ())


def test_guards_that_could_not_be_set_up_do_not_stand(storage):
    def fail(current):
        raise OSError("no generator")

    storage.driver.route_random = fail
    with pytest.raises(OSError, match="no generator"):
        storage.open(MiB)

    assert (Guards._standing, storage.driver.used_bytes) == ([], 0)


def test_an_array_without_bytes_may_be_made_while_a_device_takes_its_first_piece(storage):
    region, adopt = storage.open(2**40, grows=True), storage.driver.adopt

    def adopt_meanwhile(slab, owner):
        storage.driver.adopt = adopt
        region.arrays(TensorSpec((0,), "float32"))(0)
        return adopt(slab, owner)

    storage.driver.adopt = adopt_meanwhile
    region.grow(MiB)

    assert region.holds(region.arrays(TensorSpec((MiB,), "uint8"))(0))
    region.close()


def test_a_piece_that_could_not_be_adopted_is_none_of_the_device(storage):
    region, adopt = storage.open(2**40, grows=True), storage.driver.adopt

    def fail(slab, owner):
        raise OSError("no memory for that")

    storage.driver.adopt = fail
    with pytest.raises(OSError, match="no memory for that"):
        region.grow(MiB)
    storage.driver.adopt = adopt

    assert (region.taken_bytes, storage.card_use().held_bytes) == (0, 0)
    region.close()
