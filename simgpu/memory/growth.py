"""Memory growth: a ledger that takes memory of its card only as it needs it.

The rule is that of TensorFlow's allocator, so that every path grows alike: the first region is of 2 MiB, each next one
twice as large, and doubled further until it holds what is asked for; none is larger than what the limit leaves. If the
card cannot give that much, the region is of the asked size, rounded up to 512 bytes. Regions are never given back, and
no hole spans two of them.
"""

from __future__ import annotations

from collections.abc import Callable

from simgpu.errors import OutOfDeviceMemory
from simgpu.memory.pool import Block, MemoryPool, needed_bytes
from simgpu.units import MiB

FIRST_REGION_BYTES = 2 * MiB

Take = Callable[[int], object]


def _take_freely(size_bytes: int) -> None:
    """Take memory of a card that nobody else uses."""


class GrowingPool(MemoryPool):
    """The ledger of one device that grows up to `limit_bytes`, region by region.

    `take` is asked for each region before it is used, and raises OutOfDeviceMemory if the card has not got it.
    """

    def __init__(self, device: str, limit_bytes: int, take: Take = _take_freely) -> None:
        super().__init__(device, limit_bytes)
        self.region_bytes: list[int] = []
        self._take = take
        self._next_bytes = FIRST_REGION_BYTES
        self._ends: set[int] = set()
        self._reserved_bytes = 0
        if self.limit_bytes:
            self._take_hole(0)

    @property
    def reserved_bytes(self) -> int:
        """What the device holds of its card: the sum of all regions."""
        return self._reserved_bytes

    def allocate(self, size_bytes: int, *, owner: str) -> Block:
        """Grant a block, from a new region if no hole is large enough. A refusal changes nothing.

        Raises OutOfDeviceMemory if the limit, or what the card has left, is too small.
        """
        if type(size_bytes) is int and self.largest_hole_bytes < needed_bytes(size_bytes) <= self._left_bytes:
            self._grow(needed_bytes(size_bytes))
        return super().allocate(size_bytes, owner=owner)

    def fits(self, size_bytes: int) -> bool:
        """Tell whether `allocate(size_bytes)` would succeed now, if the card has enough."""
        return super().fits(size_bytes) or needed_bytes(size_bytes) <= self._left_bytes

    @property
    def _left_bytes(self) -> int:
        return self.limit_bytes - self._reserved_bytes

    def _grow(self, need: int) -> None:
        size, following = _region(need, self._next_bytes)
        taken = self._taken(min(size, self._left_bytes), need)
        self._next_bytes = following
        self.region_bytes.append(taken)
        self._add_hole(self._reserved_bytes, taken)
        self._reserved_bytes += taken
        self._ends.add(self._reserved_bytes)

    def _taken(self, size: int, need: int) -> int:
        """Take a region, or only what is needed where the card has not got all of it. Returns its bytes."""
        try:
            self._take(size)
        except OutOfDeviceMemory:
            if size == need:
                raise
            self._take(need)
            return need
        return size

    def _comes_next(self, offset: int, size: int) -> bool:
        """Tell it only of blocks that do not end a region: what lies behind those never merges with them."""
        return offset + size not in self._ends and super()._comes_next(offset, size)

    def _merge_hole(self, offset: int, size: int) -> None:
        """Merge a released block with its neighbours in the same region."""
        if offset + size not in self._ends and offset + size in self._hole_size:
            size += self._take_hole(offset + size)
        if offset not in self._ends and offset in self._hole_start:
            before = self._hole_start[offset]
            size += self._take_hole(before)
            offset = before
        self._add_hole(offset, size)


def _region(need: int, planned: int) -> tuple[int, int]:
    """Return the size of the next region, and what is planned for the one after it."""
    if need <= planned:
        return planned, 2 * planned
    while planned < need:
        planned *= 2
    return planned, planned
