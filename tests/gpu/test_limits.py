"""Hard limits on a real card: what fits, what does not, and what the driver says is used."""

from __future__ import annotations

import gc
import random

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.errors import OutOfDeviceMemory
from simgpu.machine import Machine
from simgpu.storage import DriverCalls
from simgpu.storage.card_limits import RESERVE_BYTES
from simgpu.units import GiB, MiB

pytestmark = pytest.mark.gpu

PAGE_BYTES = 2 * MiB
"""CUDA takes memory of a card in pieces of this size."""
OF_CUDA_BYTES = 4 * PAGE_BYTES
"""What streams and events of two devices take at most, of pieces that CUDA shares out among all of its own."""
FULL_BYTES = 2 * GiB
MIB_OF_FLOATS = MiB // 4
ROUNDS = 50


def halves(limit):
    return Machine("1 x 16GiB").split({"GPU:0": [limit, limit]})


def some_work(xp):
    """Use kernels, reductions, products and copies, so that all modules and libraries are loaded."""
    x = xp.ones((256, 256), dtype=xp.float32, device="gpu:0")
    y = (x @ x + 1.0) * 2.0
    z = y.to_device("gpu:1")
    z += 1.0
    return float(xp.sum(z)), (x == y).to_device("cpu"), xp.asarray(np.ones(3), device="gpu:1")


@pytest.fixture
def warm(card):
    return warmed(card)


def warmed(card):
    """Return storage on which everything has run once, with nothing open."""
    storage = card()
    with Runtime(halves("16MiB"), storage=storage) as runtime:
        some_work(runtime.xp())
    gc.collect()
    return storage


def free_bytes(storage):
    return storage.driver.memory_info()[0]


