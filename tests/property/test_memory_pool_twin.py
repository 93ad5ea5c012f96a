"""Merging a released block may be put off, but nobody can tell: a pool that is asked at every step does the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simgpu.errors import OutOfDeviceMemory
from simgpu.memory import MemoryPool

LIMIT = 16 * 512
STEPS = st.lists(
    st.tuples(st.sampled_from(["allocate", "release", "release last"]), st.integers(0, 5 * 512)), max_size=60
)


@given(STEPS)
def test_a_pool_that_nobody_asks_grants_what_one_does_that_is_asked_at_every_step(steps):
    quiet, asked = MemoryPool("d", LIMIT), MemoryPool("d", LIMIT)
    live = []
    for action, number in steps:
        if action == "allocate":
            granted = [_allocated(pool, number) for pool in (quiet, asked)]
            assert granted[0] == granted[1]
            if granted[0] is not None:
                live.append(granted[0])
        elif live:
            block = live.pop(-1 if action == "release last" else number % len(live))
            quiet.release(block)
            asked.release(block)
        asked.holes()

    assert (quiet.statistics(), quiet.holes(), quiet.live()) == (asked.statistics(), asked.holes(), asked.live())


def _allocated(pool, size_bytes):
    try:
        return pool.allocate(size_bytes, owner="x")
    except OutOfDeviceMemory:
        return None
