"""A placed graph made ready to run: tasks, what each waits for, and the buffers that each reads and writes.

Both engines run a `Program`, so both add the same transfers and hold the same tensors for the same time; they decide
only when. The parts: an operation becomes a compute task; a tensor that is needed in another memory becomes one
transfer task per (tensor, destination), however many consumers wait there (TensorFlow's Send/Recv pair); what the
caller feeds and fetches is moved from and to the caller's memory, which no ledger counts. Variables are resident:
granted before the first task, in the order of the graph, and held to the end.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from simgpu.graph import Graph, MadeOnDemand, Rows
from simgpu.placement import Placement

CALLER = -1
"""The place of what the caller holds: feeds before a run, results after it."""


class TaskKind(Enum):
    """What a task does. All but COMPUTE move one tensor: into a device, between two memories, or out to the caller."""

    COMPUTE = "compute"
    FEED = "feed"
    TRANSFER = "transfer"
    FETCH = "fetch"


KINDS = tuple(TaskKind)
"""Kinds by their numbers in the columns of a program."""


@dataclass(frozen=True, slots=True)
class Task:
    """One unit of work. Devices are numbers of the machine's logical devices, buffers numbers of the program's.

    `subject` is the operation computed, or the tensor moved. `device` is where a COMPUTE runs and where a FEED or
    TRANSFER arrives; `source` is where a TRANSFER or FETCH comes from. Either may be CALLER.
    """

    kind: TaskKind
    name: str
    subject: int
    device: int
    source: int
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    waits_for: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Buffer:
    """A tensor in the memory of one device. `owner` names it in the ledger; copies carry the same name."""

    tensor: int
    device: int
    size_bytes: int
    owner: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tasks(MadeOnDemand[Task]):
    """The tasks of a program, as columns: `tasks.device[t]` is `tasks[t].device`. `kind` has places in `KINDS`."""

    graph: Graph
    kind: array[int]
    subject: array[int]
    device: array[int]
    source: array[int]
    reads: Rows
    writes: Rows
    waits_for: Rows

    def __len__(self) -> int:
        return len(self.kind)

    def kind_of(self, task: int) -> TaskKind:
        """Return what a task does."""
        return KINDS[self.kind[task]]

    def name(self, task: int) -> str:
        """Return the name of the operation computed, or of the tensor moved."""
        if self.kind_of(task) is TaskKind.COMPUTE:
            return self.graph.data.names[self.subject[task]]
        return self.graph.tensor_name(self.subject[task])

    def are(self, kind: TaskKind) -> NDArray[np.bool_]:
        """Tell for each task whether it is of a kind."""
        found: NDArray[np.bool_] = np.asarray(self.kind) == KINDS.index(kind)
        return found

    def _made(self, place: int) -> Task:
        return Task(
            self.kind_of(place),
            self.name(place),
            self.subject[place],
            self.device[place],
            self.source[place],
            self.reads.row(place),
            self.writes.row(place),
            self.waits_for.row(place),
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Buffers(MadeOnDemand[Buffer]):
    """The buffers of a program, as columns: `buffers.device[b]` is `buffers[b].device`."""

    graph: Graph
    tensor: array[int]
    device: array[int]
    size_bytes: array[int]

    def __len__(self) -> int:
        return len(self.tensor)

    def owner(self, buffer: int) -> str:
        """Return the name of the tensor."""
        return self.graph.tensor_name(self.tensor[buffer])

    def _made(self, place: int) -> Buffer:
        return Buffer(self.tensor[place], self.device[place], self.size_bytes[place], self.owner(place))


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Tasks in the order of the graph's operations, each after the transfers that feed it, and their buffers.

    `followers[t]` are the tasks that wait for task t; `reader_counts[b]` tasks read buffer b. `residents` are the
    buffers of variables. `fetch_tasks[i]` brings the i-th fetched tensor to the caller. All is kept as columns of
    numbers, and each task and buffer made when it is asked for.
    """

    placement: Placement
    tasks: Tasks
    followers: Rows
    buffers: Buffers
    reader_counts: Sequence[int]
    residents: tuple[int, ...]
    fetch_tasks: tuple[int, ...]


def launching_gpus(program: Program) -> NDArray[np.int64]:
    """Return the GPU for which a host would launch each task: where it computes or arrives, or else where it leaves.

    -1 for none.
    """
    is_gpu = np.array([*(device.kind == "GPU" for device in program.placement.machine.devices), False])
    device, source = (np.array(ends, np.int64) for ends in (program.tasks.device, program.tasks.source))
    return np.where(is_gpu[device], device, np.where(is_gpu[source], source, -1))