def test_a_device_can_be_filled_to_its_last_512_bytes_and_not_beyond(card):
    with Runtime(halves(f"{FULL_BYTES}B"), storage=card()) as runtime:
        xp = runtime.xp()
        sibling = xp.full((16 * MIB_OF_FLOATS,), 5.0, dtype=xp.float32, device="gpu:1")
        large = xp.full(((FULL_BYTES - 512) // 4,), 1.0, dtype=xp.float32, device="gpu:0")
        last = xp.full((512,), 7, dtype=xp.uint8, device="gpu:0")
        with pytest.raises(OutOfDeviceMemory) as caught:
            xp.zeros((1,), dtype=xp.uint8, device="gpu:0")

        shortage = caught.value.shortage
        assert (shortage.used_bytes, shortage.limit_bytes) == (FULL_BYTES, FULL_BYTES)
        assert (shortage.requested_bytes, shortage.largest_hole_bytes) == (1, 0)
        large *= 3.0
        last += 1
        assert [set(part.value().tolist()) for part in (large[:4096], large[-4096:], last)] == [{3.0}, {3.0}, {8}]
        assert int(xp.count_nonzero(sibling == 5.0)) == sibling.size


def test_the_card_gives_slabs_and_scratch_and_gets_all_of_it_back(warm):
    before = warm.card_use()
    runtime = Runtime(halves("512MiB"), storage=warm)
    runtime.start()
    opened = warm.card_use()
    some_work(runtime.xp())
    used = warm.card_use()
    runtime.close()
    del runtime
    gc.collect()
    after = warm.card_use()

    assert (opened.regions_bytes, opened.scratch_bytes) == (2 * 512 * MiB, 2 * 64 * MiB)
    taken = before.free_bytes - opened.free_bytes
    assert 0 <= taken - opened.regions_bytes - opened.scratch_bytes <= OF_CUDA_BYTES
    assert abs(used.free_bytes - opened.free_bytes) <= OF_CUDA_BYTES
    assert (used.regions_bytes, used.scratch_bytes) == (opened.regions_bytes, opened.scratch_bytes)
    assert (after.regions_bytes, after.scratch_bytes) == (0, 0)
    assert abs(after.free_bytes - before.free_bytes) <= OF_CUDA_BYTES


def test_what_no_limit_holds_stays_within_the_reserve(warm):
    """The context, modules and libraries of all that the tests have run until now."""
    for use in (warm.card_use(), used_by_all_kinds_of_work(warm)):
        assert use.outside_bytes == use.total_bytes - use.free_bytes - use.regions_bytes - use.scratch_bytes
        assert 0 <= use.outside_bytes < RESERVE_BYTES


def used_by_all_kinds_of_work(storage):
    """Return the use of the card behind work that loads the libraries for products, transforms and decompositions."""
    with Runtime(halves("64MiB"), storage=storage) as runtime:
        xp = runtime.xp()
        x = xp.ones((64, 64), dtype=xp.float32) + xp.eye(64, dtype=xp.float32)
        made = (x @ x, xp.fft.rfft(x), xp.linalg.inv(x), xp.linalg.svdvals(x), xp.sort(x), xp.unique_values(x))
        assert all(runtime.memories[1].region.holds(array._data) for array in made)
        return storage.card_use()


def test_repeated_work_takes_no_more_of_the_card(warm):
    with Runtime(halves("64MiB"), storage=warm) as runtime:
        xp, regions = runtime.xp(), [memory.region for memory in runtime.memories[1:]]
        expected = [float(xp.sum(array)) for array in steady_program(xp)]
        free = free_bytes(warm)
        for _ in range(ROUNDS):
            found = [float(xp.sum(array)) for array in steady_program(xp)]
        for region in regions:
            region.finish()

        assert free_bytes(warm) == free
        assert found == pytest.approx(expected, rel=1e-4)
        gc.collect()
        assert [region.scratch.used_bytes() for region in regions] == [0, 0]


def test_a_hundred_thousand_allocations_leave_no_drift(warm):
    choose = random.Random(1)
    with Runtime(halves("64MiB"), storage=warm) as runtime:
        xp, before = runtime.xp(), None
        held = [xp.empty((choose.randrange(1, 20_000),), dtype=xp.float32, device="gpu:0") for _ in range(100)]
        kinds = [array._kind for array in held]
        for number in range(100_000):
            held[choose.randrange(100)] = runtime.make(choose.choice(kinds), "one of many")
            if number % 20 == 0:
                held[choose.randrange(100)] *= 0.0  # the card works there while memory comes and goes
            if number == 1000:
                before = free_bytes(warm)
        runtime.memories[1].region.finish()

        assert free_bytes(warm) == before
        statistics = runtime.memory_statistics("gpu:0")
        assert (statistics.current_count, statistics.total_count > 100_000) == (100, True)
        held.clear()
        gc.collect()
        statistics = runtime.memory_statistics("gpu:0")
        assert (statistics.current_bytes, statistics.largest_hole_bytes) == (0, 64 * MiB)
        assert runtime.memories[1].region.scratch.used_bytes() == 0


def taken_bytes(scratch):
    """Return what a pool has taken of the card: more than its limit if it ever took anything beside it."""
    pool = getattr(scratch, "_pool", None)
    return scratch.limit_bytes if pool is None else pool.total_bytes()


def steady_program(xp):
    """Launch arithmetic, reductions that need scratch memory, products, views and copies between devices."""
    x = xp.full((512, 512), 0.5, dtype=xp.float32, device="gpu:0")
    y = xp.full((512, 512), 2.0, dtype=xp.float32, device="gpu:1")
    for _ in range(10):
        moved = (x + x[::-1]).to_device("gpu:1")
        y = y + moved * 0.5
        y = y / xp.max(y, axis=1, keepdims=True)
        x = (x @ x) * (1.0 / 512.0) + y.T.to_device("gpu:0")
        x[1:] = x[:-1]
        x /= xp.sum(x)
    return x, y


def test_in_steady_state_nothing_waits_for_the_card_and_nothing_is_taken_of_it(warm):
    with Runtime(halves("64MiB"), storage=warm) as runtime:
        xp, regions = runtime.xp(), [memory.region for memory in runtime.memories[1:]]
        expected = [array.value() for array in steady_program(xp)]
        for region in regions:
            region.finish()
        free, pools = free_bytes(warm), [taken_bytes(region.scratch) for region in regions]
        gc.collect()
        for region in regions:
            warm.driver.hold(region.stream, 1_500_000)
        calls = warm.driver.calls()
        held = [warm.driver.record(region.stream) for region in regions]

        made = steady_program(xp)
        asked = warm.driver.calls() - calls
        were_done = [warm.driver.is_done(event) for event in held]

        # Taking memory of the card, giving it back, and waiting for it would all have waited until the streams go on.
        assert were_done == [False, False]
        assert asked == DriverCalls()
        assert (free_bytes(warm), [taken_bytes(region.scratch) for region in regions]) == (free, pools)
        for array, values in zip(made, expected, strict=True):
            np.testing.assert_allclose(array.value(), values, rtol=1e-4)


def test_arrays_of_two_devices_share_no_byte(card):
    with Runtime(halves("8MiB"), storage=card()) as runtime:
        xp, alive = runtime.xp(), []
        for device in ("gpu:0", "gpu:1"):
            x = xp.asarray(np.arange(12.0).reshape(3, 4), device=device)
            other = "gpu:1" if device == "gpu:0" else "gpu:0"
            alive += [x, x + 1, x.T, x[::-1, 1:], xp.sum(x, axis=0), x @ x.T, xp.concat([x, x]), xp.sort(x)]
            alive += [x.to_device(other), x.T.to_device(other), xp.linalg.inv(x @ x.T + xp.eye(3, device=device))]
            alive += [xp.unique_values(x), x[x > 3], xp.nonzero(x)[0], xp.astype(x, xp.float32), xp.zeros_like(x)]
        regions = {memory.device.name: memory.region for memory in runtime.memories[1:]}

        for array in alive:
            assert [name for name, region in regions.items() if region.holds(array._data)] == [array.device]


def test_a_device_that_grows_takes_of_the_card_only_what_it_needs(card):
    storage = card()
    runtime = Runtime("1 x 1GiB", storage=storage)
    (gpu,) = runtime.config.list_physical_devices("GPU")
    runtime.config.set_memory_growth(gpu, True)
    with runtime:
        xp = runtime.xp()
        taken = []
        for size in (1, 1, 30):
            held = xp.full((size * MIB_OF_FLOATS,), float(size), dtype=xp.float32)
            assert int(xp.count_nonzero(held == float(size))) == held.size
            taken.append(storage.card_use().regions_bytes)
        del held
        gc.collect()

        assert taken[0] < taken[-1] < 128 * MiB
        assert storage.card_use().regions_bytes == taken[-1]


def test_a_device_for_which_the_card_has_not_enough_left_does_not_start(warm):
    free, total = warm.driver.memory_info()
    with pytest.raises(OutOfDeviceMemory, match=r"\A2 devices cannot start together: GPU:0 1 GiB, GPU:1") as caught:
        Runtime(Machine("1 x 1TiB").split({"GPU:0": ["1GiB", f"{total}B"]}), storage=warm).start()
    gc.collect()

    assert caught.value.shortage.limit_bytes == total
    assert abs(free_bytes(warm) - free) <= OF_CUDA_BYTES
    assert warm.card_use().regions_bytes == 0


def test_a_card_that_has_no_more_refuses_to_let_a_device_grow(card):
    storage = card()
    region = storage.open(2**50, device="GPU:0", grows=True)
    _, total = storage.driver.memory_info()
    region.grow(2 * MiB)
    with pytest.raises(OutOfDeviceMemory, match="its card cannot give"):
        region.grow(total)

    assert region.taken_bytes == 2 * MiB
    region.close()


def test_scratch_memory_may_be_of_any_size(card):
    for size in (0, 1, 511, 1000):
        with Runtime("1 x 16MiB", storage=card(scratch_bytes=size)) as runtime:
            x = runtime.xp().ones((3,))

            assert (x + 1).value().tolist() == [2.0] * 3


def test_arrays_outlive_their_runtime(card):
    storage = card()
    with Runtime("1 x 16MiB", storage=storage) as runtime:
        x = runtime.xp().asarray(np.arange(6.0).reshape(2, 3)).T

    assert storage.card_use().regions_bytes == 0
    np.testing.assert_array_equal(x.value(), np.arange(6.0).reshape(2, 3).T)
