"""What closed devices of a storage leave for those that open next: memory of the card, and streams with their scratch.

Without anybody who asks to keep it, everything goes back to the card at once. Memory is left by finalizers, which must
not wait: nothing here takes a lock for it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from simgpu.storage.card_account import Balance, CardAccount
from simgpu.storage.driver import ScratchPool, Slab, Stream

T = TypeVar("T")


class OwnSlab:
    """A slab on the account of its card, until the card has it back: when nothing refers to this object any more."""

    __slots__ = ("_balance", "_number", "_slab", "ptr", "size_bytes")

    def __init__(self, slab: Slab, balance: Balance, number: int) -> None:
        self._slab, self._balance, self._number = slab, balance, number
        self.ptr, self.size_bytes = slab.ptr, slab.size_bytes

    def __del__(self) -> None:
        del self._slab
        self._balance.end(self._number)


class LentSlab:
    """A slab as one device has it. It goes back to the storage when nothing refers to this object any more.

    Whatever lives longer than its device may still be used by others when it dies: then `is_spoilt`, and is not kept.
    """

    __slots__ = ("__weakref__", "_keeping", "_slab", "is_spoilt", "ptr", "size_bytes")

    def __init__(self, slab: OwnSlab, keeping: Keeping) -> None:
        self._slab, self._keeping, self.is_spoilt = slab, keeping, False
        self.ptr, self.size_bytes = slab.ptr, slab.size_bytes

    def __del__(self) -> None:
        if not self.is_spoilt:
            self._keeping.leave_slab(self._slab)


@dataclass(frozen=True, slots=True)
class Lane:
    """Where one device works: its streams, on a group of multiprocessors or the whole card, and scratch memory."""

    group: int | None
    stream: Stream
    inbound: Stream
    outbound: Stream
    scratch: ScratchPool
    account: CardAccount
    number: int

    def close(self) -> None:
        """Give the scratch memory back."""
        self.account.close_scratch(self.scratch, self.number)


class Keeping:
    """Slabs by their size and lanes by their group, while somebody asks to keep them."""

    def __init__(self) -> None:
        self._askers = 0
        self._lock = Lock()
        self._slabs: dict[int, deque[OwnSlab]] = {}
        self._lanes: dict[int | None, deque[Lane]] = {}

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Keep what devices leave while the context lasts, and then give it back. Contexts may overlap."""
        with self._lock:
            self._askers += 1
        try:
            yield
        finally:
            with self._lock:
                self._askers -= 1
            if not self._askers:
                self.give_back()

    def leave_slab(self, slab: OwnSlab) -> None:
        """Keep a slab if that is asked for; else it is gone with the last reference."""
        if self._askers:
            self._slabs.setdefault(slab.size_bytes, deque()).append(slab)
            self._look_again()

    def leave_lane(self, lane: Lane, *, is_sound: bool) -> None:
        """Keep a lane if that is asked for, and nothing in its scratch memory lives on; else close it."""
        if not self._askers or not is_sound or lane.scratch.used_bytes():
            lane.close()
            return
        self._lanes.setdefault(lane.group, deque()).append(lane)
        self._look_again()

    def slab(self, size_bytes: int) -> OwnSlab | None:
        """Return a slab of exactly this size, if one is kept."""
        return _popped(self._slabs.get(size_bytes))

    def lane(self, group: int | None) -> Lane | None:
        """Return a lane of a group, if one is kept."""
        return _popped(self._lanes.get(group))

    def covers_bytes(self, sizes: Iterable[int]) -> int:
        """Return how much of these sizes need not be taken of the card, as it is kept."""
        wanted = Counter(sizes)
        return sum(size * min(count, len(self._slabs.get(size, ()))) for size, count in wanted.items())

    def lanes(self) -> int:
        """Return how many lanes are kept."""
        return sum(map(len, tuple(self._lanes.values())))

    def give_back(self) -> bool:
        """Give back all that is kept; tell whether there was anything."""
        lanes, slabs = tuple(self._lanes.values()), tuple(self._slabs.values())
        was_any = any((*lanes, *slabs))
        for shelf in lanes:
            while (lane := _popped(shelf)) is not None:
                lane.close()
        for pile in slabs:
            pile.clear()
        return was_any

    def _look_again(self) -> None:
        """Give back what was left in the moment in which nobody asked any more."""
        if not self._askers:
            self.give_back()


def _popped(shelf: deque[T] | None) -> T | None:
    """Return what was left last: it is the warmest."""
    if shelf:
        with suppress(IndexError):  # another thread was quicker
            return shelf.pop()
    return None
