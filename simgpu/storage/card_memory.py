"""The memory of one card as a storage takes it: never below the reserve, on the account, and kept where that is asked.

What is looked at is taken before anybody else looks: devices that start or grow at once cannot take the same memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from simgpu.errors import OutOfDeviceMemory
from simgpu.storage.card_account import Balance, account_of
from simgpu.storage.card_keeping import Keeping, Lane, LentSlab, OwnSlab
from simgpu.storage.card_limits import Needs, check_growth, check_start, first_bytes, too_little
from simgpu.storage.driver import Driver, Stream
from simgpu.storage.storage import Opening

T = TypeVar("T")


class CardMemory:
    """What devices of one storage take of its card."""

    def __init__(self, driver: Driver, scratch_bytes: int, reserve_bytes: int) -> None:
        self.scratch_bytes, self.reserve_bytes = scratch_bytes, reserve_bytes
        self.account = account_of(driver)
        self.keeping = Keeping(self.account)
        with self.account.lock:
            self.account.kept.add(self.keeping)
        self._driver = driver

    def check_start(self, openings: Sequence[Opening]) -> None:
        """Raise OutOfDeviceMemory, with all figures, if the card has not enough left for all of these GPUs."""

        def check() -> None:
            kept = self.keeping.covers_bytes(map(first_bytes, openings))
            kept += min(self.keeping.lanes(), len(openings)) * self.scratch_bytes
            check_start(self._driver, openings, Needs(self.scratch_bytes, self.reserve_bytes, kept))

        if openings:
            with self.account.lock:
                self._with_all_there_is(check)

    def take(self, device: str, size_bytes: int, *, keeps_reserve: bool) -> LentSlab:
        """Take a slab. Raises OutOfDeviceMemory if the card has not got that much, or not beside the reserve."""
        with self.account.lock:
            kept = self.keeping.slab(size_bytes)
            slab = kept or self._with_all_there_is(lambda: self._taken(device, size_bytes, keeps_reserve))
            return LentSlab(slab, self.keeping)

    def lane(self, device: str, group: int | None, make_stream: Callable[[], Stream]) -> Lane:
        """Return streams and scratch memory for a device. Raises OutOfDeviceMemory."""
        with self.account.lock:
            kept = self.keeping.lane(group)
            return kept or self._with_all_there_is(lambda: self._new_lane(device, group, make_stream))

    def _taken(self, device: str, size_bytes: int, keeps_reserve: bool) -> OwnSlab:
        if size_bytes and keeps_reserve and self.reserve_bytes:
            check_growth(self._driver, device, size_bytes, self.reserve_bytes)
        with self._entry(self.account.slabs, device, size_bytes) as number:
            slab = self._driver.take(size_bytes)
            self.account.slabs.hold(number, slab)
        return OwnSlab(number, slab.ptr, slab.size_bytes)

    def _new_lane(self, device: str, group: int | None, make_stream: Callable[[], Stream]) -> Lane:
        stream, inbound, outbound = (make_stream() for _ in range(3))
        with self._entry(self.account.scratch, device, self.scratch_bytes) as number:
            pool = self._driver.scratch(self.scratch_bytes, stream)
            lane = Lane(group, stream, inbound, outbound, pool, number)
            self.account.scratch.hold(number, lane)
        return lane

    @contextmanager
    def _entry(self, balance: Balance, device: str, size_bytes: int) -> Iterator[int]:
        """Put on the account what is taken inside; it ends where the card has not got it."""
        number = balance.add(size_bytes)
        try:
            yield number
        except BaseException as error:
            balance.end(number)
            if isinstance(error, MemoryError):
                raise too_little(self._driver, device, size_bytes) from error
            raise

    def _with_all_there_is(self, act: Callable[[], T]) -> T:
        """Do what needs memory of the card; where that lacks, give back what is kept for later, and do it again."""
        try:
            return act()
        except OutOfDeviceMemory:
            if not self.account.give_back():
                raise
        return act()
