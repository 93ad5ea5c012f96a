"""How long an operation takes on a device: the form of an answer, and of those who give it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from simgpu.errors import InvalidValue
from simgpu.graph import Operation
from simgpu.machine import LogicalDevice


@dataclass(frozen=True, slots=True)
class Cost:
    """`parts` suboperations of `part_ps` picoseconds each.

    A CPU runs the parts side by side on its intra-op threads; a GPU runs them as one. `launch_ps` is what the host
    takes to launch the operation; None: the launch overhead of the device's model.
    """

    part_ps: int
    parts: int = 1
    launch_ps: int | None = None

    def __post_init__(self) -> None:
        if type(self.part_ps) is not int or type(self.parts) is not int or self.part_ps < 0 or self.parts < 1:
            raise InvalidValue(f"{self} is no cost; part_ps must be an int of 0 or more, and parts one of 1 or more")

    @property
    def serial_ps(self) -> int:
        """Time of all parts, one after the other."""
        return self.part_ps * self.parts


@dataclass(frozen=True, slots=True)
class MoveCost:
    """What a move between memories takes: `launch_ps` of the host, and `time_ps` when nothing else is on its way.

    None: what the links say.
    """

    launch_ps: int = 0
    time_ps: int | None = None


@runtime_checkable
class CostModel(Protocol):
    """Tells what an operation costs on a device."""

    def cost(self, operation: Operation, device: LogicalDevice) -> Cost:
        """Return the cost of one execution, without launch, transfers and waiting."""
