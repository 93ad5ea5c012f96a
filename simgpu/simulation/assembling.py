"""From a program, costs and a machine to the workload that an engine runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import index
from typing import SupportsIndex

import numpy as np

from simgpu.costs import Cost, Given
from simgpu.errors import GraphError
from simgpu.graph import Operation
from simgpu.program import CALLER, Program, Task, TaskKind, launching_gpu
from simgpu.simulation.capping import rate_cap
from simgpu.simulation.disciplines import Discipline
from simgpu.simulation.hardware import Hardware
from simgpu.simulation.options import SimulationOptions
from simgpu.simulation.workload import COMPUTE, DELAY, MOVE, NONE, OF_A_TASK, Ints, Workload, follower_arrays
from simgpu.units import LARGEST

_DEFAULTS = {
    **dict.fromkeys(OF_A_TASK, 0),
    **{"parts": 1, "out_gate": NONE, "in_gate": NONE, "launcher": NONE},
}


@dataclass(slots=True)
class _Columns:
    """The columns of a workload in the making."""

    kind: list[int] = field(default_factory=list)
    amount: list[int] = field(default_factory=list)
    where: list[int] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    rank: list[int] = field(default_factory=list)
    release_ps: list[int] = field(default_factory=list)
    rate_cap: list[int] = field(default_factory=list)
    out_gate: list[int] = field(default_factory=list)
    in_gate: list[int] = field(default_factory=list)
    launcher: list[int] = field(default_factory=list)
    launch_ps: list[int] = field(default_factory=list)


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
        self.columns = _Columns()

    def workload(self) -> Workload:
        """Make it. Raises GraphError for an attribute that cannot be meant."""
        program, columns = self.program, self.columns
        for task in program.tasks:
            if task.kind is TaskKind.COMPUTE:
                self._compute(task)
            else:
                self._move(task)
        before = [task for task, followers in enumerate(program.followers) for _ in followers]
        after = [follower for followers in program.followers for follower in followers]
        starts, followers = follower_arrays(len(program.tasks), _ints(before), _ints(after))
        return Workload(
            resources=self.hardware.resources(),
            **{name: _ints(getattr(columns, name)) for name in OF_A_TASK},
            follower_starts=starts,
            followers=followers,
        )

    def _compute(self, task: Task) -> None:
        machine = self.hardware.machine
        operation = self.program.placement.graph.operation(task.subject)
        cost, launch_ps = self.costs.cost(operation, machine.devices[task.device]), 0
        if machine.devices[task.device].kind == "GPU":
            model = machine.model(task.device)
            launch_ps = model.launch_overhead_ps if cost.launch_ps is None else cost.launch_ps
            cost = Cost(cost.serial_ps)
        if cost.serial_ps > LARGEST:
            raise GraphError(f"operation {operation.name!r} takes {cost.serial_ps} ps, which is more than 2**63 - 1")
        self._add(
            kind=COMPUTE,
            amount=cost.part_ps,
            where=self.hardware.queue(task.device, self._stream(operation, task.device)),
            parts=cost.parts,
            rank=_rank(operation, self.discipline(operation, cost.serial_ps)),
            release_ps=_number(operation, "release_ps"),
            launcher=self.hardware.launcher(task.device) if launch_ps else NONE,
            launch_ps=launch_ps,
        )

    def _move(self, task: Task) -> None:
        graph, machine = self.program.placement.graph, self.hardware.machine
        source, target = ends(self.hardware, task)
        size_bytes = graph.tensor_spec(task.subject).nbytes
        given = (None if end == CALLER else machine.devices[end] for end in (task.source, task.device))
        cost, route = self.costs.move(size_bytes, *given), self.hardware.route(source, target)
        row = {"kind": MOVE, "amount": size_bytes, "where": route}
        if route != NONE and cost.time_ps is not None:
            row["rate_cap"] = rate_cap(size_bytes, cost.time_ps, (source, target), machine, self.options.links)
        elif cost.time_ps:  # within one memory, where links take no time
            row |= {"kind": DELAY, "amount": cost.time_ps}
        launcher = self.hardware.launcher(launching_gpu(task, machine))
        if cost.launch_ps and launcher != NONE:
            row |= {"launcher": launcher, "launch_ps": cost.launch_ps}
        row["out_gate"], row["in_gate"] = self.hardware.gates(source, target)
        if task.kind is TaskKind.FEED:
            row["release_ps"] = _number(graph.operation(graph.producer(task.subject)), "release_ps")
        self._add(**row)

    def _add(self, **row: int) -> None:
        for name in OF_A_TASK:
            getattr(self.columns, name).append(row.get(name, _DEFAULTS[name]))

    def _stream(self, operation: Operation, device: int) -> int:
        stream = _number(operation, "stream")
        if stream >= self.options.streams and self.hardware.machine.devices[device].kind == "GPU":
            raise GraphError(
                f"operation {operation.name!r} is for stream {stream}, and each GPU has {self.options.streams}; "
                f"simulate with streams={stream + 1}"
            )
        return stream


def ends(hardware: Hardware, task: Task) -> tuple[int, int]:
    """Return from where to where a tensor moves. What the caller holds lies in the host of the other end."""
    machine = hardware.machine
    source = machine.host_device(task.device) if task.source == CALLER else task.source
    target = machine.host_device(task.source) if task.device == CALLER else task.device
    return source, target


def _number(operation: Operation, attribute: str) -> int:
    given = operation.attributes.get(attribute, 0)
    if type(given) is not int or given < 0:
        raise GraphError(f"operation {operation.name!r} has {attribute} {given!r}; it must be an int of 0 or more")
    if given > LARGEST:
        raise GraphError(f"operation {operation.name!r} has {attribute} {given}, which is more than 2**63 - 1")
    return given


def _rank(operation: Operation, given: object) -> int:
    rank = index(given) if isinstance(given, SupportsIndex) else None
    if rank is None or abs(rank) > LARGEST:
        raise GraphError(f"operation {operation.name!r} has the rank {given!r}; a discipline gives an int of 64 bits")
    return rank


def _ints(values: list[int]) -> Ints:
    return np.array(values, np.int64)
