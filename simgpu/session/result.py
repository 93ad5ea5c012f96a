"""What came of a scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from simgpu.errors import OutOfDeviceMemory
from simgpu.graph import Graph
from simgpu.machine import Machine
from simgpu.placement import Placement
from simgpu.scenario import Scenario
from simgpu.trace import Agreement, Trace

Engine = Literal["both", "execute", "simulate"]


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a scenario. A trace is None if its engine did not run.

    If memory ran out in an engine, its shortage is the error, its trace ends there, and there are no outputs.
    `agreement` compares the engines if both ran, and the execution followed the simulation, as on the real clock.
    `outputs` are arrays by name; shapes on `shape` storage. `not_executed` says why there was no execution although one
    was asked for; empty if there is nothing to say.
    """

    scenario: Scenario
    graph: Graph
    placement: Placement
    predicted: Trace | None = None
    executed: Trace | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    predicted_shortage: OutOfDeviceMemory | None = None
    executed_shortage: OutOfDeviceMemory | None = None
    agreement: Agreement | None = None
    not_executed: str = ""

    @property
    def shortage(self) -> OutOfDeviceMemory | None:
        """The error if memory ran out in any engine; that of the execution if it did in both."""
        return self.executed_shortage or self.predicted_shortage

    @property
    def shortage_engine(self) -> Engine | None:
        """The engine in which memory ran out; None if it was enough."""
        if self.predicted_shortage and self.executed_shortage:
            return "both"
        if self.executed_shortage:
            return "execute"
        return "simulate" if self.predicted_shortage else None

    @property
    def simulated_machine(self) -> Machine:
        """The machine that the simulation is about: the scenario's own, unless it names another one for that."""
        return self.scenario.simulation.machine or self.placement.machine

    @property
    def is_success(self) -> bool:
        """True if nothing ran out of memory and the engines, if both ran, agree."""
        return self.shortage is None and (self.agreement is None or bool(self.agreement))
