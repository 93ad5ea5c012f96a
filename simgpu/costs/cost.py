"""How long an operation takes on a device: the form of an answer, and of those who give it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from simgpu.graph import Operation
from simgpu.machine import LogicalDevice


@dataclass(frozen=True, slots=True)
class Cost:
    """`parts` suboperations of `part_ps` picoseconds each.

    A CPU runs the parts side by side on its intra-op threads; a GPU runs them as one.
    """

    part_ps: int
    parts: int = 1

    @property
    def serial_ps(self) -> int:
        """Time of all parts, one after the other."""
        return self.part_ps * self.parts


class CostModel(Protocol):
    """Tells what an operation costs on a device."""

    def cost(self, operation: Operation, device: LogicalDevice) -> Cost:
        """Return the cost of one execution, without launch, transfers and waiting."""
