"""The table of claims: one row for each logical device of each program. Called inside transactions only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from sqlite3 import Connection

from simgpu.cards.processes import Owner
from simgpu.cards.records import CardKey

SCHEMA = """
CREATE TABLE claims (
    boot TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started TEXT NOT NULL,
    loaded INTEGER NOT NULL,
    program TEXT NOT NULL,
    number INTEGER NOT NULL,
    uuid TEXT NOT NULL,
    card TEXT NOT NULL,
    model TEXT NOT NULL,
    total_bytes INTEGER NOT NULL,
    logical_device TEXT NOT NULL,
    limit_bytes INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes BETWEEN 0 AND limit_bytes),
    slot INTEGER NOT NULL UNIQUE,
    PRIMARY KEY (boot, pid, started, loaded, number)
)
"""
_KEY = "boot = ? AND pid = ? AND started = ? AND loaded = ? AND number = ?"


@dataclass(frozen=True, slots=True)
class Row:
    """One claim. `number` tells the claims of one process apart; `slot` is where its figures are in the usage file."""

    owner: Owner
    number: int
    card: CardKey
    logical_device: str
    limit_bytes: int
    size_bytes: int
    slot: int


def read_rows(connection: Connection) -> list[Row]:
    """Return all claims, in the order in which they were made."""
    return [
        Row(Owner(*values[:5]), values[5], CardKey(*values[6:10]), *values[10:])
        for values in connection.execute("SELECT * FROM claims ORDER BY rowid")
    ]


def insert(connection: Connection, rows: Iterable[Row]) -> None:
    """Add claims."""
    connection.executemany(f"INSERT INTO claims VALUES ({', '.join('?' * 14)})", map(_values, rows))


def resize(connection: Connection, row: Row, size_bytes: int) -> None:
    """Change how much a claim holds."""
    connection.execute(f"UPDATE claims SET size_bytes = ? WHERE {_KEY}", (size_bytes, *_key(row)))


def remove(connection: Connection, rows: Iterable[Row]) -> None:
    """Remove claims. One that is not there is no error."""
    connection.executemany(f"DELETE FROM claims WHERE {_KEY}", map(_key, rows))


def key_of(row: Row) -> tuple[Owner, int]:
    """Return what tells a claim from all others."""
    return row.owner, row.number


def _key(row: Row) -> tuple[str | int, ...]:
    owner = row.owner
    return owner.boot, owner.pid, owner.started, owner.loaded, row.number


def _values(row: Row) -> tuple[str | int, ...]:
    owner, card = row.owner, row.card
    return (
        *(owner.boot, owner.pid, owner.started, owner.loaded, owner.program, row.number),
        *(card.uuid, card.name, card.model, card.total_bytes),
        *(row.logical_device, row.limit_bytes, row.size_bytes, row.slot),
    )
