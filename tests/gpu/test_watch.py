"""What lies on a real card outside of all limits, and memory that devices leave for those that open next."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import simgpu as sg
from simgpu.arrays import Runtime
from simgpu.units import MiB
from tests.gpu.test_limits import OF_CUDA_BYTES, free_bytes, halves, some_work

pytestmark = pytest.mark.gpu
ESCAPED_BYTES, RESERVE_BYTES = 512 * MiB, 256 * MiB


@pytest.fixture
def small_reserve(card):
    """Return storage with a small reserve, on which everything has run once."""
    storage = card(reserve_bytes=RESERVE_BYTES)
    with Runtime(halves("16MiB"), storage=card()) as runtime:
        some_work(runtime.xp())
    gc.collect()
    return storage


def test_memory_that_is_taken_around_the_library_is_seen_and_warned_of_once(small_reserve):
    from cupy.cuda.memory import Memory

    with Runtime(halves("16MiB"), storage=small_reserve) as runtime:
        some_work(runtime.xp())
        before = small_reserve.look(now=True)
        escaped = Memory(ESCAPED_BYTES)
        with pytest.warns(sg.ReserveWarning, match="lie outside of every limit"):
            runtime.look(now=True)
        during = small_reserve.look(now=True)
        del escaped
        after = small_reserve.look(now=True)

    assert abs(during.outside_bytes - before.outside_bytes - ESCAPED_BYTES) <= OF_CUDA_BYTES
    assert abs(after.outside_bytes - before.outside_bytes) <= OF_CUDA_BYTES
    assert small_reserve.highest_outside_bytes == during.outside_bytes


def pair_of_products():
    builder, spec = sg.GraphBuilder(), sg.TensorSpec((256, 256), "float32")
    x = sg.add_operation(builder, "Input", name="x", spec=spec)
    y = sg.add_operation(builder, "MatMul", [*x, *x], name="y", device="/gpu:0")
    builder.fetch(*sg.add_operation(builder, "MatMul", [*y, *y], name="z", device="/gpu:1"))
    return sg.place(builder.build(), halves("64MiB"))


def test_runs_on_memory_that_is_kept_take_nothing_of_the_card_and_agree(card):
    storage, placement = card(poison=True), pair_of_products()
    feeds = {"x": np.full((256, 256), 0.125, np.float32)}
    expected, first = sg.execute(placement, feeds, storage=storage)
    gc.collect()
    before, taken, take = free_bytes(storage), [], storage.driver.take
    storage.driver.take = lambda size: taken.append(size) or take(size)
    with storage.kept_open():
        sg.execute(placement, feeds, storage=storage, follow=first)
        kept, count = free_bytes(storage), len(taken)
        for _ in range(5):
            outputs, trace = sg.execute(placement, feeds, storage=storage, follow=first)

            np.testing.assert_array_equal(outputs["z"], expected["z"])
            assert bool(sg.compare(first, trace))
        assert (count, len(taken)) == (2, 2)
        assert abs(free_bytes(storage) - kept) <= OF_CUDA_BYTES
        assert trace.card_use.regions_bytes == 128 * MiB
    gc.collect()

    assert abs(free_bytes(storage) - before) <= OF_CUDA_BYTES


def test_what_a_dropped_runtime_leaves_is_kept_and_computes_as_before(card):
    storage, placement = card(), pair_of_products()
    feeds = {"x": np.full((256, 256), 0.125, np.float32)}
    expected, _ = sg.execute(placement, feeds, storage=storage)
    with storage.kept_open():
        runtime = Runtime(halves("64MiB"), storage=storage)
        x = runtime.xp().ones((256, 256), dtype="float32")
        (x @ x).to_device("gpu:1")
        del runtime, x
        gc.collect()
        before = storage.driver.calls()
        outputs, _ = sg.execute(placement, feeds, storage=storage)
        calls = storage.driver.calls() - before

    assert (calls.mallocs, calls.frees) == (0, 0)
    np.testing.assert_array_equal(outputs["z"], expected["z"])
