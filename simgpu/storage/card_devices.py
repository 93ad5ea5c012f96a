"""The devices of one storage on a card: how they open, what they take of it, and what else lies there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import count
from weakref import WeakValueDictionary

from simgpu.errors import InvalidValue
from simgpu.storage.card_memory import CardMemory
from simgpu.storage.card_watch import CardWatch
from simgpu.storage.cupy_region import CupyRegion
from simgpu.storage.driver import Driver, Stream
from simgpu.storage.guards import Guards
from simgpu.storage.numpy_storage import NumpyStorage
from simgpu.storage.storage import Opening, Region
from simgpu.trace import CardUse


class CardDevices:
    """Opens devices on a card. Each has the whole of it, or a group of its multiprocessors if there are any groups.

    CPUs live in host memory, as on NumPy storage.
    """

    def __init__(
        self,
        driver: Driver,
        guards: Guards,
        memory: CardMemory,
        *,
        groups: Sequence[Callable[[], Stream]],
        poison: bool,
    ) -> None:
        self.driver = driver
        self.guards = guards
        self._host = NumpyStorage()
        self._memory = memory
        self._watch = CardWatch(driver, memory.reserve_bytes)
        self.is_poisoning = poison
        self._groups = groups
        self._numbers = count()
        self._regions: WeakValueDictionary[int, CupyRegion] = WeakValueDictionary()  # those that are dropped close

    def check_start(self, openings: Sequence[Opening]) -> None:
        """Raise OutOfDeviceMemory, with all figures, if the card has not enough left for all GPUs together."""
        self._memory.check_start([opening for opening in openings if opening.kind == "GPU"])

    def open(self, limit_bytes: int, kind: str = "GPU", *, device: str = "GPU", grows: bool = False) -> Region:
        """Take the memory of one logical device. Raises OutOfDeviceMemory where the card has not enough left."""
        if kind != "GPU":
            return self._host.open(limit_bytes)
        with self._memory.account.lock:
            if self._watch.before_bytes is None:
                self._watch.begin(self._memory.account.measure(self.driver).outside_bytes)
            self.check_start([Opening(device, kind, limit_bytes, grows)])
            group = self._free_group(device)
            make_stream = self.driver.stream if group is None else self._groups[group]
            lane = self._memory.lane(device, group, make_stream)
            try:
                region = CupyRegion(self.driver, self.guards, self._memory, device=device, lane=lane)
            except BaseException:
                self._memory.keeping.leave_lane(lane, is_sound=True)
                raise
            region.is_poisoning, region.keeps_reserve = self.is_poisoning, grows
            if not grows:
                _grow_or_close(region, limit_bytes)
            self._regions[next(self._numbers)] = region
            return region

    def kept_open(self) -> AbstractContextManager[None]:
        """Keep the memory of closed devices for those that open next: `with storage.kept_open():`.

        Inside, runs that follow one another take nothing of the card any more, once each device has had its memory:
        slabs are used again by devices of the same limit. At the end, and where memory lacks, it goes back.
        """
        return self._memory.keeping.asked()

    def card_use(self) -> CardUse:
        """Return what of the card is used, and how much of that is under no device's limit."""
        opened = self._opened()
        regions = sum(region.taken_bytes for region in opened)
        scratch = sum(region.scratch_bytes for region in opened)
        measured = self._memory.account.measure(self.driver)
        held = max(0, measured.slabs_bytes + measured.scratch_bytes - regions - scratch)
        outside, before = measured.outside_bytes, self._watch.before_bytes
        before = outside if before is None else min(before, outside)
        return CardUse(measured.total_bytes, measured.free_bytes, regions, scratch, outside, held, before)

    @property
    def highest_outside_bytes(self) -> int:
        """The most that was ever seen outside of every limit."""
        return self._watch.highest_bytes

    def look(self, *, now: bool = False) -> CardUse | None:
        """Look at the card, and warn if more came outside of all limits than the reserve: see ReserveWarning.

        Without `now` at most ten times a second. Returns what is used, if it was looked at.
        """
        if not now and not self._watch.is_due():
            return None
        use = self.card_use()
        self._watch.seen(use)
        return use

    def _opened(self) -> list[CupyRegion]:
        """Return the devices that are open. It takes no lock: those who look need not wait for those who open."""
        regions = (reference() for reference in self._regions.valuerefs())
        return [region for region in regions if region is not None and region.is_open]

    def _free_group(self, device: str) -> int | None:
        """Return the group of multiprocessors for the device that opens next; None: the whole card."""
        if not self._groups:
            return None
        taken = {region.lane.group for region in self._opened()}
        for group in range(len(self._groups)):
            if group not in taken:
                return group
        raise InvalidValue(
            f"{device} has no multiprocessors: the card is cut into {len(self._groups)} groups, which others "
            "have; give sm_counts a number for each device"
        )


def _grow_or_close(region: CupyRegion, size_bytes: int) -> None:
    try:
        region.grow(size_bytes)
    except BaseException:
        region.close()
        raise
