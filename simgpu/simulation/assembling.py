"""From a program, costs and a machine to the workload that an engine runs."""

from __future__ import annotations

from operator import index
from typing import SupportsIndex

import numpy as np

from simgpu.costs import Cost, Given
from simgpu.errors import GraphError
from simgpu.graph import Operation
from simgpu.machine import Machine
from simgpu.program import CALLER, KINDS, Program, TaskKind, launching_gpus
from simgpu.simulation.capping import rate_cap
from simgpu.simulation.disciplines import Discipline
from simgpu.simulation.hardware import Hardware
from simgpu.simulation.options import SimulationOptions
from simgpu.simulation.workload import COMPUTE, DELAY, MOVE, NONE, OF_A_TASK, Workload
from simgpu.units import LARGEST, PS_PER_S

_DEFAULTS = {
    **dict.fromkeys(OF_A_TASK, 0),
    **{"parts": 1, "out_gate": NONE, "in_gate": NONE, "launcher": NONE},
}


class Assembly:
    """Makes a workload whose tasks have the numbers of the program's."""

    def __init__(
        self,
        program: Program,
        costs: Given,
        hardware: Hardware,
        discipline: Discipline,
        options: SimulationOptions,
    ) -> None:
        self.program = program
        self.costs = costs
        self.hardware = hardware
        self.discipline = discipline
        self.options = options
        self.columns = {name: np.full(len(program.tasks), default, np.int64) for name, default in _DEFAULTS.items()}

    def workload(self) -> Workload:
        """Make it. Raises GraphError for an attribute that cannot be meant."""
        tasks, followers = self.program.tasks, self.program.followers
        rows = zip(tasks.kind, tasks.subject, tasks.source, tasks.device, launching_gpus(self.program), strict=True)
        for task, (kind, subject, source, device, launching_gpu) in enumerate(rows):
            if KINDS[kind] is TaskKind.COMPUTE:
                row = self._compute(Operation(tasks.graph, subject), device)
            else:
                row = self._move(KINDS[kind], subject, (source, device), int(launching_gpu))
            for name, value in row.items():
                if value != _DEFAULTS[name]:
                    self.columns[name][task] = value
        return Workload(
            resources=self.hardware.resources(),
            **self.columns,
            follower_starts=np.array(followers.starts, np.int64),
            followers=np.array(followers.values, np.int64),
        )

    def _compute(self, operation: Operation, device: int) -> dict[str, int]:
        machine = self.hardware.machine
        cost, launch_ps = self.costs.cost(operation, machine.devices[device]), 0
        if machine.devices[device].kind == "GPU":
            launch_ps = machine.model(device).launch_overhead_ps if cost.launch_ps is None else cost.launch_ps
            cost = Cost(cost.serial_ps, card_share=cost.card_share)
        if cost.serial_ps > LARGEST:
            raise GraphError(f"operation {operation.name!r} takes {cost.serial_ps} ps, which is more than 2**63 - 1")
        row = {
            "kind": COMPUTE,
            "amount": cost.part_ps,
            "where": self.hardware.queue(device, self._stream(operation, device)),
            "parts": cost.parts,
            "rank": _rank(operation, self.discipline(operation, cost.serial_ps)),
            "release_ps": _number(operation, "release_ps"),
            "launcher": self.hardware.launcher(device) if launch_ps else NONE,
            "launch_ps": launch_ps,
        }
        if cost.card_share < 1 and self.hardware.shares_its_card(device):
            row["rate_cap"] = max(1, round(cost.card_share * PS_PER_S))
            row["amount"] = -(-cost.part_ps * row["rate_cap"] // PS_PER_S)
        return row

    def _move(self, kind: TaskKind, tensor: int, ends: tuple[int, int], launching_gpu: int) -> dict[str, int]:
        graph, machine = self.program.placement.graph, self.hardware.machine
        source, target = _places(machine, *ends)
        size_bytes = graph.tensor_spec(tensor).nbytes
        given = (None if end == CALLER else machine.devices[end] for end in ends)
        cost, route = self.costs.move(size_bytes, *given), self.hardware.route(source, target)
        row = {"kind": MOVE, "amount": size_bytes, "where": route}
        if route != NONE and cost.time_ps is not None:
            row["rate_cap"] = rate_cap(size_bytes, cost.time_ps, (source, target), machine, self.options.links)
        elif cost.time_ps:  # within one memory, where links take no time
            row |= {"kind": DELAY, "amount": cost.time_ps}
        if cost.launch_ps and launching_gpu != NONE:
            row |= {"launcher": self.hardware.launcher(launching_gpu), "launch_ps": cost.launch_ps}
        row["out_gate"], row["in_gate"] = self.hardware.gates(source, target)
        if kind is TaskKind.FEED:
            row["release_ps"] = _number(graph.operation(graph.producer(tensor)), "release_ps")
        return row

    def _stream(self, operation: Operation, device: int) -> int:
        stream = _number(operation, "stream")
        if stream >= self.options.streams and self.hardware.machine.devices[device].kind == "GPU":
            raise GraphError(
                f"operation {operation.name!r} is for stream {stream}, and each GPU has {self.options.streams}; "
                f"simulate with streams={stream + 1}"
            )
        return stream


def _places(machine: Machine, source: int, target: int) -> tuple[int, int]:
    """Return from where to where a tensor moves. What the caller holds lies in the host of the other end."""
    return (
        machine.host_device(target) if source == CALLER else source,
        machine.host_device(source) if target == CALLER else target,
    )


def _number(operation: Operation, attribute: str) -> int:
    given = operation.attributes.get(attribute, 0)
    if type(given) is not int or given < 0:
        raise GraphError(f"operation {operation.name!r} has {attribute} {given!r}; it must be an int of 0 or more")
    if given > LARGEST:
        raise GraphError(f"operation {operation.name!r} has {attribute} {given}, which is more than 2**63 - 1")
    return given


def _rank(operation: Operation, given: object) -> int:
    if type(given) is int:  # to ask whether it is a SupportsIndex takes long
        rank: int | None = given
    else:
        rank = index(given) if isinstance(given, SupportsIndex) else None
    if rank is None or abs(rank) > LARGEST:
        raise GraphError(f"operation {operation.name!r} has the rank {given!r}; a discipline gives an int of 64 bits")
    return rank
