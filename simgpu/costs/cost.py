"""How long an operation takes on a device, and a tensor to another: the form of an answer, and of those who give it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from simgpu.errors import InvalidValue
from simgpu.graph import Operation
from simgpu.machine import LogicalDevice
from simgpu.units import LARGEST


@dataclass(frozen=True, slots=True)
class Cost:
    """`parts` suboperations of `part_ps` picoseconds each.

    A CPU runs the parts side by side on its intra-op threads; a GPU runs them as one. `launch_ps` is what the host
    takes to launch the operation on a GPU; None stands for the launch overhead of the GPU's model. `card_share` is the
    part of a card that the operation keeps busy: as long as those of all that run there make up 1 at most, slices of
    the card do not slow each other down. It is more than 0; 1 stands for operations that can use all of a card.
    """

    part_ps: int
    parts: int = 1
    launch_ps: int | None = None
    card_share: float = 1.0

    def __post_init__(self) -> None:
        if type(self.part_ps) is not int or type(self.parts) is not int or self.part_ps < 0 or self.parts < 1:
            raise InvalidValue(f"{self} is no cost; part_ps must be an int of 0 or more, and parts one of 1 or more")
        if self.launch_ps is not None and not _is_time(self.launch_ps):
            raise InvalidValue(f"{self} is no cost; launch_ps must be None or an int of 0 or more")
        if type(self.card_share) not in (int, float) or not 0 < self.card_share <= 1:
            raise InvalidValue(f"{self} is no cost; card_share must be a number above 0, and 1 at most")

    @property
    def serial_ps(self) -> int:
        """Time of all parts, one after the other."""
        return self.part_ps * self.parts


@dataclass(frozen=True, slots=True)
class MoveCost:
    """What a transfer costs: host time to launch it, and the time that it takes when nothing else is on its way.

    `launch_ps` of 0 stands for no launch. `time_ps` is from the start to the last byte, latency and all; None, and less
    than what the links take, stand for what the links take.
    """

    launch_ps: int = 0
    time_ps: int | None = None

    def __post_init__(self) -> None:
        if not _is_time(self.launch_ps) or not (self.time_ps is None or _is_time(self.time_ps)):
            raise InvalidValue(f"{self} is no cost; launch_ps must be an int of 0 or more, and time_ps one or None")


def _is_time(given: object) -> bool:
    return type(given) is int and 0 <= given <= LARGEST


@runtime_checkable
class CostModel(Protocol):
    """Tells what an operation costs on a device."""

    def cost(self, operation: Operation, device: LogicalDevice) -> Cost:
        """Return the cost of one execution, without launch, transfers and waiting."""


@runtime_checkable
class MoveCostModel(Protocol):
    """What a cost model may be besides: one that tells what transfers cost, too."""

    def move(self, size_bytes: int, source: LogicalDevice | None, target: LogicalDevice | None) -> MoveCost:
        """Return the cost of one transfer. None stands for the caller's memory, which is the host's."""
