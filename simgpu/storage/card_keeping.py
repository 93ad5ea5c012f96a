"""What closed devices of a storage leave for those that open next: memory of the card, and streams with their scratch.

Without anybody who asks to keep it, everything goes back to the card at once. Memory is left by finalizers, which must
not wait: nothing here takes a lock for it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from threading import RLock
from typing import NamedTuple, TypeVar

from simgpu.storage.card_account import CardAccount
from simgpu.storage.driver import ScratchPool, Stream

T = TypeVar("T")


class OwnSlab(NamedTuple):
    """A slab that the account of its card holds, by a number there."""

    number: int
    ptr: int
    size_bytes: int


class LentSlab:
    """A slab as one device has it. It goes back to the storage when nothing refers to this object any more.

    Whatever lives longer than its device may still be used by others when it dies: then `is_spoilt`, and is not kept.
    """

    __slots__ = ("__weakref__", "_keeping", "_slab", "is_spoilt", "ptr", "size_bytes")

    def __init__(self, slab: OwnSlab, keeping: Keeping) -> None:
        self._slab, self._keeping, self.is_spoilt = slab, keeping, False
        self.ptr, self.size_bytes = slab.ptr, slab.size_bytes

    def __del__(self) -> None:
        self._keeping.leave_slab(self._slab, is_sound=not self.is_spoilt)


@dataclass(frozen=True, slots=True)
class Lane:
    """Where one device works: its streams, on a group of multiprocessors or the whole card, and scratch memory.

    The account of the card holds it until it is closed, and thereby what is `under_way` there: whatever has finalizers
    that must not run before the device has waited for its work.
    """

    group: int | None
    stream: Stream
    inbound: Stream
    outbound: Stream
    scratch: ScratchPool
    number: int
    under_way: list[object] = field(default_factory=list)


class Keeping:
    """Slabs by their size and lanes by their group, while somebody asks to keep them."""

    def __init__(self, account: CardAccount) -> None:
        self._account = account
        self._askers = 0
        self._lock = RLock()  # a finalizer may leave `asked` in the midst of another
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

    def leave_slab(self, slab: OwnSlab, *, is_sound: bool) -> None:
        """Keep a slab if that is asked for, and nobody else may use it; else it goes back to the card."""
        if not self._askers or not is_sound:
            self._account.slabs.end(slab.number)
            return
        self._slabs.setdefault(slab.size_bytes, deque()).append(slab)
        self._look_again()

    def leave_lane(self, lane: Lane, *, is_sound: bool) -> None:
        """Keep a lane if that is asked for, and nothing in its scratch memory lives on; else close it."""
        is_kept = False
        try:
            is_kept = bool(self._askers) and is_sound and not lane.scratch.used_bytes()
        finally:
            if not is_kept:
                self._close(lane)
        if is_kept:
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
        was_any = False
        for pile in tuple(self._slabs.values()):
            while (slab := _popped(pile)) is not None:
                was_any = True
                self._account.slabs.end(slab.number)
        with ExitStack() as closing:  # all, also where one of them fails
            for shelf in tuple(self._lanes.values()):
                while (lane := _popped(shelf)) is not None:
                    was_any = True
                    closing.callback(self._close, lane)
        return was_any

    def _close(self, lane: Lane) -> None:
        self._account.close_scratch(lane.scratch, lane.number)

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
