"""Eager arrays when things go wrong or come from all sides: failing allocations, threads, asyncio tasks."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.errors import OutOfDeviceMemory
from tests.threads import errors_of

DEVICES = ("CPU:0", "GPU:0", "GPU:1")


def program(xp):
    """Return what a program computes that allocates about 500 times."""
    x = xp.asarray([[4.0, 1.0], [1.0, 3.0]])
    total = xp.zeros((2, 2))
    for step in range(60):
        y = x @ x + step
        y[0] = y[1] * 2.0
        y += xp.linalg.inv(x)
        total = total + xp.where(y > 10.0, y.T, -y) + xp.sum(y, axis=0)
    return total


@pytest.mark.parametrize("every", [25, pytest.param(1, marks=pytest.mark.slow)])
def test_whatever_allocation_fails_everything_is_as_it_was_before(every):
    with Runtime("1 x 1GiB") as runtime:
        xp, memory = runtime.xp(), runtime.memories[1]
        kept = xp.ones(3)
        expected = program(xp).value()
        before, calls = memory.live_owners(), memory.statistics().total_count
        for number in range(1, 501, every):
            with pytest.raises(OutOfDeviceMemory), _failing(memory.pool, number):
                program(xp)

            assert memory.live_owners() == before
            np.testing.assert_array_equal(kept.value(), np.ones(3))

        assert calls > 500
        np.testing.assert_array_equal(program(xp).value(), expected)


@contextmanager
def _failing(pool, number):
    """Let the allocation of this number fail, and the second try after a collection of garbage, too.

    None is made by exchange meanwhile, so that each can fail.
    """
    allocate, exchange, counter = pool.allocate, pool.exchange, itertools.count(1)

    def counted(size_bytes, *, owner):
        return allocate(2**40 if next(counter) in (number, number + 1) else size_bytes, owner=owner)

    pool.allocate, pool.exchange = counted, lambda *_, **__: False
    try:
        yield
    finally:
        pool.allocate, pool.exchange = allocate, exchange


@pytest.mark.parametrize("operations", [500, pytest.param(20_000, marks=pytest.mark.slow)])
def test_sixteen_threads_share_devices_and_leave_nothing_behind(operations):
    with Runtime("2 x 256KiB") as runtime:
        errors = errors_of(partial(take_steps, runtime.xp(), operations), range(16))
        gc.collect()

        assert errors == []
        for memory in runtime.memories[1:]:
            statistics = memory.statistics()
            assert (statistics.current_bytes, statistics.current_count) == (0, 0)
            assert 0 < statistics.peak_bytes <= statistics.limit_bytes


def take_steps(xp, operations, seed):
    """Take many steps, drawn from a seed."""
    choose, mine = random.Random(seed), []
    for step in range(operations):
        _step(xp, choose, mine, step)


def _step(xp, choose, mine, step):
    """Make an array, or something of those that are there; let old ones go, some of them in cycles."""
    device = choose.choice(["gpu:0", "gpu:1"])
    try:
        if not mine or choose.random() < 0.2:
            mine.append(xp.full((choose.randrange(1, 400),), float(step % 7), device=device))
        else:
            x = choose.choice(mine)
            made = choose.choice(
                [lambda: x + x, lambda: -x, lambda: x[::2], lambda: x * 2.0, lambda: x.to_device(device)]
            )()
            mine.append(made)
            assert float(made[0]) == float(made[-1])
    except OutOfDeviceMemory:
        mine.clear()
    if len(mine) > 12:
        cycle = [mine.pop(choose.randrange(len(mine))) for _ in range(6)]
        cycle.append(cycle)


def test_scopes_belong_to_asyncio_tasks():
    with Runtime("2 x 1MiB") as runtime:
        xp = runtime.xp()

        async def task(device):
            with runtime.device(f"/{device}"):
                for _ in range(50):
                    await asyncio.sleep(0)
                    x = xp.ones(3) + 1.0
                    assert x.device.endswith(device)

        async def all_tasks():
            await asyncio.gather(*(task(device) for device in DEVICES * 3))

        asyncio.run(all_tasks())

        assert [memory.statistics().current_bytes for memory in runtime.memories] == [0, 0, 0]
