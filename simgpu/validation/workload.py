"""What is predicted and then run: a graph and the logical GPUs that it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simgpu.graph import Graph
from simgpu.machine import Machine
from simgpu.placement import Placement, place


@dataclass(frozen=True, slots=True)
class Workload:
    """A graph that can be built anew at any time, and the memory limit of each logical GPU that it is for.

    `build` is given the machine, and returns a graph whose operations request their devices. Workloads of one `family`
    are summed up together.
    """

    name: str
    family: str
    limits_bytes: tuple[int, ...]
    build: Callable[[Machine], Graph]

    def placed(self, machine: Machine) -> Placement:
        """Return the graph placed on a machine that has these limits; what has no GPU kernel goes to the CPU."""
        return place(self.build(machine), machine, soft=True)
