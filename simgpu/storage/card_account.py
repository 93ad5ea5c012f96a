"""What this process has taken of each card, over all of its storages.

Entries are made before memory is taken, and end when the card has it back: an account never says too little, whatever
other threads do meanwhile. Finalizers end entries, and must not wait, so that takes no lock.
"""

from __future__ import annotations

from itertools import count
from threading import RLock
from typing import NamedTuple
from weakref import WeakValueDictionary

from simgpu.storage.driver import Driver, ScratchPool


class Balance:
    """A sum of sizes. Each of them ends by the number that it was given."""

    def __init__(self) -> None:
        self._numbers = count()
        self._sizes: dict[int, int] = {}

    def add(self, size_bytes: int) -> int:
        """Count a size from now on, and return its number."""
        number = next(self._numbers)
        self._sizes[number] = size_bytes
        return number

    def end(self, number: int) -> None:
        """Count a size no more."""
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


class CardAccount:
    """The account of one card. Who takes memory holds `lock` from looking at what is free until it is taken.

    The lock is for those that may wait, and so never for finalizers.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self.slabs = Balance()
        self.scratch = Balance()
        self._left: dict[int, ScratchPool] = {}

    def close_scratch(self, pool: ScratchPool, number: int) -> None:
        """Give scratch memory back, and end its entry; if raw arrays still lie there, that is left to `measure`.

        Finalizers call this, so it asks no other pool: pools have locks.
        """
        pool.close()
        self._left[number] = pool
        self._end_if_unused(number, pool)

    def _end_if_unused(self, number: int, pool: ScratchPool) -> None:
        if not pool.used_bytes() and self._left.pop(number, None) is not None:
            pool.close()
            self.scratch.end(number)

    def measure(self, driver: Driver) -> Measured:
        """Look at the card. What is taken or given back at this moment counts as ours, not as used by others."""
        for left in list(self._left.items()):
            self._end_if_unused(*left)
        before = self.slabs.total_bytes(), self.scratch.total_bytes()
        free, total = driver.memory_info()
        after = self.slabs.total_bytes(), self.scratch.total_bytes()
        return Measured(free, total, max(before[0], after[0]), max(before[1], after[1]))


_accounts: WeakValueDictionary[object, CardAccount] = WeakValueDictionary()
_accounts_lock = RLock()


def account_of(driver: Driver) -> CardAccount:
    """Return the one account of the card that a driver drives."""
    with _accounts_lock:
        found = _accounts.get(driver.card)
        if found is None:
            found = _accounts[driver.card] = CardAccount()
        return found
