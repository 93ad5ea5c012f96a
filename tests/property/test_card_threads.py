"""Threads that use two storages of one card at once: no memory has two owners, none is lost, and all sums are right."""

from __future__ import annotations

import gc
import random
import sys
from contextlib import suppress
from threading import Lock

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.errors import OutOfDeviceMemory
from simgpu.execution import execute
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.storage.card_account import account_of
from simgpu.storage.guards import Guards
from tests.threads import errors_of

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
MiB = 2**20
FLOATS = TensorSpec((64,), "float32")
ONES = np.ones(64, np.float32)


class Owners:
    """Whose each piece of memory and each lane is."""

    def __init__(self):
        self._lock, self._owned = Lock(), set()
        self.shared = []

    def begin(self, region):
        keys = {place.slab.ptr for place in region._places} | {("lane", region.lane.number)}
        with self._lock:
            self.shared += keys & self._owned
            self._owned |= keys
        return keys

    def end(self, keys):
        with self._lock:
            self._owned -= keys


def run(storage, choose, owners):
    builder = GraphBuilder()
    x = add_operation(builder, "Input", spec=FLOATS, name="x")
    y = add_operation(builder, "Neg", x, name="y", device="/gpu:0")
    builder.fetch(*add_operation(builder, "Neg", y, name="z", device="/gpu:1"))
    outputs, _ = execute(place(builder.build(), Machine("2 x 1MiB")), {"x": ONES}, storage=storage)
    np.testing.assert_array_equal(outputs["z"], ONES)


def grow(storage, choose, owners):
    runtime = Runtime("1 x 40MiB", storage=storage)
    runtime.config.set_memory_growth(runtime.config.list_physical_devices("GPU")[0], True)
    with runtime:
        for size in (0, choose.choice([1, 3, 9]) * MiB):
            assert not runtime.xp().zeros((size,), dtype="uint8").value().any()


def drop(storage, choose, owners):
    runtime = Runtime("2 x 1MiB", storage=storage)
    x = runtime.xp().asarray(ONES).to_device("gpu:1")
    assert (x.value() == 1).all()
    del runtime, x
    if choose.random() < 0.3:
        gc.collect()


def copy(storage, choose, owners):
    size = choose.choice([1, 2]) * MiB
    giver = storage.open(size)
    try:
        with suppress(OutOfDeviceMemory):
            taker = storage.open(size)
            owned = owners.begin(giver) | owners.begin(taker)
            source, target = giver.arrays(FLOATS)(0), taker.arrays(FLOATS)(0)
            storage.write(source, ONES)
            storage.copy(source, target)
            np.testing.assert_array_equal(storage.read(target), ONES)
            del source, target
            owners.end(owned)
            taker.close()
    finally:
        giver.close()


def look(storage, choose, owners):
    assert storage.card_use().outside_bytes == 0


@pytest.fixture
def many_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("many_switches")
@pytest.mark.parametrize("poison", [False, True])
def test_threads_share_a_card_and_no_memory_of_it(poison):
    card, owners = host.Card(64 * MiB, is_lazy=True), Owners()
    storages = [host.CupyStorage(card, reserve_bytes=4 * MiB, scratch_bytes=2**16, poison=poison) for _ in range(2)]

    def work(number):
        choose = random.Random(number)
        for _ in range(20):
            storage, does = choose.choice(storages), choose.choice([run, grow, drop, copy, look])
            with storage.kept_open(), suppress(OutOfDeviceMemory):
                does(storage, choose, owners)

    assert errors_of(work, range(4)) == []
    gc.collect()
    seen = [storage.look(now=True) for storage in storages]
    account = account_of(card)
    assert (owners.shared, Guards._standing) == ([], [])
    assert [(use.free_bytes, use.held_bytes, use.outside_bytes) for use in seen] == [(64 * MiB, 0, 0)] * 2
    assert (account.slabs.total_bytes(), account.scratch.total_bytes()) == (0, 0)
