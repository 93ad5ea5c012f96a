"""What a card has for its devices: the room that they need to start, and what of it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from simgpu.errors import InvalidValue, MemoryShortage, OutOfDeviceMemory
from simgpu.storage.driver import Driver
from simgpu.units import MiB, short_size

SCRATCH_BYTES = 256 * MiB
RESERVE_BYTES = 2048 * MiB
"""What stays free for CUDA's context, its modules and libraries, when devices open and when they grow."""

Partition = Literal["none", "green"]


@dataclass(frozen=True, slots=True)
class CardUse:
    """What of a card is used, in bytes. `outside` is what no limit holds: context, modules, libraries, others."""

    total_bytes: int
    free_bytes: int
    regions_bytes: int
    scratch_bytes: int
    outside_bytes: int


def check_room(driver: Driver, device: str, limit_bytes: int, scratch_bytes: int, reserve_bytes: int) -> None:
    """Raise OutOfDeviceMemory, with all figures, if a card has not enough left for a device to start."""
    needed = limit_bytes + scratch_bytes + reserve_bytes
    shortage = shortage_of(driver, device, "the start of the device", limit_bytes, needed)
    free, total = shortage.largest_hole_bytes, shortage.limit_bytes
    if needed <= free:
        return
    raise OutOfDeviceMemory(
        f"{device} cannot start: its limit of {short_size(limit_bytes)}, {short_size(scratch_bytes)} of scratch memory "
        f"and a reserve of {short_size(reserve_bytes)} for CUDA are {short_size(needed)}, and {short_size(free)} of "
        f"the card's {short_size(total)} are free; lower the limits, or scratch_bytes and reserve_bytes of CupyStorage",
        shortage,
    )


def check_growth(driver: Driver, device: str, size_bytes: int, reserve_bytes: int) -> None:
    """Raise OutOfDeviceMemory, with all figures, if a card has not enough left for a device to grow."""
    needed = size_bytes + reserve_bytes
    shortage = shortage_of(driver, device, "a region of the device", size_bytes, needed)
    free, total = shortage.largest_hole_bytes, shortage.limit_bytes
    if needed <= free:
        return
    raise OutOfDeviceMemory(
        f"{device}: its card cannot give {short_size(size_bytes)}: with a reserve of {short_size(reserve_bytes)} for "
        f"CUDA that is {short_size(needed)}, and {short_size(free)} of {short_size(total)} are free; lower the limits "
        "of its devices, or reserve_bytes of CupyStorage",
        shortage,
    )


def shortage_of(driver: Driver, device: str, owner: str, requested_bytes: int, needed_bytes: int) -> MemoryShortage:
    """Return the figures of a card that lacks memory: how much of it is used now, and how much is free."""
    free, total = driver.memory_info()
    return MemoryShortage(
        device=device,
        owner=owner,
        requested_bytes=requested_bytes,
        needed_bytes=needed_bytes,
        used_bytes=total - free,
        limit_bytes=total,
        largest_hole_bytes=free,
    )


def check_partition(partition: Partition, sm_counts: Sequence[int]) -> None:
    """Raise InvalidValue for a partition that is none, or without a number of multiprocessors for each device."""
    if partition not in ("none", "green"):
        raise InvalidValue(f"partition={partition!r} is not one of none, green")
    is_count = isinstance(sm_counts, Sequence) and all(type(it) is int and it > 0 for it in sm_counts)
    if not is_count or bool(sm_counts) != (partition == "green"):
        raise InvalidValue(
            f"sm_counts={sm_counts!r} with partition={partition!r}: a green partition needs a number of "
            "multiprocessors for each device, such as (64, 64), and no other has one"
        )
