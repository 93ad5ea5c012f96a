"""What the ledger of cards speaks of: a card, what is asked of it, and who uses how much of it. Frozen records."""

from __future__ import annotations

from dataclasses import dataclass

from simgpu.errors import InvalidValue
from simgpu.machine import PhysicalDevice
from simgpu.units import LARGEST


@dataclass(frozen=True, slots=True)
class CardKey:
    """A card as all programs know it. Cards are one if UUID and memory are the same; the rest is for people.

    `name` is the slot, such as `host0/GPU:3`.
    """

    uuid: str
    name: str
    model: str
    total_bytes: int

    @property
    def identity(self) -> tuple[str, int]:
        """UUID and memory: what tells one card from another."""
        return self.uuid, self.total_bytes


def card_key(device: PhysicalDevice) -> CardKey:
    """Return the key of a physical GPU. Raises InvalidValue for a CPU, which is not shared in this way.

    A simulated GPU has a UUID made from slot and model: programs that describe the same machine mean the same cards.
    """
    if not device.uuid:
        raise InvalidValue(f"{device.name} has no UUID; only GPUs are shared between programs")
    return CardKey(device.uuid, device.name, device.model.name, device.model.memory_bytes)


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """What one logical device wants of a card: `size_bytes` now, later at most `limit_bytes`.

    Without `size_bytes`, the whole limit now; memory growth starts from 0 or from a first region.
    """

    card: CardKey
    logical_device: str
    limit_bytes: int
    size_bytes: int | None = None

    def __post_init__(self) -> None:
        checked_bytes(self.limit_bytes, f"{self.logical_device}: limit_bytes")
        size_bytes = self.size_bytes
        if (
            size_bytes is not None
            and checked_bytes(size_bytes, f"{self.logical_device}: size_bytes") > self.limit_bytes
        ):
            raise InvalidValue(
                f"{self.logical_device}: {size_bytes} B now are more than the limit of {self.limit_bytes} B; "
                f"raise limit_bytes, or ask for less"
            )

    @property
    def first_bytes(self) -> int:
        """The bytes that are wanted now."""
        return self.limit_bytes if self.size_bytes is None else self.size_bytes


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """One logical device of a program: `size_bytes` of the card are its own, `used_bytes` of those are in use."""

    logical_device: str
    size_bytes: int
    limit_bytes: int
    used_bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """One program on one card."""

    pid: int
    program: str
    devices: tuple[DeviceUse, ...]


@dataclass(frozen=True, slots=True)
class CardUse:
    """One card, and all programs that hold memory of it.

    `outside_bytes` is what lies on it outside of all claims, as a program has seen it that computes on a real card:
    CUDA's contexts, modules and libraries, scratch memory of other programs, and what else uses it.
    """

    card: CardKey
    processes: tuple[ProcessUse, ...]
    outside_bytes: int | None = None

    @property
    def claimed_bytes(self) -> int:
        """What programs hold of the card, in use or not."""
        return sum(device.size_bytes for process in self.processes for device in process.devices)

    @property
    def free_bytes(self) -> int:
        """What the next program can have."""
        return self.card.total_bytes - self.claimed_bytes


def checked_bytes(value: int, what: str) -> int:
    """Return a number of bytes. Raises InvalidValue unless it is an int from 0 to 2**63 - 1."""
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise InvalidValue(f"{what} is {value!r}; give an int of 0 or more bytes")
    return value
