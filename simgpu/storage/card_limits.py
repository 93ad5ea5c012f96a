"""The room that a card must have for its devices to start and to grow, and what is said where it has not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from simgpu.errors import InvalidValue, MemoryShortage, OutOfDeviceMemory
from simgpu.memory import FIRST_REGION_BYTES
from simgpu.storage.driver import Driver
from simgpu.storage.storage import Opening
from simgpu.units import MiB, short_size

SCRATCH_BYTES = 256 * MiB
RESERVE_BYTES = 2048 * MiB
"""What stays free for CUDA's context, its modules and libraries, when devices open and when they grow."""

Partition = Literal["none", "green"]
_REGION = "a region of the device"
_MOST_TOLD = 8


class Needs(NamedTuple):
    """What the start of devices needs of a card beside their limits; `kept_bytes` of it all are there already."""

    scratch_bytes: int
    reserve_bytes: int
    kept_bytes: int = 0


def first_bytes(opening: Opening) -> int:
    """Return what a GPU takes of its card when it opens: its limit, or its first region if it grows."""
    return min(FIRST_REGION_BYTES, opening.limit_bytes) if opening.grows else opening.limit_bytes


def check_start(driver: Driver, openings: Sequence[Opening], needs: Needs) -> None:
    """Raise OutOfDeviceMemory, with all figures, if a card has not enough left for GPUs to start together."""
    asked = sum(map(first_bytes, openings))
    needed = asked + len(openings) * needs.scratch_bytes + needs.reserve_bytes
    names = ", ".join(opening.device for opening in openings)
    owner = f"the start of the device{'s' * (len(openings) > 1)}"
    shortage = shortage_of(driver, names, owner, asked, needed)
    free, total = shortage.largest_hole_bytes, shortage.limit_bytes
    if needed - needs.kept_bytes <= free:
        return
    raise OutOfDeviceMemory(
        f"{_told(openings, needs, asked)} {short_size(needed)}, and {short_size(free)} of the card's "
        f"{short_size(total)} are free; lower the limits, or scratch_bytes and reserve_bytes of CupyStorage",
        shortage,
    )


def _told(openings: Sequence[Opening], needs: Needs, asked: int) -> str:
    scratch, reserve = short_size(needs.scratch_bytes), short_size(needs.reserve_bytes)
    if len(openings) == 1:
        what = "first region" if openings[0].grows else "limit"
        return (
            f"{openings[0].device} cannot start: its {what} of {short_size(asked)}, {scratch} of scratch memory and a "
            f"reserve of {reserve} for CUDA are"
        )
    each = ", ".join(map(_asks, openings[:_MOST_TOLD]))
    more = f" and {len(openings) - _MOST_TOLD} more" if len(openings) > _MOST_TOLD else ""
    return (
        f"{len(openings)} devices cannot start together: {each}{more} ask for {short_size(asked)}; with {scratch} of "
        f"scratch memory for each and a reserve of {reserve} for CUDA that is"
    )


def _asks(opening: Opening) -> str:
    return f"{opening.device} {short_size(first_bytes(opening))}{' to grow from' if opening.grows else ''}"


def check_growth(driver: Driver, device: str, size_bytes: int, reserve_bytes: int) -> None:
    """Raise OutOfDeviceMemory, with all figures, if a card has not enough left for a device to grow."""
    needed = size_bytes + reserve_bytes
    shortage = shortage_of(driver, device, _REGION, size_bytes, needed)
    free, total = shortage.largest_hole_bytes, shortage.limit_bytes
    if needed <= free:
        return
    raise OutOfDeviceMemory(
        f"{device}: its card cannot give {short_size(size_bytes)}: with a reserve of {short_size(reserve_bytes)} for "
        f"CUDA that is {short_size(needed)}, and {short_size(free)} of {short_size(total)} are free; lower the limits "
        "of its devices, or reserve_bytes of CupyStorage",
        shortage,
    )


def too_little(driver: Driver, device: str, size_bytes: int) -> OutOfDeviceMemory:
    """Return the error for what the driver has refused to give."""
    shortage = shortage_of(driver, device, _REGION, size_bytes, size_bytes)
    free, total = short_size(shortage.largest_hole_bytes), short_size(shortage.limit_bytes)
    return OutOfDeviceMemory(
        f"{device}: its card cannot give {short_size(size_bytes)}: {free} of {total} are free, "
        "perhaps not in one piece; lower the limits of its devices, or end other programs on the card",
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


def checked_size(name: str, size_bytes: int) -> int:
    """Return an option that is a size. Raises InvalidValue."""
    if type(size_bytes) is not int or size_bytes < 0:
        raise InvalidValue(f"{name}={size_bytes!r} is not a size; give an int of 0 or more bytes")
    return size_bytes


def checked_partition(partition: Partition, sm_counts: Sequence[int]) -> Partition:
    """Return how the card is cut. Raises InvalidValue for what is no partition, or lacks a number for each device."""
    if partition not in ("none", "green"):
        raise InvalidValue(f"partition={partition!r} is not one of none, green")
    is_count = isinstance(sm_counts, Sequence) and all(type(it) is int and it > 0 for it in sm_counts)
    if not is_count or bool(sm_counts) != (partition == "green"):
        raise InvalidValue(
            f"sm_counts={sm_counts!r} with partition={partition!r}: a green partition needs a number of "
            "multiprocessors for each device, such as (64, 64), and no other has one"
        )
    return partition
