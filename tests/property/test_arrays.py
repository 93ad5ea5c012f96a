"""Eager arrays under any sequence of calls: values, devices, ledgers and caps, with and without values in storage."""

from __future__ import annotations

import gc
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from simgpu.arrays import Array, Runtime
from simgpu.errors import DeviceMismatchError, GraphError, InvalidValue, OutOfDeviceMemory, RuntimeClosedError
from simgpu.machine import Machine
from simgpu.memory import needed_bytes

DEVICES = ("CPU:0", "GPU:0", "GPU:1")
MACHINE = Machine("1 x 16KiB").split({"GPU:0": [8192, 8192]})
SHAPES = [(), (0,), (3,), (2, 3), (3, 1), (1, 3), (40,), (20, 30)]
BINARY = ["add", "subtract", "multiply", "maximum", "less"]
UNARY = ["negative", "abs", "square", "sign"]
VIEWS = {
    "first": lambda xp, x: x[:1],
    "backwards": lambda xp, x: x[..., ::-1],
    "flat": lambda xp, x: xp.reshape(x, (-1,)),
    "turned": lambda xp, x: xp.permute_dims(x, tuple(range(x.ndim))[::-1]),
    "deeper": lambda xp, x: xp.expand_dims(x, axis=0),
    "wider": lambda xp, x: xp.broadcast_to(x, (2, *x.shape)),
}


@dataclass(eq=False)
class Memory:
    """What the ledger must hold for an array and its views."""

    device: str
    size_bytes: int


@dataclass(eq=False)
class Held:
    """An array, the memory behind it, and the same with NumPy alone: views share memory there, too."""

    array: Array
    memory: Memory
    values: np.ndarray


