"""Times of a real card: those of its own clock, without the gaps between launches."""

from __future__ import annotations

import pytest

from simgpu.arrays import Runtime
from simgpu.machine import Machine
from simgpu.units import PS_PER_S, MiB

pytestmark = pytest.mark.gpu


def timed_ps(region, storage, work, *, is_held=True):
    """Return the time that the card takes for what `work` launches."""
    region.finish()
    if is_held:
        region.hold()
    start = region.mark()
    work()
    end = region.mark()
    region.finish()
    return storage.between_ps(start, end)


def best_ps(region, storage, work, **options):
    return min(timed_ps(region, storage, work, **options) for _ in range(5))


def test_twenty_additions_take_the_time_of_their_bytes(card):
    storage = card()
    with Runtime("1 x 1GiB", storage=storage) as runtime:
        xp, region = runtime.xp(), runtime.memories[1].region
        x, y = (xp.full((64 * MiB // 4,), value, dtype=xp.float32) for value in (1.0, 2.0))
        large = [xp.full((64 * MiB,), 0.0, dtype=xp.float32) for _ in range(2)]

        def copy():
            storage.copy(large[0]._data, large[1]._data)

        def add():
            for _ in range(20):
                x + y

        add()
        copy()
        copying_ps, adding_ps = best_ps(region, storage, copy), best_ps(region, storage, add)
        bytes_per_s = 2 * 256 * MiB * PS_PER_S / copying_ps
        expected_ps = 20 * 3 * 64 * MiB * PS_PER_S / bytes_per_s

        assert 2e11 < bytes_per_s < 8e12
        assert expected_ps / 2 < adding_ps < 2 * expected_ps


def test_held_launches_leave_no_gaps(card):
    storage = card()
    with Runtime("1 x 64MiB", storage=storage) as runtime:
        xp, region = runtime.xp(), runtime.memories[1].region
        x = xp.ones((256,), dtype=xp.float32)

        def add():
            for _ in range(50):
                x + x

        add()
        held_ps, plain_ps = best_ps(region, storage, add), best_ps(region, storage, add, is_held=False)

        assert 0 < held_ps < 50 * 20_000_000  # 20 us each, at the very most
        assert held_ps <= 1.1 * plain_ps


def test_two_devices_of_a_card_compute_side_by_side(card):
    storage = card()
    with Runtime(Machine("1 x 1GiB").split({"GPU:0": ["64MiB", "64MiB"]}), storage=storage) as runtime:
        runtime.start()
        regions = [memory.region for memory in runtime.memories[1:]]
        for region in regions:
            region.finish()
        start = regions[0].mark()
        for region in regions:
            region.driver.hold(region.stream, 50_000)
        ends = [region.mark() for region in regions]
        for region in regions:
            region.finish()

        times_ms = [storage.between_ps(start, end) / 1e9 for end in ends]
        assert all(49 < time_ms < 90 for time_ms in times_ms)
