"""What a memory pool reports of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemoryStatistics:
    """The account of one device: bytes and counts now, at their peak, and over the whole life of the pool.

    Bytes are those of the ledger, rounded up to its unit of 512. `high_water_owners` are the owners of the largest
    blocks at the moment of `peak_bytes`, largest first: (owner, bytes).
    """

    device: str
    limit_bytes: int
    current_bytes: int
    peak_bytes: int
    total_bytes: int
    current_count: int
    peak_count: int
    total_count: int
    largest_hole_bytes: int
    high_water_owners: tuple[tuple[str, int], ...]
