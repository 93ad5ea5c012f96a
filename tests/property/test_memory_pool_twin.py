"""Merging a released block may be put off, and a block exchanged in one step, but nobody can tell.

A pool that is asked at every step, and takes two steps, does the same.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simgpu.errors import OutOfDeviceMemory
from simgpu.memory import GrowingPool, MemoryPool

LIMIT = 16 * 512
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["allocate", "release", "release last", "exchange", "exchange"]), st.integers(0, 5 * 512)
    ),
    max_size=60,
)


@pytest.mark.parametrize(("make", "times"), [(MemoryPool, 1), (GrowingPool, 1024)])
@given(steps=STEPS)
def test_a_pool_that_nobody_asks_grants_what_one_does_that_is_asked_at_every_step(make, times, steps):
    quiet, asked = make("d", LIMIT * times), make("d", LIMIT * times)
    live = []
    for action, number in steps:
        if action == "allocate":
            granted = [_allocated(pool, number * times) for pool in (quiet, asked)]
            assert granted[0] == granted[1]
            if granted[0] is not None:
                live.append(granted[0])
        elif live and action == "exchange":
            _exchange(quiet, asked, live, number % len(live))
        elif live:
            block = live.pop(-1 if action == "release last" else number % len(live))
            quiet.release(block)
            asked.release(block)
        asked.holes()

    assert (quiet.statistics(), quiet.holes(), quiet.live()) == (asked.statistics(), asked.holes(), asked.live())


def _exchange(quiet, asked, live, place):
    """Do in one step, where that is possible, what the other pool does in two."""
    block = live.pop(place)
    asked.release(block)
    again = asked.allocate(block.size_bytes, owner="y")
    if not quiet.exchange(block, owner="y"):
        quiet.release(block)
        block = quiet.allocate(block.size_bytes, owner="y")

    assert block == again
    live.append(block)


def _allocated(pool, size_bytes):
    try:
        return pool.allocate(size_bytes, owner="x")
    except OutOfDeviceMemory:
        return None
