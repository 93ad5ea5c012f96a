"""Whatever call of a driver fails, everything goes back: memory, its account, and CuPy's allocator."""

from __future__ import annotations

import gc
import sys
from contextlib import nullcontext, suppress
from itertools import count

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.execution import execute
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.storage.card_account import account_of
from simgpu.storage.guards import Guards

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
MiB = 2**20
FAILING = (
    *("memory_info", "take", "pinned", "adopt", "array", "stream", "using", "record", "wait", "is_done"),
    *("wait_on_host", "finish", "copy_bytes", "fill_bytes", "run", "run_function", "enter_thread", "install"),
    *("random_state", "route_random"),
)
MOST_CALLS = 500


class Failing(host.Card):
    """A card that fails once, at a call of a number."""

    def __init__(self):
        super().__init__(64 * MiB, is_lazy=True)
        self.calls_left, self.has_failed = MOST_CALLS, False

    def __getattribute__(self, name):
        if name in FAILING:
            self.may_fail(name)
        return super().__getattribute__(name)

    def may_fail(self, name):
        self.calls_left -= 1
        if self.calls_left == 0:
            self.has_failed = True
            raise OSError(f"{name} fails")

    def scratch(self, limit_bytes, stream):
        self.may_fail("scratch")
        return FailingScratch(self, limit_bytes)


class FailingScratch(host.HostScratch):
    def allocate(self, size_bytes):
        self._card.may_fail("allocate")
        return super().allocate(size_bytes)

    def used_bytes(self):
        self._card.may_fail("used_bytes")
        return super().used_bytes()

    def close(self):
        self._card.may_fail("close")
        super().close()


def eager(storage):
    with Runtime("2 x 1MiB", storage=storage) as runtime:
        xp = runtime.xp()
        x = xp.full((64,), 2.0)
        (x.to_device("gpu:1") + 1.0).value()
        x[::2].value()
        with runtime.device("/gpu:0"):
            host.cupy.ndarray((8,), np.float32)


def growing(storage):
    runtime = Runtime("1 x 30MiB", storage=storage)
    runtime.config.set_memory_growth(runtime.config.list_physical_devices("GPU")[0], True)
    with runtime:
        for size in (0, MiB, 10 * MiB):
            runtime.xp().zeros((size,), dtype="uint8").to_device("cpu:0")


def executed(storage):
    builder, spec = GraphBuilder(), TensorSpec((64,), "float32")
    x = add_operation(builder, "Input", spec=spec, name="x")
    y = add_operation(builder, "Neg", x, name="y", device="/gpu:0")
    builder.fetch(*add_operation(builder, "Exp", y, name="z", device="/gpu:1"))
    execute(place(builder.build(), Machine("2 x 1MiB")), {"x": np.ones(64, np.float32)}, storage=storage)


def dropped(storage):
    runtime = Runtime("2 x 1MiB", storage=storage)
    runtime.xp().ones((64,)).to_device("gpu:1")
    del runtime
    gc.collect()


@pytest.fixture
def quick_collections(monkeypatch):
    """Leave out of each collection what is there already; let go of what finalizers raise, as they fail, too."""
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: None)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("quick_collections")
@pytest.mark.parametrize("is_kept", [False, True], ids=["alone", "kept"])
@pytest.mark.parametrize("program", [eager, growing, executed, dropped])
def test_whatever_call_of_a_driver_fails_everything_goes_back(program, is_kept):
    allocator, left = host.cupy.cuda.get_allocator(), {}
    for number in count(1):
        driver = Failing()
        storage = host.CupyStorage(driver, reserve_bytes=MiB, scratch_bytes=2**16, poison=True)
        driver.calls_left = number
        with suppress(Exception), storage.kept_open() if is_kept else nullcontext():
            program(storage)
        has_failed, driver.calls_left = driver.has_failed, MOST_CALLS
        gc.collect()
        storage.look(now=True)
        account = account_of(driver)
        found = driver.used_bytes, account.slabs.total_bytes(), account.scratch.total_bytes(), len(Guards._standing)
        if any(found) or host.cupy.cuda.get_allocator() is not allocator:
            left[number] = found
        if not has_failed:
            break

    assert left == {}
    assert 10 < number < MOST_CALLS
