"""Threads, asyncio tasks, finalizers and errors on a real card: whatever happens, everything is given back."""

from __future__ import annotations

import asyncio
import gc
from contextlib import contextmanager
from threading import Barrier, Thread

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.errors import DeviceMismatchError, DeviceScopeError, OutOfDeviceMemory
from simgpu.machine import Machine
from tests.gpu.test_limits import OF_CUDA_BYTES, free_bytes
from tests.threads import errors_of

pytestmark = pytest.mark.gpu

MACHINE = Machine("1 x 1GiB").split({"GPU:0": ["16MiB", "16MiB"]})


@contextmanager
def nothing_left(card, **options):
    """Give a runtime that runs, and hold that it leaves no memory behind, on its devices and on the card."""
    import cupy

    storage, allocator = card(**options), cupy.cuda.get_allocator()
    with Runtime(MACHINE, storage=storage) as runtime:  # what CUDA needs once is there behind this
        used(runtime.xp())
    gc.collect()
    free = free_bytes(storage)
    with Runtime(MACHINE, storage=storage) as runtime:
        runtime.start()
        yield runtime
        gc.collect()
        assert left(runtime) == [(0, 0)] * 2
        with pytest.raises(DeviceScopeError, match="outside of any device"):
            raw(3)
    gc.collect()
    assert abs(free_bytes(storage) - free) <= OF_CUDA_BYTES
    assert cupy.cuda.get_allocator() == allocator


def used(xp):
    """Use kernels, reductions and copies on both devices."""
    for number in (0, 1):
        for dtype in (xp.float32, xp.float64):
            x = xp.full((64, 64), 2.0, dtype=dtype, device=f"gpu:{number}")
            y = (x * x + 1.0) * xp.ones((64, 64), dtype=dtype, device=f"gpu:{number}")
            assert (float(xp.sum(y.to_device(f"gpu:{1 - number}"))), float(xp.max(y) - xp.min(y))) == (5.0 * 64**2, 0.0)


def raw(count):
    """Make a raw array of CuPy's, of 4 bytes an element."""
    import cupy

    return cupy.ndarray((count,), np.float32)


def left(runtime):
    """Return what each device holds: bytes of its ledger, and of its scratch memory."""
    return [(it.statistics().current_bytes, it.region.scratch.used_bytes()) for it in runtime.memories[1:]]


def test_asyncio_tasks_work_on_devices_of_their_own_and_leave_nothing(card):
    async def task(runtime, number):
        xp = runtime.xp()
        with runtime.device(f"/gpu:{number % 2}"):
            total = xp.zeros((256,), dtype=xp.float32)
            for step in range(20):
                await asyncio.sleep(0)
                moved = (total + float(step)).to_device(f"gpu:{1 - number % 2}")
                await asyncio.sleep(0)
                total = moved.to_device(total.device)
        assert total.device[-5:] == f"GPU:{number % 2}"
        return float(xp.max(total)), float(xp.min(total))

    async def all_tasks(runtime):
        return await asyncio.gather(*(task(runtime, number) for number in range(6)))

    with nothing_left(card) as runtime:
        assert asyncio.run(all_tasks(runtime)) == [(190.0, 190.0)] * 6


def test_a_task_that_is_cancelled_inside_a_scope_leaves_it_and_its_memory(card):
    async def endless(runtime, started):
        xp = runtime.xp()
        with runtime.device("/gpu:1"):
            held, scratch = xp.ones((1024,)), raw(1024)
            started.set()
            while held is not None and scratch is not None:
                await asyncio.sleep(0.001)
                held = held * 1.0

    async def cancelling(runtime):
        started = asyncio.Event()
        task = asyncio.create_task(endless(runtime, started))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with nothing_left(card) as runtime:
        asyncio.run(cancelling(runtime))


def fails(kind, runtime):
    """Hold memory of every kind inside a scope, and fail there."""
    xp = runtime.xp()
    with runtime.device("/gpu:1"):
        held = [xp.ones((1024,)), raw(1024), xp.ones((1024,), device="gpu:0").to_device("gpu:1")]
        held.append(held[0][::2])
        if kind is OutOfDeviceMemory:
            held.append(xp.ones((2**23,), dtype=xp.float32))
        elif kind is DeviceMismatchError:
            held.append(held[0] + xp.ones((1024,), device="gpu:0"))
        elif kind is MemoryError:
            held.append(raw(2**30))
        raise kind(str(len(held)))


KINDS = [ZeroDivisionError, KeyboardInterrupt, OutOfDeviceMemory, DeviceMismatchError, MemoryError]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_inside_a_scope_leaves_nothing_behind_once_it_is_handled(card, kind):
    with nothing_left(card) as runtime:
        for _ in range(3):
            with pytest.raises(kind):
                fails(kind, runtime)
            gc.collect()
        used(runtime.xp())


