"""A placed graph made ready to run: tasks, what each waits for, and the buffers that each reads and writes.

Both engines run a `Program`, so both add the same transfers and hold the same tensors for the same time; they decide
only when. The parts: an operation becomes a compute task; a tensor that is needed in another memory becomes one
transfer task per (tensor, destination), however many consumers wait there (TensorFlow's Send/Recv pair); what the
caller feeds and fetches is moved from and to the caller's memory, which no ledger counts. Variables are resident:
granted before the first task, in the order of the graph, and held to the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from simgpu.machine import Machine
from simgpu.placement import Placement

CALLER = -1
"""The place of what the caller holds: feeds before a run, results after it."""


class TaskKind(Enum):
    """What a task does. All but COMPUTE move one tensor: into a device, between two memories, or out to the caller."""

    COMPUTE = "compute"
    FEED = "feed"
    TRANSFER = "transfer"
    FETCH = "fetch"


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


@dataclass(frozen=True, slots=True)
class Program:
    """Tasks in the order of the graph's operations, each after the transfers that feed it, and their buffers.

    `followers[t]` are the tasks that wait for task t; `reader_counts[b]` tasks read buffer b. `residents` are the
    buffers of variables. `fetch_tasks[i]` brings the i-th fetched tensor to the caller.
    """

    placement: Placement
    tasks: Sequence[Task]
    followers: Sequence[Sequence[int]]
    buffers: Sequence[Buffer]
    reader_counts: Sequence[int]
    residents: tuple[int, ...]
    fetch_tasks: tuple[int, ...]


def launching_gpu(task: Task, machine: Machine) -> int | None:
    """Return the GPU for which a host would launch a task: where it computes or arrives, or else where it leaves."""
    for device in (task.device, task.source):
        if device != CALLER and machine.devices[device].kind == "GPU":
            return device
    return None
