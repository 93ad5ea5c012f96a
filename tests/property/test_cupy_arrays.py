"""Eager programs on CuPy storage over host memory: values and ledgers as on NumPy storage, whatever happens."""

from __future__ import annotations

import gc
import itertools
from functools import partial

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from simgpu.arrays import Runtime
from simgpu.errors import OutOfDeviceMemory
from simgpu.execution import execute
from simgpu.placement import place
from tests.property.card_programs import card_steps, ledger_hashes
from tests.property.test_arrays import ArraysMachine
from tests.property.test_arrays_hard_times import _failing, program, take_steps
from tests.property.test_recording import _outside, _run
from tests.threads import errors_of

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")


class CardMachine(ArraysMachine):
    """The state machine of arrays on lazy copies, in memory that is poisoned when it is granted and given back."""

    def __init__(self):
        self.storage = host.host_storage(is_lazy=True, poison=True)
        super().__init__()


TestArraysOnACard = CardMachine.TestCase
TestArraysOnACard.settings = settings(
    max_examples=settings.default.max_examples // 20, stateful_step_count=25, deadline=None
)


@given(st.lists(card_steps, max_size=40), st.integers(1, 4))
@settings(max_examples=settings.default.max_examples // 2)
def test_the_ledger_of_a_program_is_one_on_every_storage(steps, devices):
    found = [ledger_hashes(steps, devices, storage) for storage in ("numpy", "shape", host.host_storage(is_lazy=True))]

    assert found[0] == found[1] == found[2]


@given(data=st.data())
@settings(max_examples=settings.default.max_examples // 4)
def test_a_recorded_program_gives_the_same_values_as_a_graph_on_a_card(data):
    with Runtime("2 x 1MiB", storage=host.host_storage(is_lazy=True)) as runtime:
        alive = _outside(data, runtime)
        with runtime.record() as recording:
            _run(data, runtime, alive)
            names = recording.fetch(*alive)
        expected = [array.value() for array in alive]
        placement = place(recording.graph, runtime.machine, kernels=recording.kernels, soft=False)

        outputs, _ = execute(placement, recording.feeds, storage=host.host_storage())

        for name, value in zip(names, expected, strict=True):
            np.testing.assert_array_equal(outputs[name], value)


@pytest.mark.parametrize("every", [60, pytest.param(7, marks=pytest.mark.slow)])
def test_whatever_allocation_fails_on_a_card_everything_is_as_it_was_before(every):
    with Runtime("1 x 64MiB", storage=host.host_storage(is_lazy=True)) as runtime:
        xp, memory = runtime.xp(), runtime.memories[1]
        kept = xp.ones(3)
        expected, before = program(xp).value(), memory.live_owners()
        for number in (1, 2, 3, *range(4, 501, every)):
            with pytest.raises(OutOfDeviceMemory), _failing(memory.pool, number):
                program(xp)

            assert memory.live_owners() == before
            assert memory.region.scratch.used_bytes() == 0
            np.testing.assert_array_equal(kept.value(), np.ones(3))

        np.testing.assert_array_equal(program(xp).value(), expected)


@pytest.mark.parametrize("every", [60, pytest.param(7, marks=pytest.mark.slow)])
def test_whatever_kernel_lacks_scratch_memory_everything_is_as_it_was_before(every):
    with Runtime("1 x 64MiB", storage=host.host_storage(is_lazy=True)) as runtime:
        xp, memory = runtime.xp(), runtime.memories[1]
        kept, scratch = xp.ones(3), memory.region.scratch
        allocate, calls = scratch.allocate, itertools.count(1)
        scratch.allocate = lambda size: allocate(size) if next(calls) else None
        expected, before = program(xp).value(), memory.live_owners()
        total = next(calls) - 1

        def run_without(number):
            numbers = itertools.count(1)
            scratch.allocate = lambda size: allocate(size if next(numbers) != number else 2**40)
            program(xp)

        for number in (1, 2, 3, *range(4, total, every)):
            with pytest.raises(OutOfDeviceMemory, match="out of scratch memory"):
                run_without(number)

            assert memory.live_owners() == before
            assert scratch.used_bytes() == 0
            np.testing.assert_array_equal(kept.value(), np.ones(3))

        assert total > 3
        scratch.allocate = allocate
        np.testing.assert_array_equal(program(xp).value(), expected)


@pytest.mark.parametrize("operations", [150, pytest.param(5000, marks=pytest.mark.slow)])
def test_threads_share_devices_of_a_card_and_leave_nothing_behind(operations):
    with Runtime("2 x 256KiB", storage=host.host_storage()) as runtime:
        errors = errors_of(partial(take_steps, runtime.xp(), operations), range(8))
        gc.collect()

        assert errors == []
        for memory in runtime.memories[1:]:
            statistics = memory.statistics()
            assert (statistics.current_bytes, statistics.current_count) == (0, 0)
            assert memory.region.scratch.used_bytes() == 0
