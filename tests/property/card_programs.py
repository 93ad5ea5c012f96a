"""Random programs on eager arrays of several devices on one card: views, changes in place, copies, frees."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np

from simgpu.arrays import Runtime
from simgpu.errors import OutOfDeviceMemory
from simgpu.machine import Machine

SIDE = 8
MAKES = ("full", "move", "move", "add", "turned", "backwards", "upper", "lower", "column")
USES = ("scale", "assign", "shift", "mirror", "read", "drop", "drop", "free")
card_steps = st.tuples(st.sampled_from(MAKES + USES), st.integers(0, 30), st.integers(0, 30))


class CardProgram:
    """A program on eager arrays, with NumPy beside it. A step is a name and two numbers, which choose operands."""

    def __init__(self, runtime, devices):
        self.xp = runtime.xp()
        self.has_values = runtime.storage.name != "shape"
        self.devices = ("cpu:0", *(f"gpu:{number}" for number in range(devices)))
        self.held = [(self.xp.full((SIDE, SIDE), 1.0, device="gpu:0"), np.full((SIDE, SIDE), 1.0))]

    def step(self, name, first, second):
        x, values = self.held[first % len(self.held)]
        y, others = self.held[second % len(self.held)]
        try:
            made = getattr(self, name)(x, values, y, others, second)
        except OutOfDeviceMemory:
            made = None
            del self.held[1:]
        if made is not None:
            self.held.append(made)

    def check(self):
        """Check the values of all arrays that are there."""
        for array, values in self.held:
            self.read(array, values, array, values, 0)

    def full(self, x, values, y, others, number):
        device = self.devices[number % len(self.devices)]
        return self.xp.full((SIDE, SIDE), float(number), device=device), np.full((SIDE, SIDE), float(number))

    def move(self, x, values, y, others, number):
        made = x.to_device(self.devices[number % len(self.devices)])
        return None if made is x else (made, values.copy())

    def add(self, x, values, y, others, number):
        return (x + y, values + others) if x.device == y.device and x.shape == y.shape else (x + 1.0, values + 1.0)

    def turned(self, x, values, y, others, number):
        return self.xp.permute_dims(x, (1, 0)), values.T

    def backwards(self, x, values, y, others, number):
        return x[::-1], values[::-1]

    def upper(self, x, values, y, others, number):
        return x[: SIDE // 2], values[: SIDE // 2]

    def lower(self, x, values, y, others, number):
        return x[-SIDE // 2 :], values[-SIDE // 2 :]

    def column(self, x, values, y, others, number):
        return x[:, :1], values[:, :1]

    def scale(self, x, values, y, others, number):
        x *= float(number % 3)
        values *= float(number % 3)

    def assign(self, x, values, y, others, number):
        if x.device == y.device and x.shape == y.shape:
            x[...] = y
            values[...] = others.copy()

    def shift(self, x, values, y, others, number):
        x[1:] = x[:-1]
        values[1:] = values[:-1].copy()

    def mirror(self, x, values, y, others, number):
        x[...] = x[::-1]
        values[...] = values[::-1].copy()

    def read(self, x, values, y, others, number):
        if self.has_values:
            np.testing.assert_array_equal(x.value(), values)

    def drop(self, x, values, y, others, number):
        if len(self.held) > 1:
            self.held = [pair for pair in self.held if pair[0] is not x] or self.held[:1]

    def free(self, x, values, y, others, number):
        alone = sum(pair[0]._buffer is x._buffer for pair in self.held) == 1
        if alone and len(self.held) > 1:
            self.held = [pair for pair in self.held if pair[0] is not x]
            x.free()


def ledger_hashes(steps, devices, storage):
    """Run a program, and return the digest of each device's ledger."""
    machine = Machine("1 x 1MiB").split({"GPU:0": ["8KiB"] * devices})
    with Runtime(machine, storage=storage) as runtime, runtime.record() as recording:
        program = CardProgram(runtime, devices)
        for step in steps:
            program.step(*step)
        program.check()
        del program
        trace = recording.trace
        return [trace.ledger_hash(device) for device in range(len(trace.devices))]
