"""From the rows of the ledger to what people want to see: cards, the programs on each, and their logical devices."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from simgpu.cards.outside import seen_by
from simgpu.cards.records import CardKey, CardUse, DeviceUse, ProcessUse
from simgpu.cards.rows import Row
from simgpu.cards.usage import figures

K = TypeVar("K", bound=Hashable)


def card_uses(rows: Iterable[Row], usage: bytes, outside: bytes) -> tuple[CardUse, ...]:
    """Return the cards in order of their slots, programs in order of their pids, devices as they were claimed.

    `usage` is the content of the usage file, `outside` that of what lies outside of all limits.
    """
    by_card = _grouped(rows, lambda row: row.card.identity)
    uses = [_card_use(on_card, usage, outside) for on_card in by_card.values()]
    return tuple(sorted(uses, key=lambda use: _place(use.card)))


def _card_use(rows: Sequence[Row], usage: bytes, outside: bytes) -> CardUse:
    by_process = _grouped(sorted(rows, key=lambda row: row.owner.pid), lambda row: row.owner)
    processes = (
        ProcessUse(owner.pid, owner.program, tuple(_device_use(row, usage) for row in own))
        for owner, own in by_process.items()
    )
    return CardUse(rows[0].card, tuple(processes), _outside_bytes(rows, outside))


def _outside_bytes(rows: Sequence[Row], outside: bytes) -> int | None:
    """Return what the program saw that looked last, without what others claim; None if nobody has looked."""
    looks = [(seen, row.owner) for row in rows if (seen := seen_by(outside, row)) is not None]
    if not looks:
        return None
    seen, owner = max(looks, key=lambda look: look[0])
    return max(0, seen.outside_bytes - sum(row.size_bytes for row in rows if row.owner != owner))


def _device_use(row: Row, usage: bytes) -> DeviceUse:
    used, peak = figures(usage, row.slot)
    return DeviceUse(row.logical_device, row.size_bytes, row.limit_bytes, used, peak)


def _grouped(rows: Iterable[Row], key: Callable[[Row], K]) -> dict[K, list[Row]]:
    groups: dict[K, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _place(card: CardKey) -> tuple[list[tuple[int, str]], str, int]:
    """Return a key that sorts `host0/GPU:10` behind `host0/GPU:2`."""
    parts = re.split(r"([0-9]+)", card.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], card.uuid, card.total_bytes
