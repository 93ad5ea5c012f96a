"""The cards of this computer, shared by all programs of one user that look into the same directory.

A claim is a row in a file; the rows of one card never add up to more than it has. Rows of dead processes are removed
whenever somebody claims or looks.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic_ns

from simgpu.cards.claim import Claim
from simgpu.cards.ledger import Ledger
from simgpu.cards.outside import OutsideFile, Seen
from simgpu.cards.processes import Owner, Processes, SystemProcesses
from simgpu.cards.records import CardKey, CardUse, ClaimRequest
from simgpu.cards.refusal import out_of_memory
from simgpu.cards.rows import Row, insert, key_of, read_rows, remove, resize
from simgpu.cards.snapshot import card_uses
from simgpu.cards.turns import TURNS
from simgpu.cards.usage import Slot, UsageFile
from simgpu.errors import CardsError, InvalidValue

_BUSY_S = 10.0

_numbers = itertools.count()
_used: dict[Path, SharedCards] = {}


class SharedCards:
    """The ledger of cards in one directory. Nothing is touched before the first claim.

    Processes in containers with pids of their own have a ledger of their own, as they cannot know who lives.
    """

    def __init__(self, directory: Path | str, *, processes: Processes | None = None, busy_s: float = _BUSY_S) -> None:
        self._processes = processes or SystemProcesses()
        scope = self._processes.scope()
        self.path = Path(directory) / f"cards{'-' if scope else ''}{scope}.sqlite"
        self._usage = UsageFile(self.path.with_suffix(".usage"))
        self._outside = OutsideFile(self.path.with_suffix(".outside"))
        self._ledger = Ledger(self.path, self._usage.path, busy_s=busy_s)

    def claim(self, request: ClaimRequest) -> Claim:
        """Take memory of one card for a logical device. Raises OutOfDeviceMemory if the card has not got it."""
        return self.claim_all((request,))[0]

    def claim_all(self, requests: Iterable[ClaimRequest]) -> tuple[Claim, ...]:
        """Take memory for several logical devices: all, or none. Returns the claims in the order of the requests.

        Raises OutOfDeviceMemory for the first that its card cannot meet, and CardsError if the ledger cannot be used.
        """
        requests = tuple(requests)
        if not requests:
            return ()
        owner = self._processes.owner()
        with TURNS.turn():
            claims = self._ledger.change(lambda connection: self._admit(connection, owner, requests))
        _used[self.path] = self
        return claims

    def release_all(self, claims: Iterable[Claim]) -> None:
        """Give back the memory of several claims in one transaction. See `Claim.release`."""
        rows = [claim.row for claim in claims if claim.mark_released()]
        if rows:
            TURNS.soon(lambda: self._remove(rows))

    def snapshot(self) -> tuple[CardUse, ...]:
        """Return who holds how much of which card, in order of the cards' slots; nothing if nobody ever claimed."""
        with TURNS.turn():
            rows = self._ledger.change_if_there(self._living) or []
            return card_uses(rows, self._usage.read(), self._outside.read())

    @property
    def pid(self) -> Callable[[], int]:
        """Ask for the pid of this process, which a `fork` changes."""
        return self._processes.pid

    def resize(self, claim: Claim, extra_bytes: int) -> None:
        """Make a claim larger, or smaller; see `Claim.grow`."""
        with TURNS.turn():
            claim.row, claim.slot = self._ledger.change(lambda connection: self._grown(connection, claim, extra_bytes))

    def report_outside(self, claim: Claim, outside_bytes: int) -> None:
        """Note what was just seen outside of all limits; see `Claim.report_outside`."""
        self._outside.write(claim.row, Seen(monotonic_ns(), outside_bytes))

    def end(self) -> None:
        """Give back all that this process holds. For the end of the process; never raises."""
        owner = self._processes.owner()

        def remove_own(connection: sqlite3.Connection) -> None:
            remove(connection, [row for row in read_rows(connection) if row.owner == owner])

        with contextlib.suppress(CardsError, OSError), TURNS.turn():
            self._ledger.change_if_there(remove_own)

    def _admit(
        self, connection: sqlite3.Connection, owner: Owner, requests: Sequence[ClaimRequest]
    ) -> tuple[Claim, ...]:
        living = self._living(connection)
        slots = _free_slots(living)
        rows: list[Row] = []
        held = Counter[tuple[str, int]]()
        for row in living:
            held[row.card.identity] += row.size_bytes
        for request in requests:
            card, size = request.card, request.first_bytes
            if held[card.identity] + size > card.total_bytes:
                raise out_of_memory(owner, card, request.logical_device, size, _on(card, [*living, *rows]))
            held[card.identity] += size
            number, slot = next(_numbers), next(slots)
            rows.append(Row(owner, number, card, request.logical_device, request.limit_bytes, size, slot))
        insert(connection, rows)
        return tuple(Claim(self, request, row, self._slot(row)) for request, row in zip(requests, rows, strict=True))

    def _grown(self, connection: sqlite3.Connection, claim: Claim, extra_bytes: int) -> tuple[Row, Slot]:
        living = self._living(connection)
        row, slot = claim.row, claim.slot
        if key_of(row) not in map(key_of, living):  # the ledger was set aside: what is held counts again
            row = replace(row, slot=next(_free_slots(living)))
            insert(connection, [row])
            living, slot = [*living, row], self._slot(row)
        size = row.size_bytes + extra_bytes
        if size > row.limit_bytes:
            raise InvalidValue(
                f"{row.logical_device} holds {row.size_bytes} B and cannot grow by {extra_bytes} B: its limit is "
                f"{row.limit_bytes} B"
            )
        if sum(other.size_bytes for other in _on(row.card, living)) + extra_bytes > row.card.total_bytes:
            raise out_of_memory(row.owner, row.card, row.logical_device, extra_bytes, _on(row.card, living))
        resize(connection, row, size)
        return replace(row, size_bytes=size), slot

    def _living(self, connection: sqlite3.Connection) -> list[Row]:
        """Remove the claims of dead processes and return the others."""
        rows = read_rows(connection)
        is_alive = {owner: self._processes.is_alive(owner) for owner in {row.owner for row in rows}}
        remove(connection, [row for row in rows if not is_alive[row.owner]])
        return [row for row in rows if is_alive[row.owner]]

    def _remove(self, rows: Sequence[Row]) -> None:
        with contextlib.suppress(CardsError, OSError):  # what stays now goes when this process ends
            self._ledger.change_if_there(lambda connection: remove(connection, rows))

    def _slot(self, row: Row) -> Slot:
        try:
            return self._usage.slot(row.slot)
        except OSError as error:
            raise CardsError(
                f"{self._usage.path}: cannot be written ({error.strerror}); is there room on its disk?"
            ) from error


def _on(card: CardKey, rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.card.identity == card.identity]


def _free_slots(rows: Iterable[Row]) -> Iterator[int]:
    taken = {row.slot for row in rows}
    return (number for number in itertools.count() if number not in taken)


@atexit.register
def _end_all() -> None:
    """Give back what this process still holds. A child made by `fork` finds nothing of its own."""
    for cards in _used.values():
        cards.end()
