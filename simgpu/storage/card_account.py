"""What this process has taken of each card, over all of its storages.

Entries are made before memory is taken, and end when the card has it back: an account never says too little, whatever
other threads do meanwhile. Finalizers end entries, and must not wait, so that takes no lock.

Accounts last as long as the process, and hold what is taken. So the garbage collector never finds a stream or a slab
among what a dropped runtime leaves: it calls finalizers in any order, and those of CUDA's objects destroy them, while
the device that they belong to has still to wait for its work, or leaves them to the next one.
"""

from __future__ import annotations

from collections.abc import Hashable
from itertools import count
from threading import RLock
from typing import NamedTuple, Protocol
from weakref import WeakSet

from simgpu.storage.driver import Driver, ScratchPool


class Balance:
    """A sum of sizes, and what has them. Each of them ends by the number that it was given."""

    def __init__(self) -> None:
        self._numbers = count()
        self._sizes: dict[int, int] = {}
        self._owners: dict[int, object] = {}

    def add(self, size_bytes: int) -> int:
        """Count a size from now on, and return its number."""
        number = next(self._numbers)
        self._sizes[number] = size_bytes
        return number

    def hold(self, number: int, owner: object) -> None:
        """Keep what has a size until that ends."""
        self._owners[number] = owner

    def end(self, number: int) -> None:
        """Let go of what has a size, and then count it no more."""
        self._owners.pop(number, None)
        self._sizes.pop(number, None)

    def total_bytes(self) -> int:
        """Return the sum of what is counted now."""
        return sum(list(self._sizes.values()))  # a copy in one step, as others count meanwhile


class Measured(NamedTuple):
    """A card at one moment: what its driver says, and what is on the account."""

    free_bytes: int
    total_bytes: int
    slabs_bytes: int
    scratch_bytes: int

    @property
    def outside_bytes(self) -> int:
        """What is used and not on the account."""
        return max(0, self.total_bytes - self.free_bytes - self.slabs_bytes - self.scratch_bytes)


class Kept(Protocol):
    """Memory that is kept for devices which open later."""

    def give_back(self) -> bool:
        """Give it back; tell whether there was any."""


class CardAccount:
    """The account of one card. Who takes memory holds `lock` from looking at what is free until it is taken.

    The lock is for those that may wait, and so never for finalizers.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self.slabs = Balance()
        self.scratch = Balance()
        self.kept = WeakSet[Kept]()
        self._left: dict[int, ScratchPool] = {}

    def close_scratch(self, pool: ScratchPool, number: int) -> None:
        """Give scratch memory back, and end its entry; if raw arrays still lie there, that is left to `measure`.

        Finalizers call this, so it asks no other pool: pools have locks.
        """
        self._left[number] = pool
        pool.close()
        self._end_if_unused(number, pool)

    def give_back(self) -> bool:
        """Give back what storages of this card keep for later; tell whether there was anything."""
        given = [kept.give_back() for kept in list(self.kept)]
        return any(given)

    def _end_if_unused(self, number: int, pool: ScratchPool) -> None:
        if not pool.used_bytes() and self._left.pop(number, None) is not None:
            try:
                pool.close()
            finally:
                self.scratch.end(number)

    def measure(self, driver: Driver) -> Measured:
        """Look at the card. What is taken or given back at this moment counts as ours, not as used by others."""
        for left in list(self._left.items()):
            self._end_if_unused(*left)
        before = self.slabs.total_bytes(), self.scratch.total_bytes()
        free, total = driver.memory_info()
        after = self.slabs.total_bytes(), self.scratch.total_bytes()
        return Measured(free, total, max(before[0], after[0]), max(before[1], after[1]))


_accounts: dict[Hashable, CardAccount] = {}


def account_of(driver: Driver) -> CardAccount:
    """Return the one account of the card that a driver drives."""
    return _accounts.setdefault(driver.card, CardAccount())
