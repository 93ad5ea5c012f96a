"""The ledger as a state machine: whatever the order of calls, the account is exact."""

import itertools

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from simgpu.errors import OutOfDeviceMemory
from simgpu.memory import Block, MemoryPool, needed_bytes

LIMIT = 64 * 512
SIZES = st.one_of(st.integers(0, 4000), st.integers(0, LIMIT + 2000))


class MemoryPoolMachine(RuleBasedStateMachine):
    """Drives a pool beside a naive model: a list of live blocks."""

    def __init__(self):
        super().__init__()
        self.pool = MemoryPool("/device:GPU:0", LIMIT + 100)
        self.twin = MemoryPool("/device:GPU:0", LIMIT + 100)
        self.live = []
        self.peak = 0

    def holes_of_model(self):
        edges, start = [], 0
        for block in sorted(self.live):
            edges.append((block.offset - start, start))
            start = block.offset + block.size_bytes
        return [(size, offset) for size, offset in [*edges, (LIMIT - start, start)] if size]

    @rule(size=SIZES)
    def allocate(self, size):
        need = needed_bytes(size)
        fitting = [hole for hole in sorted(self.holes_of_model()) if hole[0] >= need]
        if need and not fitting:
            before = self.pool.statistics()
            with pytest.raises(OutOfDeviceMemory) as caught:
                self.pool.allocate(size, owner="x")
            assert self.pool.statistics() == before
            shortage = caught.value.shortage
            assert shortage.largest_hole_bytes == max([size for size, _ in self.holes_of_model()], default=0)
            return
        block = self.pool.allocate(size, owner="x")
        assert block == self.twin.allocate(size, owner="y")
        assert block == (Block(fitting[0][1], need) if need else Block(0, 0))
        if need:
            self.live.append(block)
        self.peak = max(self.peak, sum(block.size_bytes for block in self.live))

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def release(self, data):
        block = self.live.pop(data.draw(st.integers(0, len(self.live) - 1)))
        self.pool.release(block)
        self.twin.release(block)

    @rule()
    def release_all(self):
        while self.live:
            block = self.live.pop()
            self.pool.release(block)
            self.twin.release(block)
        assert self.pool.holes() == [Block(0, LIMIT)]

    @invariant()
    def holes_and_live_blocks_tile_the_memory(self):
        pieces = sorted([*self.pool.holes(), *(block for block, _ in self.pool.live())])
        ends = [piece.offset + piece.size_bytes for piece in pieces]
        assert [piece.offset for piece in pieces] == [0, *ends[:-1]]
        assert ends[-1] == LIMIT

    @invariant()
    def no_two_holes_touch(self):
        holes = self.pool.holes()
        assert all(a.offset + a.size_bytes < b.offset for a, b in itertools.pairwise(holes))

    @invariant()
    def the_account_is_the_sum_of_what_lives(self):
        statistics = self.pool.statistics()
        assert self.pool.live() == [(block, "x") for block in sorted(self.live)]
        assert statistics.current_bytes == sum(block.size_bytes for block in self.live) <= LIMIT
        assert statistics.current_count == len(self.live)
        assert statistics.peak_bytes == self.peak
        assert sum(size for _, size in statistics.high_water_owners) <= statistics.peak_bytes

    @invariant()
    def the_holes_by_size_mirror_those_by_place(self):
        by_place = self.pool.holes()
        assert sorted((hole.size_bytes, hole.offset) for hole in by_place) == self.pool._holes
        assert self.pool.largest_hole_bytes == max([hole.size_bytes for hole in by_place], default=0)


TestMemoryPool = MemoryPoolMachine.TestCase
