"""Random numbers on a real card: each logical device draws from a generator of its own."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import simgpu as sg
from simgpu.arrays import Runtime
from simgpu.errors import DeviceScopeError, OutOfDeviceMemory
from simgpu.machine import Machine
from simgpu.units import MiB
from tests.threads import errors_of

pytestmark = pytest.mark.gpu


def opened(card, **options):
    return Runtime(Machine("1 x 1GiB").split({"GPU:0": ["16MiB", "16MiB"]}), storage=card(**options))


@pytest.fixture
def cupy(card):
    return pytest.importorskip("cupy")


def draw(runtime, device, count):
    """Draw from the generator that CuPy has inside of a device's scope."""
    import cupy

    with runtime.device(device):
        return cupy.random.random_sample(count).get().tolist()


def draws(card, *asked):
    """Return what a new runtime draws: for each device, one list after the other."""
    found = {device: [] for device, _ in asked}
    with opened(card) as runtime:
        for device, count in asked:
            found[device].append(draw(runtime, device, count))
    return found


def test_what_a_device_draws_does_not_depend_on_what_others_draw(card):
    alone = draws(card, ("/gpu:1", 6), ("/gpu:1", 10))["/gpu:1"]
    among = draws(card, ("/gpu:0", 4), ("/gpu:1", 6), ("/gpu:0", 8), ("/gpu:0", 2), ("/gpu:1", 10))

    assert among["/gpu:1"] == alone
    assert all(0 <= value <= 1 for part in alone for value in part)
    assert len({value for part in alone for value in part}) == 16


def test_devices_differ_and_each_draws_the_same_again_in_a_new_runtime(card):
    first, second = (draws(card, ("/gpu:0", 8), ("/gpu:1", 8)) for _ in range(2))

    assert first == second
    assert set(first["/gpu:0"][0]).isdisjoint(first["/gpu:1"][0])


def test_threads_on_their_own_devices_draw_what_they_would_alone(card):
    expected = {device: draws(card, *[(device, 8)] * 20)[device] for device in ("/gpu:0", "/gpu:1")}
    found = {device: [] for device in expected}
    with opened(card) as runtime:
        runtime.start()

        def work(number):
            device = f"/gpu:{number}"
            for _ in range(20):
                found[device].append(draw(runtime, device, 8))

        assert errors_of(work, range(2)) == []

    assert found == expected


def test_random_operations_of_a_graph_give_the_same_values_on_every_storage(card):
    builder = sg.GraphBuilder()
    for number, type in enumerate(("RandomUniform", "RandomNormal")):
        (made,) = sg.add_operation(
            builder, type, name=f"drawn{number}", shape=(64,), seed=(3,), device=f"/gpu:{number}"
        )
        (half,) = sg.add_operation(builder, "Abs", [made], name=f"used{number}", device=f"/gpu:{1 - number}")
        builder.fetch(**{f"drawn{number}": half})
    placement = sg.place(builder.build(), sg.Machine("2 x 1MiB"))
    expected, _ = sg.execute(placement)
    for clock in ("real", "virtual"):
        found, _ = sg.execute(placement, storage=card(), clock=clock)

        assert found.keys() == expected.keys()
        for name, value in found.items():
            np.testing.assert_array_equal(value, expected[name])


def test_a_seed_given_inside_a_scope_is_that_device_s_alone(cupy, card):
    with opened(card) as runtime:
        before = draws(card, ("/gpu:1", 5), ("/gpu:1", 5))["/gpu:1"]
        found = [draw(runtime, "/gpu:1", 5)]
        drawn = []
        for _ in range(2):
            with runtime.device("/gpu:0"):
                cupy.random.seed(7)
            drawn.append(draw(runtime, "/gpu:0", 5))
        found.append(draw(runtime, "/gpu:1", 5))
        with runtime.device("/gpu:1"):
            cupy.random.seed(7)
        drawn.append(draw(runtime, "/gpu:1", 5))

    assert drawn[0] == drawn[1] == drawn[2]
    assert found == before


def test_raw_draws_are_in_the_scratch_memory_of_the_device_and_refused_beyond_it(cupy, card):
    with opened(card) as runtime, runtime.device("/gpu:1"):
        scratch = runtime.memories[2].region.scratch
        made = cupy.random.standard_normal(2**20, dtype=cupy.float32)
        used = [memory.region.scratch.used_bytes() for memory in runtime.memories[1:]]
        with pytest.raises(OutOfDeviceMemory, match="out of scratch memory"):
            cupy.random.random_sample(2**23)
        spread = float(made.std())
        del made
        gc.collect()

        assert used == [0, 4 * MiB]
        assert 0.98 < spread < 1.02
        assert scratch.used_bytes() == 0


@pytest.mark.parametrize("kind", ["XORWOW", "Philox4x3210"])
def test_generators_of_cupys_newer_kind_hold_their_state_in_the_scratch_memory_too(cupy, card, kind):
    with opened(card) as runtime, runtime.device("/gpu:0"):
        scratch, found = runtime.memories[1].region.scratch, []
        for _ in range(2):
            generator = cupy.random.Generator(getattr(cupy.random, kind)(5, size=1024))
            found.append(generator.random(4).get().tolist())
            assert scratch.used_bytes() > 0
            del generator
        gc.collect()

        assert found[0] == found[1]
        assert scratch.used_bytes() == 0


def test_outside_of_any_device_draws_are_refused_while_a_runtime_is_open(cupy, card):
    with opened(card) as runtime:
        runtime.start()
        with pytest.raises(DeviceScopeError, match="outside of any device"):
            cupy.random.random_sample(3)
        with runtime.device("/cpu:0"), pytest.raises(DeviceScopeError, match="outside of any device"):
            cupy.random.random_sample(3)


def test_without_a_runtime_cupy_draws_as_before(cupy, card):
    cupy.random.seed(11)
    before = cupy.random.random_sample(4).get().tolist()
    cupy.random.seed(11)
    draws(card, ("/gpu:0", 4))
    after = cupy.random.random_sample(4).get().tolist()
    cupy.get_default_memory_pool().free_all_blocks()

    assert after == before
