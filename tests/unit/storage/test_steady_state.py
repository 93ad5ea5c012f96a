"""What a program that has warmed up asks of CUDA: no memory, and no waiting but for values that it reads."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.execution import execute
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.storage.driver_calls import DriverCalls

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
HALVES = Machine("1 x 16GiB").split({"GPU:0": ["4MiB", "4MiB"]})
SIDE = TensorSpec((32, 32), "float32")


@pytest.fixture
def runtime():
    with Runtime(HALVES, storage=host.host_storage()) as runtime:
        yield runtime


@pytest.fixture
def late():
    """Return a runtime on a card whose work is done only when somebody waits for it."""
    with Runtime(HALVES, storage=host.host_storage(is_lazy=True)) as runtime:
        yield runtime


def add(xp, x, y):
    return x + y


def multiply_matrices(xp, x, y):
    return x @ y


def copy_there_and_back(xp, x, y):
    return x.to_device("gpu:1").to_device("gpu:0")


def sum_up(xp, x, y):
    return xp.sum(x)


def grow_in_place(xp, x, y):
    x += y


def calls_of(runtime, work, times):
    """Return what the driver is asked where some work is done again and again, after it was done once."""
    xp, driver = runtime.xp(), runtime.memories[1].region.driver
    x, y = (xp.ones((32, 32), dtype=xp.float32, device="gpu:0") for _ in range(2))
    work(xp, x, y)
    gc.collect()
    before = driver.calls()
    for _ in range(times):
        work(xp, x, y)
    return driver.calls() - before


WORK = [add, multiply_matrices, copy_there_and_back, sum_up, grow_in_place]


@pytest.mark.parametrize("work", WORK)
def test_a_thousand_small_operations_take_nothing_of_the_card_and_wait_for_nothing(runtime, work):
    assert calls_of(runtime, work, 1_000) == DriverCalls()


@pytest.mark.parametrize("work", WORK)
def test_nor_do_they_where_the_card_is_far_behind(late, work):
    assert calls_of(late, work, 200) == DriverCalls()


def test_each_value_that_is_read_is_waited_for_once(late):
    assert calls_of(late, lambda xp, x, y: float(x[0, 0]), 10) == DriverCalls(event_waits=10)


def test_values_that_are_read_and_written_use_pinned_memory_again(runtime):
    def bring_and_fetch(xp, x, y):
        x[:] = xp.asarray(np.ones((32, 32), np.float32), device="gpu:0")
        x.value()

    assert calls_of(runtime, bring_and_fetch, 100) == DriverCalls(event_waits=100)


def test_a_device_that_grows_takes_memory_where_it_has_none_left():
    runtime = Runtime("1 x 64MiB", storage=host.host_storage())
    (gpu,) = runtime.config.list_physical_devices("GPU")
    runtime.config.set_memory_growth(gpu, True)
    with runtime:
        kept = []
        calls = calls_of(runtime, lambda xp, x, y: kept.append(xp.zeros((2**20,), dtype=xp.float32)), 3)

    assert calls.mallocs >= 1
    assert calls == DriverCalls(mallocs=calls.mallocs)


def test_opening_takes_a_slab_and_scratch_memory_of_each_device_and_closing_gives_both_back():
    storage = host.host_storage()
    driver, before = storage.driver, storage.driver.calls()
    runtime = Runtime(HALVES, storage=storage)
    runtime.start()
    opened = driver.calls()
    runtime.close()
    del runtime
    gc.collect()

    assert opened - before == DriverCalls(mallocs=4)
    assert driver.calls() - opened == DriverCalls(frees=4, stream_waits=6)


EXECUTION = DriverCalls(mallocs=4, frees=4, stream_waits=7 * 3, event_waits=1)
"""Of two devices: slabs and scratch memory; its start, its end and their closing wait for each stream; and one fetch.

Of these, `mallocs` and `frees` are those of opening and closing devices.
"""


def over_both_devices(count):
    """Return a placed chain of operations, each on the other device than the one before."""
    builder = GraphBuilder()
    (last,) = builder.add("Input", outputs=[SIDE], name="x", attributes={"spec": SIDE})
    for number in range(count):
        (last,) = add_operation(builder, "MatMul", [last, last], device=f"/gpu:{number % 2}")
    builder.fetch(z=last)
    return place(builder.build(), HALVES, kernels="all", soft=False)


def calls_of_runs(placement, feeds, storage):
    found = []
    for _ in range(3):
        before = storage.driver.calls()
        execute(placement, feeds, storage=storage)
        gc.collect()
        found.append(storage.driver.calls() - before)
    return found


@pytest.mark.parametrize("count", [2, 200])
def test_an_execution_takes_what_its_devices_need_however_many_operations_it_has(count):
    storage, placement, feeds = host.host_storage(), over_both_devices(count), {"x": np.eye(32, dtype=np.float32)}
    found = calls_of_runs(placement, feeds, storage)

    first = replace(EXECUTION, pinned_mallocs=2)  # one for the fetch, as that of the feed is kept until the end
    assert found == [first, EXECUTION, EXECUTION]


def test_where_the_memory_of_devices_is_kept_executions_after_the_first_take_nothing_and_give_nothing_back():
    storage, feeds = host.host_storage(), {"x": np.eye(32, dtype=np.float32)}
    with storage.kept_open():
        _, *later = calls_of_runs(over_both_devices(20), feeds, storage)

    assert later == 2 * [replace(EXECUTION, mallocs=0, frees=0)]
