"""From a program, costs and a machine to the workload that an engine runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import index
from typing import SupportsIndex

import numpy as np

from simgpu.costs import Cost, CostModel
from simgpu.errors import GraphError
from simgpu.graph import Operation
from simgpu.program import CALLER, Program, Task, TaskKind
from simgpu.simulation.disciplines import Discipline
from simgpu.simulation.hardware import Hardware
from simgpu.simulation.workload import COMPUTE, MOVE, NONE, Ints, Workload, follower_arrays
from simgpu.units import LARGEST

_WHOLE = "0 or more"


@dataclass(slots=True)
class _Columns:
    """The columns of a workload in the making."""

    kind: list[int] = field(default_factory=list)
    amount: list[int] = field(default_factory=list)
    where: list[int] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    rank: list[int] = field(default_factory=list)
    release_ps: list[int] = field(default_factory=list)
    out_gate: list[int] = field(default_factory=list)
    in_gate: list[int] = field(default_factory=list)


class Assembly:
    """Makes a workload whose tasks have the numbers of the program's."""

    def __init__(self, program: Program, costs: CostModel, hardware: Hardware, discipline: Discipline, streams: int):
        self.program = program
        self.costs = costs
        self.hardware = hardware
        self.discipline = discipline
        self.streams = streams
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
            kind=_ints(columns.kind),
            amount=_ints(columns.amount),
            where=_ints(columns.where),
            parts=_ints(columns.parts),
            rank=_ints(columns.rank),
            release_ps=_ints(columns.release_ps),
            rate_cap=np.zeros(len(program.tasks), np.int64),
            out_gate=_ints(columns.out_gate),
            in_gate=_ints(columns.in_gate),
            follower_starts=starts,
            followers=followers,
        )

    def _compute(self, task: Task) -> None:
        machine = self.hardware.machine
        operation = self.program.placement.graph.operation(task.subject)
        cost = self.costs.cost(operation, machine.devices[task.device])
        if machine.devices[task.device].kind == "GPU":
            cost = Cost(cost.serial_ps)
        queue = self.hardware.queue(task.device, self._stream(operation, task.device))
        if cost.serial_ps > LARGEST:
            raise GraphError(f"operation {operation.name!r} takes {cost.serial_ps} ps, which is more than 2**63 - 1")
        rank = _rank(operation, self.discipline(operation, cost.serial_ps))
        self._add(COMPUTE, cost.part_ps, queue, cost.parts, rank, _number(operation, "release_ps"), (NONE, NONE))

    def _move(self, task: Task) -> None:
        graph = self.program.placement.graph
        source, target = ends(self.hardware, task)
        release_ps = 0 if task.kind is not TaskKind.FEED else _number(
            graph.operation(graph.producer(task.subject)), "release_ps"
        )  # fmt: skip
        size_bytes = graph.tensor_spec(task.subject).nbytes
        gates = self.hardware.gates(source, target)
        self._add(MOVE, size_bytes, self.hardware.route(source, target), 1, 0, release_ps, gates)

    def _add(
        self, kind: int, amount: int, where: int, parts: int, rank: int, release_ps: int, gates: tuple[int, int]
    ) -> None:
        columns = self.columns
        columns.kind.append(kind)
        columns.amount.append(amount)
        columns.where.append(where)
        columns.parts.append(parts)
        columns.rank.append(rank)
        columns.release_ps.append(release_ps)
        columns.out_gate.append(gates[0])
        columns.in_gate.append(gates[1])

    def _stream(self, operation: Operation, device: int) -> int:
        stream = _number(operation, "stream")
        if stream >= self.streams and self.hardware.machine.devices[device].kind == "GPU":
            raise GraphError(
                f"operation {operation.name!r} is for stream {stream}, and each GPU has {self.streams}; "
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
