"""Who holds how much of which card: tables in the manner of `nvidia-smi`, and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simgpu.cards import CardUse, DeviceUse
from simgpu.naming import short_name
from simgpu.report.tables import Part, percent, table
from simgpu.units import short_size

FORMAT = 1
"""Version of the JSON form: grows when a key changes its meaning or goes."""

_CARD_COLUMNS = ("Card", "Model", "UUID", "Memory", "Claimed", "Claimed %", "Free")
_OUTSIDE = "Outside"
"""The column of what lies on real cards outside of all claims; it is there if any program has seen one."""
_PROCESS_COLUMNS = ("Card", "PID", "Program", "Device", "Used", "Peak", "Claimed", "Limit")


def cards_report(cards: Sequence[CardUse], path: Path) -> list[Part]:
    """Return the cards, and below them every logical device of every program. `path` is that of the ledger."""
    if not cards:
        return [f"No program holds memory of a card. (Ledger: {path})"]
    return [
        "Cards",
        _card_table(cards),
        "",
        "Programs",
        table(_PROCESS_COLUMNS, _process_rows(cards), right=("PID", *_PROCESS_COLUMNS[4:])),
    ]


def cards_json(cards: Sequence[CardUse], path: Path) -> dict[str, Any]:
    """Return the same as plain data, with exact sizes."""
    return {"format": FORMAT, "ledger": str(path), "cards": [_card(use) for use in cards]}


def _card_table(cards: Sequence[CardUse]) -> Part:
    if all(use.outside_bytes is None for use in cards):
        return table(_CARD_COLUMNS, map(_card_row, cards), right=_CARD_COLUMNS[3:])
    rows = [(*_card_row(use), _size_or_dash(use.outside_bytes)) for use in cards]
    return table((*_CARD_COLUMNS, _OUTSIDE), rows, right=(*_CARD_COLUMNS[3:], _OUTSIDE))


def _size_or_dash(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else short_size(size_bytes)


def _card_row(use: CardUse) -> tuple[str, ...]:
    card, claimed = use.card, use.claimed_bytes
    sizes = short_size(claimed), percent(claimed, card.total_bytes), short_size(use.free_bytes)
    return card.name, card.model, card.uuid, short_size(card.total_bytes), *sizes


def _process_rows(cards: Sequence[CardUse]) -> list[tuple[str, ...]]:
    return [
        (
            use.card.name,
            str(process.pid),
            process.program,
            short_name(device.logical_device),
            *map(short_size, (device.used_bytes, device.peak_bytes, device.size_bytes, device.limit_bytes)),
        )
        for use in cards
        for process in use.processes
        for device in process.devices
    ]


def _card(use: CardUse) -> dict[str, Any]:
    card = use.card
    return {
        "card": card.name,
        "model": card.model,
        "uuid": card.uuid,
        "total_bytes": card.total_bytes,
        "claimed_bytes": use.claimed_bytes,
        "free_bytes": use.free_bytes,
        "outside_bytes": use.outside_bytes,
        "processes": [
            {"pid": process.pid, "program": process.program, "devices": [_device(device) for device in process.devices]}
            for process in use.processes
        ],
    }


def _device(device: DeviceUse) -> dict[str, Any]:
    return {
        "device": device.logical_device,
        "used_bytes": device.used_bytes,
        "peak_bytes": device.peak_bytes,
        "claimed_bytes": device.size_bytes,
        "limit_bytes": device.limit_bytes,
    }
