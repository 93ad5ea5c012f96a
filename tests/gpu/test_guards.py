"""Raw calls of CuPy on a real card: inside device scopes they have the device's scratch memory, elsewhere none."""

from __future__ import annotations

import gc

import pytest

from simgpu.arrays import Runtime
from simgpu.errors import DeviceScopeError, OutOfDeviceMemory
from simgpu.units import MiB

pytestmark = pytest.mark.gpu


@pytest.fixture
def cupy(card):
    return pytest.importorskip("cupy")


@pytest.fixture
def runtime(card):
    with Runtime("1 x 64MiB", storage=card()) as runtime:
        runtime.start()
        yield runtime


def scratch_used(runtime):
    gc.collect()
    return runtime.memories[1].region.scratch.used_bytes()


def test_raw_arrays_inside_a_scope_are_the_devices_scratch(cupy, runtime):
    ledger = runtime.memory_statistics()
    with runtime.device("/gpu:0"):
        before = scratch_used(runtime)
        raw = cupy.ones((1024, 1024), cupy.float32)
        during = scratch_used(runtime)
        total = float((raw * 2).sum())
        del raw
        after = scratch_used(runtime)

    assert (during - before, after - before, total) == (4 * MiB, 0, 2.0 * 2**20)
    assert runtime.memory_statistics() == ledger


def test_raw_arrays_beyond_the_scratch_memory_are_refused_and_it_can_be_filled_before(cupy, runtime):
    with runtime.device("/gpu:0"):
        with pytest.raises(OutOfDeviceMemory, match="out of scratch memory: a kernel asked for 65 MiB") as caught:
            cupy.empty(65 * MiB, cupy.uint8)
        full = cupy.ones(64 * MiB, cupy.uint8)
        with pytest.raises(OutOfDeviceMemory):
            cupy.empty(1, cupy.uint8)

        assert (caught.value.shortage.limit_bytes, int(full[-1])) == (64 * MiB, 1)
        del full
    assert scratch_used(runtime) == 0


def test_raw_arrays_outside_of_any_scope_are_refused(cupy, runtime):
    with pytest.raises(DeviceScopeError, match="outside of any device"):
        cupy.ones(3)
    with runtime.device("/cpu:0"), pytest.raises(DeviceScopeError, match="outside of any device"):
        cupy.ones(3)
    elsewhere = pytest.raises(DeviceScopeError, match="on a stream that is not this device's")
    with runtime.device("/gpu:0"), cupy.cuda.Stream(non_blocking=True), elsewhere:
        cupy.ones(3)


def test_raw_kernels_in_a_scope_run_behind_those_of_the_library(cupy, runtime):
    xp = runtime.xp()
    with runtime.device("/gpu:0"):
        runtime.memories[1].region.hold()
        x = xp.full((1024,), 3.0, dtype=xp.float32)
        raw = cupy.from_dlpack(x) + 1
        raw *= 2

        assert float(raw.sum()) == 8.0 * 1024
    del raw


def test_an_export_holds_the_memory_until_cupy_drops_it(cupy, runtime):
    x = runtime.xp().full((1024,), 3.0, dtype=runtime.xp().float32)
    with runtime.device("/gpu:0"):
        shared = cupy.from_dlpack(x)
        x += 1.0
        address = x._data.data.ptr
        del x
        gc.collect()

        assert (shared.data.ptr, float(shared[0])) == (address, 4.0)
        assert runtime.memory_statistics().current_bytes == 4096
    del shared
    gc.collect()
    assert runtime.memory_statistics().current_bytes == 0


def test_without_a_runtime_cupy_allocates_as_before(cupy, card):
    before = cupy.cuda.get_allocator()
    with Runtime("1 x 64MiB", storage=card()) as first, Runtime("1 x 64MiB", storage=card()) as second:
        for runtime in (first, second):
            with runtime.device("/gpu:0"):
                cupy.ones(3)

    assert cupy.cuda.get_allocator() == before
    assert float(cupy.ones(3).sum()) == 3.0
    cupy.get_default_memory_pool().free_all_blocks()