class ArraysMachine(RuleBasedStateMachine):
    """Arrays on two slices of a card and the CPU, all of them small, so that memory runs out often."""

    storage = "numpy"
    held = Bundle("held")

    def __init__(self):
        super().__init__()
        self.runtime = Runtime(MACHINE, storage=self.storage)
        self.xp = self.runtime.xp(default_device="gpu:1")
        self.alive = []
        self.scopes = []

    def teardown(self):
        while self.scopes:
            self.leave_scope()
        for held in self.alive:
            held.array = None  # Hypothesis holds on to what was held
        gc.collect()
        for memory in self.runtime.memories:
            statistics = memory.statistics()
            assert (statistics.current_bytes, statistics.current_count) == (0, 0)
        self.runtime.close()

    def keep(self, array, values, memory=None):
        """Note an array that was made, with memory of its own or that of another."""
        memory = memory or Memory(array.device[-5:], needed_bytes(values.nbytes))
        held = Held(array, memory, np.asarray(values))  # NumPy makes scalars of arrays without dimensions
        self.alive.append(held)
        return held

    def asked(self):
        """Return the device of new arrays: that of the innermost scope, or the default."""
        inner = next((name for _, name in reversed(self.scopes)), None)
        return inner or "GPU:1"

    @rule(
        target=held, shape=st.sampled_from(SHAPES), number=st.integers(-3, 3), device=st.sampled_from([None, *DEVICES])
    )
    def create(self, shape, number, device):
        wanted = device or self.asked()
        try:
            array = self.xp.full(shape, float(number), device=device)
        except OutOfDeviceMemory:
            return self.smallest(wanted)
        assert array.device.endswith(wanted)
        return self.keep(array, np.full(shape, float(number)))

    def smallest(self, device):
        """Return an array that takes no memory, in place of one that did not fit."""
        return self.keep(self.xp.zeros((0, 2), device=device), np.zeros((0, 2)))

    @rule(target=held, source=held, name=st.sampled_from(sorted(VIEWS)))
    def view(self, source, name):
        if source not in self.alive or (name in ("first", "backwards") and not source.values.ndim):
            return source
        try:
            array, values = VIEWS[name](self.xp, source.array), VIEWS[name](NumpyNames, source.values)
        except OutOfDeviceMemory:  # a reshape that needs a copy
            return source
        shares = array._buffer is source.array._buffer
        if values.size:
            assert shares == np.shares_memory(values, source.values)
        return self.keep(array, values, source.memory if shares else None)

    @rule(target=held, source=held, name=st.sampled_from(UNARY))
    def unary(self, source, name):
        if source not in self.alive or source.values.dtype == bool:
            return source
        return self.made(source, lambda: getattr(self.xp, name)(source.array), lambda: getattr(np, name)(source.values))

    @rule(target=held, left=held, right=held, name=st.sampled_from(BINARY))
    def binary(self, left, right, name):
        if left not in self.alive or right not in self.alive or not _are_alike(left, right):
            return left

        try:
            expected = getattr(np, name)(left.values, right.values)
        except ValueError:
            refusal = GraphError
        else:
            refusal = DeviceMismatchError if left.memory.device != right.memory.device else None
        if refusal is not None:
            with pytest.raises(refusal):
                getattr(self.xp, name)(left.array, right.array)
            return left
        return self.made(left, lambda: getattr(self.xp, name)(left.array, right.array), lambda: expected)

    @rule(target=held, source=held, number=st.sampled_from([2.0, -1.5, 0.0, 3, True]))
    def with_scalar(self, source, number):
        if source not in self.alive or source.values.dtype == bool:
            return source
        if number is True:
            return self.made(source, lambda: 2.0 - source.array, lambda: 2.0 - source.values)
        return self.made(source, lambda: source.array * number, lambda: source.values * number)

    def made(self, source, make, compute):
        try:
            array = make()
        except OutOfDeviceMemory:
            return source
        assert array.device.endswith(source.memory.device)
        return self.keep(array, np.asarray(compute()))

    @rule(source=held, number=st.sampled_from([1.0, -2.0]))
    def change_in_place(self, source, number):
        if source not in self.alive or source.values.dtype == bool:
            return
        if not source.values.flags.writeable:
            with pytest.raises(InvalidValue, match="broadcast view"):
                source.array += number
            return
        array = source.array
        array += number
        source.values += number

    @rule(source=held, number=st.sampled_from([1.0, -2.0]))
    def set_elements(self, source, number):
        if source in self.alive and source.values.flags.writeable and source.values.dtype != bool:
            source.array[...] = number
            source.values[...] = number

    @rule(target=held, source=held, device=st.sampled_from(DEVICES))
    def move(self, source, device):
        if source not in self.alive:
            return source
        try:
            array = source.array.to_device(device)
        except OutOfDeviceMemory:
            return source
        if device == source.memory.device:
            assert array is source.array
            return source
        return self.keep(array, source.values.copy())

    @rule(source=consumes(held))
    def drop(self, source):
        if source in self.alive:
            self.alive.remove(source)
        source.array = source.memory = None

    @rule(source=consumes(held))
    def free(self, source):
        if source not in self.alive:
            return
        shared = sum(other.array._buffer is source.array._buffer for other in self.alive)
        if shared > 1:
            with pytest.raises(InvalidValue, match="has views that are alive"):
                source.array.free()
        else:
            source.array.free()
            with pytest.raises(RuntimeClosedError):
                source.array.value()
        self.alive.remove(source)
        source.array = source.memory = None

    @rule(device=st.sampled_from([None, *DEVICES]))
    def enter_scope(self, device):
        scope = self.runtime.device(device and f"/{device}")
        scope.__enter__()
        self.scopes.append((scope, device))
        if device is None:  # clears the outer scopes
            self.scopes[-1] = (scope, "GPU:1")

    @rule()
    def leave_scope(self):
        if self.scopes:
            self.scopes.pop()[0].__exit__(None, None, None)

    @rule(device=st.sampled_from(DEVICES))
    def fail_in_a_scope(self, device):
        with pytest.raises((GraphError, OutOfDeviceMemory)), self.runtime.device(f"/{device}"):
            self.xp.ones(3) + self.xp.ones(4)

        left = self.xp.zeros((0,))
        assert left.device.endswith(self.asked())

    @rule()
    def ask_for_too_much(self):
        before = [memory.live_owners() for memory in self.runtime.memories]
        with pytest.raises(OutOfDeviceMemory):
            self.xp.zeros(10**6, device="gpu:0")
        assert [memory.live_owners() for memory in self.runtime.memories] == before

    @invariant()
    def the_ledgers_hold_what_is_reachable_and_no_more_than_the_caps(self):
        reachable = {held.memory for held in self.alive}
        for device, memory in zip(DEVICES, self.runtime.memories, strict=True):
            statistics = memory.statistics()
            expected = sum(block.size_bytes for block in reachable if block.device == device)
            assert statistics.current_bytes == expected <= statistics.limit_bytes

    @invariant()
    def values_shapes_and_devices_are_right(self):
        for held in self.alive:
            assert held.array.shape == held.values.shape
            assert held.array.dtype == held.values.dtype
            assert held.array.device.endswith(held.memory.device)
            if self.storage != "shape":
                assert np.array_equal(held.array.value(), held.values, equal_nan=True)


class ShapesMachine(ArraysMachine):
    """The same on storage without values."""

    storage = "shape"


class NumpyNames:
    """What the views need of NumPy, under the standard's names."""

    reshape = staticmethod(np.reshape)
    permute_dims = staticmethod(np.transpose)
    expand_dims = staticmethod(np.expand_dims)
    broadcast_to = staticmethod(np.broadcast_to)


def _are_alike(left, right):
    return left.values.dtype == right.values.dtype == np.float64


TestArrays = ArraysMachine.TestCase
TestArrays.settings = settings(max_examples=settings.default.max_examples // 10, stateful_step_count=25, deadline=None)
TestShapes = ShapesMachine.TestCase
TestShapes.settings = settings(max_examples=settings.default.max_examples // 10, stateful_step_count=25, deadline=None)
