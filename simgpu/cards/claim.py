"""A program's hold on the memory of one card."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from simgpu.cards.records import ClaimRequest, checked_bytes
from simgpu.cards.rows import Row
from simgpu.cards.usage import Slot
from simgpu.errors import ExecutionError


class _Cards(Protocol):
    """What a claim needs of the cards that it was made with."""

    @property
    def pid(self) -> Callable[[], int]: ...

    def resize(self, claim: Claim, extra_bytes: int) -> None: ...

    def report_outside(self, claim: Claim, outside_bytes: int) -> None: ...

    def release_all(self, claims: tuple[Claim, ...]) -> None: ...


class Claim:
    """Memory of a card that is this process's own until `release`, or until the process ends in whatever way.

    A child made by `fork` does not own it: there, `grow` raises, and the rest does nothing.
    """

    __slots__ = ("_cards", "_current_pid", "_is_released", "_pid", "request", "row", "slot")

    def __init__(self, cards: _Cards, request: ClaimRequest, row: Row, slot: Slot) -> None:
        self._cards, self._current_pid, self._pid, self._is_released = cards, cards.pid, row.owner.pid, False
        self.request, self.row, self.slot = request, row, slot

    def __repr__(self) -> str:
        state = f"{self.size_bytes} of {self.limit_bytes} B" if self.is_held else "released"
        return f"<Claim of {self.request.logical_device} on {self.request.card.name}: {state}>"

    @property
    def size_bytes(self) -> int:
        """What is held of the card."""
        return self.row.size_bytes

    @property
    def limit_bytes(self) -> int:
        """How far it can grow."""
        return self.row.limit_bytes

    @property
    def is_held(self) -> bool:
        """False after `release`, and in a child made by `fork`."""
        return not self._is_released and self._current_pid() == self._pid

    def grow(self, extra_bytes: int) -> None:
        """Take more of the card. Raises OutOfDeviceMemory, and changes nothing, if the card has not got it.

        Raises InvalidValue beyond the limit, and ExecutionError if this process does not hold the claim.
        """
        checked_bytes(extra_bytes, "extra_bytes")
        if not self.is_held:
            raise ExecutionError(f"{self.request.logical_device} cannot grow: {self._why_not_held()}")
        self._cards.resize(self, extra_bytes)

    def shrink(self, size_bytes: int) -> None:
        """Give back what `grow` has taken, where it could not be used."""
        if self.is_held:
            self._cards.resize(self, -size_bytes)

    def report(self, used_bytes: int, peak_bytes: int) -> None:
        """Say how much is in use now and was at most, for `simgpu smi`. Two stores: no lock, no file access."""
        if not self._is_released and self._current_pid() == self._pid:
            self.slot.write(used_bytes, peak_bytes)

    def report_outside(self, outside_bytes: int) -> None:
        """Say what was just seen on the card outside of all limits of this program, for `simgpu smi`."""
        if self.is_held:
            self._cards.report_outside(self, outside_bytes)

    def release(self) -> None:
        """Give the memory back. The second time, or in a child made by `fork`, nothing happens. Never raises.

        May be called by any thread, by finalizers and at exit.
        """
        self._cards.release_all((self,))

    def mark_released(self) -> bool:
        """Return True the first time, if it is for this process to release the claim."""
        is_held, self._is_released = self.is_held, True
        return is_held

    def __enter__(self) -> Claim:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _why_not_held(self) -> str:
        if self._current_pid() == self._pid:
            return "its claim has been released"
        return (
            f"its claim belongs to process {self._pid}, of which this one (pid {self._current_pid()}) is a fork; claim "
            f"after the fork, or start processes with the method 'spawn'"
        )