def test_errors_inside_scopes_of_threads_change_nothing_for_others(card):
    with nothing_left(card) as runtime:
        barrier = Barrier(len(KINDS) + 1)

        def work(number):
            barrier.wait(20)
            if number == len(KINDS):
                for _ in range(20):
                    used(runtime.xp())
                return
            for _ in range(5):
                with pytest.raises(KINDS[number]):
                    fails(KINDS[number], runtime)

        assert errors_of(work, range(len(KINDS) + 1)) == []


class Cycle:
    """Holds something, and itself: only a collection of garbage lets it go."""

    def __init__(self, *held):
        self.held, self.me = held, self


def test_garbage_that_another_thread_collects_goes_back_to_the_devices_that_it_is_of(card):
    with nothing_left(card) as runtime:
        xp = runtime.xp()

        def collect(number):
            with runtime.device(f"/gpu:{number}"):  # also what is of the other one
                gc.collect()

        gc.disable()
        try:
            for number in (0, 1):
                with runtime.device(f"/gpu:{number}"):
                    Cycle(xp.ones((1024,), dtype=xp.float32), raw(1024), xp.ones((8, 8)).T)
            before = left(runtime)
            assert errors_of(collect, [0]) == []
        finally:
            gc.enable()

        assert before == [(4608, 4096)] * 2
        assert left(runtime) == [(0, 0)] * 2


def test_arrays_that_threads_drop_while_others_work_come_back(card):
    with nothing_left(card) as runtime:
        xp, shelf = runtime.xp(), [[] for _ in range(4)]

        def work(number):
            device, other = f"gpu:{number % 2}", shelf[(number + 1) % 4]
            for step in range(100):
                shelf[number].append(xp.full((256,), float(step), dtype=xp.float32, device=device))
                with runtime.device(f"/{device}"):
                    shelf[number].append(raw(64))
                while len(other) > 4:
                    other.pop(0)  # made by another thread, on the other device
            shelf[number].append(None)

        assert errors_of(work, range(4)) == []
        shelf.clear()


def test_a_runtime_that_a_thread_drops_without_closing_gives_everything_back(card):
    with nothing_left(card) as runtime:
        storage = runtime.storage

        def work(number):
            dropped = Runtime(MACHINE, storage=storage)
            used(dropped.xp())
            Cycle(dropped, dropped.xp().ones(3))

        opened = storage.card_use().regions_bytes
        assert errors_of(work, range(2)) == []
        gc.collect()

        assert storage.card_use().regions_bytes == opened


def test_a_runtime_may_be_closed_by_another_thread_while_its_arrays_live_on(card):
    with nothing_left(card) as outer:
        storage = outer.storage
        inner = Runtime(MACHINE, storage=storage)
        x = inner.xp().full((1000,), 7.0, dtype=inner.xp().float32, device="gpu:1") + 1.0
        thread = Thread(target=inner.close)
        thread.start()
        thread.join()

        assert storage.card_use().regions_bytes == 2 * 16 * 2**20  # of the outer one
        assert set(x.value().tolist()) == {8.0}
        del inner, x


def test_scratch_memory_that_outlives_its_runtime_goes_back_to_the_card_when_it_dies(card):
    with nothing_left(card) as outer:
        storage, xp = outer.storage, outer.xp()
        free = free_bytes(storage)
        with Runtime(MACHINE, storage=storage) as inner, inner.device("/gpu:1"):
            held = [raw(1024), inner.xp().ones((8, 8)).T]
        used_bytes = free - free_bytes(storage)
        values = held[1].value()  # reads a view of memory that is kept, in the scratch memory of a closed device
        del held[0]
        gc.collect()

        assert used_bytes >= 64 * 2**20  # scratch memory comes back whole, or not
        np.testing.assert_array_equal(values, np.ones((8, 8)))
        held.clear()
        gc.collect()
        assert abs(free_bytes(storage) - free) <= OF_CUDA_BYTES
        assert float(xp.sum(xp.ones(3))) == 3.0


def test_an_error_that_leaves_a_runtime_with_scratch_memory_in_its_frames_keeps_none_when_it_is_gone(card):
    def fails(runtime):
        with runtime.device("/gpu:0"):
            held = raw(2**20), runtime.xp().ones((2**16,))
            raw(2**30)
            return held

    with nothing_left(card) as outer:
        free = free_bytes(outer.storage)
        for _ in range(3):
            with pytest.raises(OutOfDeviceMemory, match="out of scratch memory"):  # noqa: SIM117
                with Runtime(MACHINE, storage=outer.storage) as inner:
                    fails(inner)
            gc.collect()

        assert abs(free_bytes(outer.storage) - free) <= OF_CUDA_BYTES
