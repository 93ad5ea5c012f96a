"""What CuPy is asked for around simgpu is counted, too, as far as Python sees it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks.counting import Counted, Counter
from benchmarks.plain import Peer
from simgpu.storage import DriverCalls, storage_named

hooks = pytest.importorskip("cupy.cuda.memory_hook", reason="CuPy is not installed: pip install cupy-cuda13x")
host = pytest.importorskip("tests.cupy_on_host")
cupy = host.cupy


@pytest.fixture
def driver():
    return host.Card()


@pytest.fixture
def counter(driver):
    return Counter(Peer("cupy", "a card", np, lambda: None, lambda: 0, driver=driver))


def take():
    """Do what a pool does before it calls `cudaMalloc`."""
    for hook in hooks.get_memory_hooks().values():
        hook.alloc_preprocess(device_id=0, mem_size=512)


def test_what_the_driver_is_asked_is_counted_from_the_beginning_on(counter, driver):
    driver.take(512)
    with counter.counting() as counted:
        slab = driver.take(512)
        found = counted()
    del slab

    assert found == Counted(DriverCalls(mallocs=1), DriverCalls(), DriverCalls())
    assert counted().simgpu == DriverCalls(mallocs=1, frees=1)


def test_what_pools_take_is_counted_here_and_in_every_thread_of_a_storage(counter):
    storage = counter.storage(storage_named("numpy"))
    take()
    with counter.counting() as counted:
        take()
        with ThreadPoolExecutor(1, initializer=storage.enter_thread) as pool:
            pool.submit(take).result()
    take()

    assert counted().pools == DriverCalls(mallocs=2)


def test_what_pools_take_here_can_be_left_out(counter):
    storage = counter.storage(storage_named("numpy"))
    with counter.counting(here=False) as counted:
        take()
        with ThreadPoolExecutor(1, initializer=storage.enter_thread) as pool:
            pool.submit(take).result()

    assert counted().pools == DriverCalls(mallocs=1)


def test_waits_that_python_asks_cupy_for_are_counted_while_it_lasts(counter, monkeypatch):
    done = []
    monkeypatch.setattr(cupy.cuda.runtime, "deviceSynchronize", lambda: done.append("device"))
    monkeypatch.setattr(cupy.cuda.stream._BaseStream, "synchronize", lambda stream: done.append("stream"))
    ask = (cupy.cuda.runtime.deviceSynchronize, cupy.cuda.Device)
    with counter.counting() as counted:
        cupy.cuda.runtime.deviceSynchronize()
        cupy.cuda.Stream.null.synchronize()
        with pytest.raises(cupy.cuda.runtime.CUDARuntimeError):
            cupy.cuda.Device(0).synchronize()  # there is none here

    assert counted().waits == DriverCalls(stream_waits=1, device_waits=2)
    assert done == ["device", "stream"]
    assert (cupy.cuda.runtime.deviceSynchronize, cupy.cuda.Device) == ask


def test_a_storage_without_a_driver_is_not_counted():
    counter = Counter(Peer("numpy", "this computer", np, lambda: None, lambda: 0))
    with counter.counting() as counted:
        take()

    assert (counter.can_tell, counted()) == (False, Counted(DriverCalls(), DriverCalls(), DriverCalls()))


def test_a_steady_state_may_wait_but_takes_and_gives_nothing():
    waits = DriverCalls(stream_waits=3, event_waits=2)
    steady = Counted(waits, DriverCalls(), DriverCalls(stream_waits=5))
    unsteady = Counted(DriverCalls(1, 2, 3, 4, 5, 6, 0), DriverCalls(mallocs=7), DriverCalls(device_waits=8))

    assert steady.unsteady() == []
    assert unsteady.unsteady() == [
        "1 calls of cudaMalloc",
        "2 calls of cudaFree",
        "3 calls of cudaHostAlloc",
        "4 calls of cudaFreeHost",
        "7 calls of cudaMalloc by CuPy's pools",
        "8 calls of cudaDeviceSynchronize",
    ]
