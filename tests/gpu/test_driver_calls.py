"""What a real card is asked for: as much as its stand-in, no more."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.machine import Machine
from simgpu.storage import DriverCalls

pytestmark = pytest.mark.gpu
HALVES = Machine("1 x 16GiB").split({"GPU:0": ["16MiB", "16MiB"]})


def test_opening_takes_a_slab_and_scratch_memory_of_each_device_and_closing_gives_both_back(card):
    storage = card()
    gc.collect()
    before = storage.driver.calls()
    runtime = Runtime(HALVES, storage=storage)
    runtime.start()
    opened = storage.driver.calls()
    runtime.close()
    del runtime
    gc.collect()

    assert opened - before == DriverCalls(mallocs=4)
    assert storage.driver.calls() - opened == DriverCalls(frees=4, stream_waits=6)


def test_values_are_waited_for_once_and_their_pinned_memory_is_used_again(card):
    with Runtime(HALVES, storage=card()) as runtime:
        xp, driver, values = runtime.xp(), runtime.memories[1].region.driver, np.ones((32, 32), np.float32)

        def bring_and_fetch():
            xp.asarray(values, device="gpu:0").value()

        for _ in range(3):
            bring_and_fetch()
        gc.collect()
        before = driver.calls()
        for _ in range(100):
            bring_and_fetch()

        assert driver.calls() - before == DriverCalls(event_waits=100)


def test_raw_calls_of_cupy_use_scratch_memory_that_is_there(card):
    cupy = pytest.importorskip("cupy")
    with Runtime(HALVES, storage=card()) as runtime, runtime.device("/gpu:1"):
        gc.collect()
        before = runtime.memories[2].region.driver.calls()
        for size in (10, 1_000, 100_000, 1_000_000):
            made = cupy.arange(size, dtype=cupy.float32) * 2
        del made
        asked = runtime.memories[2].region.driver.calls() - before

    assert asked == DriverCalls()
