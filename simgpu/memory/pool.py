"""Memory of one device: a hard limit and an exact account of who holds what.

The pool is the ledger that both engines stand on. It hands out offsets, not bytes: what lies at an offset belongs to
`storage`. It never waits: waiting for memory belongs to `simulation`.

The rule, so that the same calls give the same offsets on every path and platform: sizes are rounded up to 512 bytes;
best fit, the lowest offset among equal holes; the low end of a hole is handed out; a released block merges with both
neighbours at once; an allocation is refused if and only if no hole is large enough.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import NamedTuple

from simgpu.errors import InvalidValue, MemoryShortage, OutOfDeviceMemory
from simgpu.memory.statistics import MemoryStatistics
from simgpu.units import short_size

UNIT_BYTES = 512
"""Granularity of the ledger: CuPy's own allocation unit, so that both count alike."""

SHOWN_OWNERS = 5


def needed_bytes(size_bytes: int) -> int:
    """Round a size up to whole units of 512 bytes; 0 stays 0."""
    return -(-size_bytes // UNIT_BYTES) * UNIT_BYTES


class Block(NamedTuple):
    """A granted piece of a device's memory. A block of 0 bytes lies at offset 0 and occupies nothing."""

    offset: int
    size_bytes: int


_new = tuple.__new__  # skips the checks of Block's own, which cost as much as all the rest of a grant
_MASK = UNIT_BYTES - 1
_NOTHING = (0, "")


class MemoryPool:
    """The ledger of one device with `limit_bytes` of memory (rounded down to whole units)."""

    def __init__(self, device: str, limit_bytes: int) -> None:
        if type(limit_bytes) is not int or limit_bytes < 0:
            raise InvalidValue(f"{device}: a memory limit must be an int of 0 or more bytes, not {limit_bytes!r}")
        self.device = device
        self.limit_bytes = limit_bytes // UNIT_BYTES * UNIT_BYTES
        self.used_bytes = 0
        self.peak_bytes = 0
        self._allocated_bytes = self._allocated_count = self._peak_count = 0
        self._live: dict[int, tuple[int, str]] = {}  # offset -> (size, owner)
        self._owners_at_peak: dict[int, tuple[int, str]] | None = None  # None while the pool is still at its peak
        self._holes: list[tuple[int, int]] = []  # (size, offset), sorted; mirrors the two dicts below
        self._hole_size: dict[int, int] = {}  # offset -> size
        self._hole_start: dict[int, int] = {}  # end -> offset
        self._vacant: Block | None = None  # the last released block, if it is not yet in the holes
        self._steady: set[int] = (
            set()
        )  # offsets of live blocks for which an exchange goes well; empty once a hole changes
        if self.limit_bytes:
            self._add_hole(0, self.limit_bytes)

    def allocate(self, size_bytes: int, *, owner: str) -> Block:
        """Grant a block. Raises OutOfDeviceMemory, and changes nothing, if no hole is large enough."""
        if type(size_bytes) is not int or size_bytes < 0:
            raise InvalidValue(f"{self.device}: {owner} asked for {size_bytes!r} bytes; give an int of 0 or more")
        size = (size_bytes + _MASK) & ~_MASK
        if size == 0:
            return Block(0, 0)
        vacant = self._vacant
        if vacant is not None and vacant[1] == size and self._comes_next(vacant[0], size):
            self._vacant = None
            offset = vacant[0]
        else:
            offset = self._cut(size, size_bytes, owner)
        live = self._live
        live[offset] = (size, owner)
        self._allocated_bytes += size
        self._allocated_count += 1
        used = self.used_bytes = self.used_bytes + size
        if len(live) > self._peak_count:
            self._peak_count = len(live)
        if used > self.peak_bytes:
            self.peak_bytes = used
            self._owners_at_peak = None
        return _new(Block, (offset, size))

    def release(self, block: Block) -> None:
        """Take a block back. Raises InvalidValue if it is not a live block of this pool."""
        try:
            offset, size = block
        except (TypeError, ValueError):
            raise InvalidValue(f"{self.device}: {block!r:.60} is not a Block; give what `allocate` returned") from None
        if size == 0:
            return
        live = self._live
        if live.get(offset, _NOTHING)[0] != size:
            raise InvalidValue(
                f"{self.device}: {block} is not allocated; it was released before, or belongs to another device"
            )
        if self._owners_at_peak is None:
            self._owners_at_peak = dict(live)
        del live[offset]
        self._steady.clear()
        self.used_bytes -= size
        if self._vacant is not None:
            self._settle()
        self._vacant = block

    def exchange(self, block: Block, *, owner: str) -> bool:
        """Release a block and grant as much again, in one step, if the rule grants it the same place.

        That is what a loop does all the time. Returns False, and changes nothing, where it is not so.
        """
        offset, size = block
        live = self._live
        if offset not in self._steady or not size:
            self._settle()
            if not size or live.get(offset, _NOTHING)[0] != size or not self._comes_next(offset, size):
                return False
            self._steady.add(offset)
        if self._owners_at_peak is None:
            self._owners_at_peak = dict(live)
        live[offset] = (size, owner)
        self._allocated_bytes += size
        self._allocated_count += 1
        return True

    @property
    def largest_hole_bytes(self) -> int:
        """Size of the largest piece that could be granted now."""
        self._settle()
        return self._holes[-1][0] if self._holes else 0

    def fits(self, size_bytes: int) -> bool:
        """Tell whether `allocate(size_bytes)` would succeed now."""
        return needed_bytes(size_bytes) <= self.largest_hole_bytes

    def holes(self) -> list[Block]:
        """Return the free pieces in order of their offsets."""
        self._settle()
        return [Block(offset, self._hole_size[offset]) for offset in sorted(self._hole_size)]

    def live(self) -> list[tuple[Block, str]]:
        """Return the live blocks with their owners, in order of their offsets."""
        return [(Block(offset, size), owner) for offset, (size, owner) in sorted(self._live.items())]

    def statistics(self) -> MemoryStatistics:
        """Return a frozen snapshot of the account."""
        at_peak = self._live if self._owners_at_peak is None else self._owners_at_peak
        return MemoryStatistics(
            device=self.device,
            limit_bytes=self.limit_bytes,
            current_bytes=self.used_bytes,
            peak_bytes=self.peak_bytes,
            total_bytes=self._allocated_bytes,
            current_count=len(self._live),
            peak_count=self._peak_count,
            total_count=self._allocated_count,
            largest_hole_bytes=self.largest_hole_bytes,
            high_water_owners=_largest(at_peak),
        )

    def reset_peak(self) -> None:
        """Let the peaks start anew from what is used now."""
        self.peak_bytes, self._peak_count = self.used_bytes, len(self._live)
        self._owners_at_peak = None

    def _settle(self) -> None:
        """Merge the last released block with its neighbours: put off until then, and no call can tell."""
        vacant = self._vacant
        if vacant is not None:
            self._vacant = None
            self._merge_hole(*vacant)

    def _comes_next(self, offset: int, size: int) -> bool:
        """Tell whether the rule grants this size where the last released block was, as if it had merged already.

        Then nothing need be merged and cut again. It does so if no hole ends where the block begins, and the hole that
        the block makes with the one behind it is the first among those that are large enough.
        """
        if offset in self._hole_start:
            return False
        holes, end = self._holes, offset + size
        behind = self._hole_size.get(end, 0)
        place = bisect_left(holes, (size, -1))
        if behind and place < len(holes) and holes[place] == (behind, end):
            place += 1
        return place == len(holes) or holes[place] > (size + behind, offset)

    def _cut(self, size: int, size_bytes: int, owner: str) -> int:
        """Take the low end of the smallest hole that is large enough, and return its offset."""
        self._settle()
        place = bisect_left(self._holes, (size, -1))
        if place == len(self._holes):
            raise self._out_of_memory(size_bytes, owner)
        self._steady.clear()
        hole_size, offset = self._holes.pop(place)
        del self._hole_size[offset], self._hole_start[offset + hole_size]
        if hole_size > size:
            self._add_hole(offset + size, hole_size - size)
        return offset

    def _add_hole(self, offset: int, size: int) -> None:
        self._steady.clear()
        insort(self._holes, (size, offset))
        self._hole_size[offset] = size
        self._hole_start[offset + size] = offset

    def _take_hole(self, offset: int) -> int:
        size = self._hole_size.pop(offset)
        del self._hole_start[offset + size]
        del self._holes[bisect_left(self._holes, (size, offset))]
        return size

    def _merge_hole(self, offset: int, size: int) -> None:
        if offset + size in self._hole_size:
            size += self._take_hole(offset + size)
        if offset in self._hole_start:
            before = self._hole_start[offset]
            size += self._take_hole(before)
            offset = before
        self._add_hole(offset, size)

    def _out_of_memory(self, size_bytes: int, owner: str) -> OutOfDeviceMemory:
        shortage = MemoryShortage(
            device=self.device,
            owner=owner,
            requested_bytes=size_bytes,
            needed_bytes=needed_bytes(size_bytes),
            used_bytes=self.used_bytes,
            limit_bytes=self.limit_bytes,
            largest_hole_bytes=self.largest_hole_bytes,
            largest_live=_largest(self._live),
        )
        return OutOfDeviceMemory(_describe(shortage), shortage)


def _largest(live: dict[int, tuple[int, str]]) -> tuple[tuple[str, int], ...]:
    by_size = sorted(live.items(), key=lambda entry: (-entry[1][0], entry[0]))
    return tuple((owner, size) for _, (size, owner) in by_size[:SHOWN_OWNERS])


def _describe(shortage: MemoryShortage) -> str:
    held = ", ".join(f"{owner} {short_size(size)}" for owner, size in shortage.largest_live) or "nothing"
    reason = " (enough is free, but not in one piece)" if shortage.is_fragmentation else ""
    return (
        f"{shortage.device}: out of memory: {shortage.owner} asked for {short_size(shortage.requested_bytes)} "
        f"({shortage.requested_bytes} B); {short_size(shortage.used_bytes)} of {short_size(shortage.limit_bytes)} are "
        f"used and the largest hole is {short_size(shortage.largest_hole_bytes)}{reason}; "
        f"largest live tensors: {held}; "
        f"free memory, lower the batch, place less on {shortage.device}, or raise its limit"
    )
