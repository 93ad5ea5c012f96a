"""What a refused claim says: which card, who holds it, what was asked, what is free, and the three cures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, islice

from simgpu.cards.processes import Owner
from simgpu.cards.records import CardKey
from simgpu.cards.rows import Row
from simgpu.errors import MemoryShortage, OutOfDeviceMemory
from simgpu.naming import short_name
from simgpu.units import format_size, short_size

_SHOWN = 5


def out_of_memory(
    asker: Owner, card: CardKey, logical_device: str, asked_bytes: int, holders: Iterable[Row]
) -> OutOfDeviceMemory:
    """Return the error for a claim that its card cannot meet, `holders` being the claims on that card."""
    holding = sorted((row for row in holders if row.size_bytes), key=lambda row: (-row.size_bytes, row.owner.pid))
    used = sum(row.size_bytes for row in holding)
    shortage = MemoryShortage(
        device=card.name,
        owner=logical_device,
        requested_bytes=asked_bytes,
        needed_bytes=asked_bytes,
        used_bytes=used,
        limit_bytes=card.total_bytes,
        largest_hole_bytes=max(0, card.total_bytes - used),
        largest_live=tuple((_named(row), row.size_bytes) for row in holding[:_SHOWN]),
    )
    return OutOfDeviceMemory(_describe(shortage, asker, card, holding), shortage)


def _describe(shortage: MemoryShortage, asker: Owner, card: CardKey, holding: Sequence[Row]) -> str:
    own = "close what this program no longer needs; " if any(row.owner == asker for row in holding) else ""
    return (
        f"card {card.name} ({card.model}, {card.uuid}): out of memory: {_process(asker)} asked for "
        f"{format_size(shortage.requested_bytes)} for {short_name(shortage.owner)}; "
        f"{format_size(shortage.largest_hole_bytes)} of {format_size(card.total_bytes)} are free; held by: "
        f"{_holders(asker, holding) or 'nobody'}; {own}three cures: give each program a memory limit "
        f"(set_logical_device_configuration), let its memory grow with its need (set_memory_growth), or give it other "
        f"cards (CUDA_VISIBLE_DEVICES)"
    )


def _holders(asker: Owner, holding: Sequence[Row]) -> str:
    """Write one entry for each process, the lowest pid first."""
    by_process = groupby(sorted(holding, key=lambda row: (row.owner.pid, row.number)), key=lambda row: row.owner)
    return _some([_holder(asker, owner, [*rows]) for owner, rows in by_process], "; ")


def _holder(asker: Owner, owner: Owner, rows: Sequence[Row]) -> str:
    who = f"this program (pid {owner.pid})" if owner == asker else _process(owner)
    return f"{who} with " + _some([f"{short_name(row.logical_device)} {short_size(row.size_bytes)}" for row in rows])


def _some(entries: Sequence[str], separator: str = ", ") -> str:
    more = len(entries) - _SHOWN
    return separator.join(islice(entries, _SHOWN)) + (f" and {more} more" if more > 0 else "")


def _process(owner: Owner) -> str:
    return f"{owner.program} (pid {owner.pid})"


def _named(row: Row) -> str:
    return f"{_process(row.owner)} {short_name(row.logical_device)}"
