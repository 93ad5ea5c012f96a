"""Whatever opens, grows, closes, lives on and is kept on a card, all that is used is on one account or another."""

from __future__ import annotations

from contextlib import ExitStack, suppress

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from simgpu.errors import OutOfDeviceMemory
from simgpu.graph import TensorSpec

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
MiB = 2**20
FLOATS = TensorSpec((8,), "float32")
STEPS = ["open", "open growing", "grow", "make", "make raw", "drop", "drop raw", "copy", "close", "keep", "unkeep"]


class History:
    """Two storages of one card, and what is there of them."""

    def __init__(self):
        self.card = host.Card(32 * MiB, is_lazy=True)
        self.storages = [host.CupyStorage(self.card, reserve_bytes=0, scratch_bytes=MiB) for _ in range(2)]
        self.regions, self.arrays, self.raw, self.kept = [], [], [], []

    def step(self, does, number):
        """Do something, if there is what it needs."""
        storage = self.storages[number % 2]
        match does:
            case "open":
                self.regions.append(storage.open(number % 5 * MiB))
            case "open growing":
                self.regions.append(storage.open(2**40, grows=True))
            case "keep":
                self.kept.append(ExitStack())
                self.kept[-1].enter_context(storage.kept_open())
            case "unkeep" if self.kept:
                self.kept.pop(number % len(self.kept)).close()
            case "drop" if self.arrays:
                self.arrays.pop(number % len(self.arrays))
            case "drop raw" if self.raw:
                self.raw.pop(number % len(self.raw))
            case "copy" if self.arrays:
                storage.copy(self.arrays[number % len(self.arrays)], self.arrays[-1])
            case _ if self.regions:
                self._step_in(self.regions[number % len(self.regions)], does, number)

    def _step_in(self, region, does, number):
        if does == "close":
            self.regions.remove(region)
            region.close()
        elif does == "grow":
            region.grow(number % 3 * MiB)
        elif does == "make" and region.taken_bytes:
            self.arrays.append(region.arrays(FLOATS)(0))
        elif does == "make raw":
            with region.inside():
                self.raw.append(host.cupy.ndarray((8,), np.float32))

    def end(self):
        """Let go of everything."""
        self.arrays, self.raw = [], []
        for it in (*self.kept, *self.regions):
            it.close()
        self.regions = []


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 30)), max_size=40))
def test_all_that_is_used_of_a_card_is_in_regions_scratch_memory_or_held(steps):
    history = History()
    for does, number in steps:
        with suppress(OutOfDeviceMemory):
            history.step(does, number)
        for use in [storage.card_use() for storage in history.storages]:
            used = use.regions_bytes + use.scratch_bytes + use.held_bytes
            assert (used, use.outside_bytes) == (use.total_bytes - use.free_bytes, 0)
    history.end()

    assert [storage.card_use().free_bytes for storage in history.storages] == [32 * MiB] * 2
