"""A ledger that grows, as a state machine: regions follow the rule, the account is exact, no hole spans regions."""

import itertools

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from simgpu.errors import OutOfDeviceMemory
from simgpu.memory import FIRST_REGION_BYTES, Block, GrowingPool, needed_bytes

LIMIT = 11 * FIRST_REGION_BYTES // 2
SIZES = st.one_of(st.integers(0, 4000), st.integers(0, LIMIT + 2000))


class GrowingPoolMachine(RuleBasedStateMachine):
    """Drives a pool beside a naive model: a list of regions and a list of live blocks."""

    def __init__(self):
        super().__init__()
        self.taken = []
        self.pool = GrowingPool("/device:GPU:0", LIMIT, self.taken.append)
        self.planned = FIRST_REGION_BYTES
        self.live = []

    def regions(self):
        starts = [0, *itertools.accumulate(self.taken)]
        return list(itertools.pairwise(starts))

    def holes(self):
        found = []
        for start, end in self.regions():
            inside = sorted(block for block in self.live if start <= block.offset < end)
            edges = [start, *itertools.chain(*((it.offset, it.offset + it.size_bytes) for it in inside)), end]
            found += [Block(low, high - low) for low, high in zip(edges[::2], edges[1::2], strict=True) if high > low]
        return found

    def expect_growth(self, need):
        size = self.planned
        while size < need:
            size *= 2
        self.planned = 2 * size if size == self.planned else size
        return min(size, LIMIT - sum(self.taken))

    @rule(size=SIZES)
    def allocate(self, size):
        need = needed_bytes(size)
        before, holes = self.taken.copy(), self.holes()
        fitting = sorted((it.size_bytes, it.offset) for it in holes if it.size_bytes >= need)
        if need and not fitting and need > LIMIT - sum(self.taken):
            with pytest.raises(OutOfDeviceMemory):
                self.pool.allocate(size, owner="x")
            assert (self.taken, self.pool.holes()) == (before, holes)
            return
        offset = sum(self.taken)
        grown = [] if not need or fitting else [self.expect_growth(need)]
        block = self.pool.allocate(size, owner="x")
        assert self.taken == [*before, *grown]
        assert block == (Block(fitting[0][1] if fitting else offset, need) if need else Block(0, 0))
        self.live += [block] if need else []

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def release(self, data):
        self.pool.release(self.live.pop(data.draw(st.integers(0, len(self.live) - 1))))

    @invariant()
    def the_account_is_exact(self):
        assert self.pool.holes() == self.holes()
        assert self.pool.region_bytes == self.taken
        assert self.pool.reserved_bytes == sum(self.taken) <= LIMIT
        assert self.pool.used_bytes == sum(block.size_bytes for block in self.live)
        assert [block for block, _ in self.pool.live()] == sorted(self.live)


TestGrowingPool = GrowingPoolMachine.TestCase
