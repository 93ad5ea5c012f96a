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

    A CPU runs the parts side by side on its intra-op threads; a GPU runs them as one.
    """

    part_ps: int
    parts: int = 1

    def __post_init__(self) -> None:
        if type(self.part_ps) is not int or type(self.parts) is not int or self.part_ps < 0 or self.parts < 1:
            raise InvalidValue(f"{self} is no cost; part_ps must be an int of 0 or more, and parts one of 1 or more")

    @property
    def serial_ps(self) -> int:
        """Time of all parts, one after the other."""
        return self.part_ps * self.parts


@runtime_checkable
class CostModel(Protocol):
    """Tells what an operation costs on a device."""

    def cost(self, operation: Operation, device: LogicalDevice) -> Cost:
        """Return the cost of one execution, without launch, transfers and waiting."""
