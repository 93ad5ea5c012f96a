"""Brings the devices of a runtime to life: cuts the cards as chosen, claims them, and opens their memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from simgpu.arrays.config import Config
from simgpu.arrays.config_choices import configured_machine
from simgpu.arrays.memory import DeviceMemory
from simgpu.cards import Claim, ClaimRequest, SharedCards, card_key
from simgpu.machine import LogicalDevice, Machine
from simgpu.memory import Block, GrowingPool, MemoryPool
from simgpu.naming import short_name
from simgpu.storage import CupyRegion, Opening, Region, Storage


@dataclass(frozen=True, slots=True)
class Started:
    """Devices that live. `claims` are what other programs cannot have meanwhile; none if the cards are private."""

    machine: Machine
    memories: tuple[DeviceMemory, ...]
    claims: tuple[Claim, ...]

    def look(self, storage: Storage, *, now: bool = False) -> None:
        """Look at the card if it is time for that, or `now`, and tell the ledger of cards what lies outside."""
        use = storage.look(now=now)
        if use is not None:
            for claim in self.claims:
                claim.report_outside(use.outside_bytes)

    def end(self, *first: Callable[[], object]) -> list[BaseException]:
        """Give everything back, also where some of it fails, and return what failed. A second call does nothing.

        What is to be done `first` is, and may fail as well. Claims come last: who has one next finds the memory free.
        """
        closes = [memory.region.close for memory in self.memories]
        return _failures_of([*first, *closes, *(claim.release for claim in self.claims)])


class UsageReport:
    """Tells the ledger of cards, after each change, how much of a claim is in use: an observer of one memory."""

    __slots__ = ("_claim", "_pool")

    def __init__(self, claim: Claim, pool: MemoryPool) -> None:
        self._claim, self._pool = claim, pool

    def granted(self, device: int, block: Block, owner: str) -> None:
        """Report."""
        self._claim.report(self._pool.used_bytes, self._pool.peak_bytes)

    def returned(self, device: int, block: Block) -> None:
        """Report."""
        self._claim.report(self._pool.used_bytes, self._pool.peak_bytes)


class PoisonedReturns:
    """Poisons what comes back to a device, so that who reads it all the same sees it: an observer of one memory."""

    __slots__ = ("_region",)

    def __init__(self, region: CupyRegion) -> None:
        self._region = region

    def granted(self, device: int, block: Block, owner: str) -> None:
        """Do nothing: what is granted is poisoned when its array is made."""

    def returned(self, device: int, block: Block) -> None:
        """Poison."""
        self._region.poison(block.offset, block.size_bytes)


def start(described: Machine, config: Config, storage: Storage, cards: SharedCards | None) -> Started:
    """Start the devices. Raises OutOfDeviceMemory, and holds nothing, if the cards have not got what is asked."""
    machine = configured_machine(described, config.choices())
    growing = _growing(described, machine, config)
    claims = _claim(machine, growing, cards)
    memories: list[DeviceMemory] = []
    try:
        storage.check_start(_openings(machine, growing))
        for index, device in enumerate(machine.devices):
            memories.append(_open(index, device, growing[index], claims.get(index), storage))
        started = Started(machine, tuple(memories), tuple(claims.values()))
        started.look(storage, now=True)
    except BaseException as error:
        for failure in Started(machine, tuple(memories), tuple(claims.values())).end():
            error.add_note(f"giving back what was started failed, too: {failure!r}")
        raise
    return started


def release_all(claims: tuple[Claim, ...]) -> None:
    """Give back what is held of the cards. A second call does nothing."""
    for claim in claims:
        claim.release()


def _failures_of(actions: Iterable[Callable[[], object]]) -> list[BaseException]:
    """Call everything, and return what was raised."""
    failures: list[BaseException] = []
    for action in actions:
        try:
            action()
        except BaseException as failure:
            failures.append(failure)
    return failures


def _growing(described: Machine, machine: Machine, config: Config) -> list[bool]:
    """Tell for each logical device whether it takes its memory as needed."""
    positions = {device.name: position for position, device in enumerate(described.physical_devices)}
    cards = [config.grows(positions[device.name]) and device.kind == "GPU" for device in machine.physical_devices]
    return [cards[device.physical] for device in machine.devices]


def _claim(machine: Machine, growing: list[bool], cards: SharedCards | None) -> dict[int, Claim]:
    """Claim the GPUs: all of their limits now, or nothing yet where they grow."""
    if cards is None:
        return {}
    indices = [index for index, device in enumerate(machine.devices) if device.kind == "GPU"]
    requests = [
        ClaimRequest(
            card_key(machine.physical(index)),
            machine.devices[index].name,
            machine.devices[index].memory_limit_bytes,
            0 if growing[index] else None,
        )
        for index in indices
    ]
    return dict(zip(indices, cards.claim_all(requests), strict=True))


def _openings(machine: Machine, growing: list[bool]) -> list[Opening]:
    return [
        Opening(short_name(device.name), device.kind, device.memory_limit_bytes, grows)
        for device, grows in zip(machine.devices, growing, strict=True)
    ]


def _open(index: int, device: LogicalDevice, grows: bool, claim: Claim | None, storage: Storage) -> DeviceMemory:
    region = storage.open(device.memory_limit_bytes, device.kind, device=device.name, grows=grows)
    pool = _pool(device, grows, claim, region)
    memory = DeviceMemory(index, device, region, pool)
    if claim is not None:
        memory.observers = (UsageReport(claim, pool),)
    if isinstance(region, CupyRegion) and region.is_poisoning:
        memory.observers = (*memory.observers, PoisonedReturns(region))
    return memory


def _pool(device: LogicalDevice, grows: bool, claim: Claim | None, region: Region) -> MemoryPool:
    if not grows:
        return MemoryPool(device.name, device.memory_limit_bytes)

    def take(size_bytes: int) -> None:
        if claim is not None:
            claim.grow(size_bytes)
        try:
            region.grow(size_bytes)
        except BaseException:
            if claim is not None:
                claim.shrink(size_bytes)
            raise

    return GrowingPool(device.name, device.memory_limit_bytes, take)
