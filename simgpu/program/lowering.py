"""From a placement to a program: which tensors must move, who waits for whom, who reads what.

All operations at once, as arrays. Tensors in memories are numbered in the order in which operations, one after the
other, name them: each input where it is made and then, on another device, where it is read; then the outputs.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simgpu.errors import GraphError
from simgpu.graph import BACK_EDGE_SOURCE, Graph, Operation, Rows
from simgpu.placement import Placement
from simgpu.program.program import CALLER, KINDS, Buffers, Program, Tasks

Ints = NDArray[Any]
"""Numbers of things, mostly of 32 bits: there are many arrays of them at a time."""

_COMPUTE, _FEED, _TRANSFER, _FETCH = range(len(KINDS))
_NONE = -1

Pairs = tuple[Ints, Ints]
"""Rows and values: entry for entry, that a row has a value."""


def lower(placement: Placement) -> Program:
    """Make the program of a placed graph. Raises GraphError if the graph has a loop, which no engine runs."""
    _refuse_what_cannot_run(placement.graph)
    return _Lowering(placement).program()


def _refuse_what_cannot_run(graph: Graph) -> None:
    for index, type in enumerate(graph.data.types):
        if type in (BACK_EDGE_SOURCE, "Variable", "Input"):
            _check(graph.operation(index))


def _check(operation: Operation) -> None:
    if operation.type == BACK_EDGE_SOURCE:
        raise GraphError(f"operation {operation.name!r} closes a loop; loops can be placed, but not run")
    if operation.type == "Variable" and operation.control_inputs:
        raise GraphError(
            f"variable {operation.name!r} has control inputs; variables are there before the first operation "
            "runs, so let the operations that read it wait instead"
        )
    if operation.type == "Input" and len(operation.outputs) != 1:
        raise GraphError(f"input {operation.name!r} has {len(operation.outputs)} outputs; an Input has exactly one")


class _Reads:
    """What operations that compute read, in order: for each read who, which tensor, and in whose memory."""

    def __init__(self, placement: Placement, is_computed: NDArray[np.bool_], host_of: Ints, on_host: bytearray) -> None:
        inputs = placement.graph.data.inputs
        self.operation = np.repeat(np.arange(len(inputs), dtype=np.int32), np.diff(inputs.starts))
        device = np.array(placement.devices, np.int32)[self.operation]
        device = np.where(on_host, host_of[device], device)
        is_meant = is_computed[self.operation]
        self.operation, self.device = self.operation[is_meant], device[is_meant]
        self.tensor = np.array(inputs.values)[is_meant]


class _Lowering:
    """Operations, their reads, their outputs and the transfers, each with one entry in the arrays that are its own."""

    def __init__(self, placement: Placement) -> None:
        self.placement, self.graph = placement, placement.graph
        data, machine = self.graph.data, placement.machine
        host_of = np.array([machine.host_device(device) for device in range(len(machine.devices))], np.int32)
        reads_on_host, outputs_on_host = _on_host(placement)
        self.has_task = _are_not(data.types, "Variable")
        self.is_computed = self.has_task & _are_not(data.types, "Input")
        self.device = np.array(placement.devices, np.int32)
        self.producer = np.array(data.producers)
        self.home = np.where(outputs_on_host, host_of[self.device[self.producer]], self.device[self.producer])
        self.reads = _Reads(placement, self.is_computed, host_of, reads_on_host)
        self._number_buffers()
        self._number_tasks()

    def _number_buffers(self) -> None:
        """Give all (tensor, device) numbers, and find the reads that name a copy first: each makes a transfer."""
        reads, tensors = self.reads, len(self.producer)
        named_at = 2 * np.arange(len(reads.tensor)) + np.array(self.graph.data.first_tensor)[reads.operation]
        reads_until = np.searchsorted(reads.operation, self.producer, side="right")
        home_named_at = 2 * reads_until + np.arange(tensors)
        np.minimum.at(home_named_at, reads.tensor, named_at)  # by those that come before what they read
        of_copy = np.flatnonzero(reads.device != self.home[reads.tensor])
        devices = len(self.placement.machine.devices)
        first, copy = _numbered(_keys(reads.tensor[of_copy], reads.device[of_copy], devices))
        self.moving_read = of_copy[first]
        in_order = np.argsort(np.append(home_named_at, named_at[self.moving_read] + 1))
        self.buffer_tensor = np.append(np.arange(tensors, dtype=np.int32), reads.tensor[self.moving_read])[in_order]
        self.buffer_device = np.append(self.home, reads.device[self.moving_read])[in_order]
        number = np.empty(len(in_order), np.int32)
        number[in_order] = np.arange(len(in_order))
        self.home_buffer, self.moved_buffer = np.split(number, [tensors])
        self.read_buffer = self.home_buffer[reads.tensor]
        self.read_buffer[of_copy] = self.moved_buffer[copy]

    def _number_tasks(self) -> None:
        """Give numbers to an operation's transfers, to its own task, then to those of the next; to fetches last."""
        operation = self.reads.operation[self.moving_read]
        moves = np.bincount(operation, minlength=len(self.graph)).cumsum()
        own = self.has_task.cumsum()
        self.own_task = np.where(self.has_task, moves + own - 1, _NONE).astype(np.int32)
        self.transfer_task = (np.arange(len(operation)) + (own - self.has_task)[operation]).astype(np.int32)
        self.fetched = np.array(list(dict.fromkeys(self.graph.fetches)), np.int32)
        unfetched = len(operation) + int(np.count_nonzero(self.has_task))
        self.count = unfetched + len(self.fetched)
        self.fetch_task = np.arange(unfetched, self.count, dtype=np.int32)

    def program(self) -> Program:
        """Make the program of all that has a number now."""
        reads, writes = self._task_reads(), self._task_writes()
        waits = self._waits(reads, writes)
        fetch_task_of = dict(zip(self.fetched.tolist(), self.fetch_task.tolist(), strict=True))
        return Program(
            placement=self.placement,
            tasks=self._tasks(reads, writes, waits),
            followers=_rows(*waits[::-1], self.count),
            buffers=self._buffers(),
            reader_counts=np.bincount(_distinct(*reads)[1], minlength=len(self.buffer_tensor)).tolist(),
            residents=tuple(self.home_buffer[~self.has_task[self.producer]].tolist()),
            fetch_tasks=tuple(fetch_task_of[tensor] for tensor in self.graph.fetches),
        )

    def _tasks(self, reads: Pairs, writes: Pairs, waits: Pairs) -> Tasks:
        moving, none = self.moving_read, np.full(len(self.fetched), CALLER, np.int32)
        tensor, to = self.reads.tensor[moving], self.reads.device[moving]
        operation = np.flatnonzero(self.has_task)
        subject, device, is_fed = operation.copy(), self.device[operation], ~self.is_computed[operation]
        subject[is_fed] = np.array(self.graph.data.first_tensor)[operation[is_fed]]
        device[is_fed] = self.home[subject[is_fed]]
        kind = np.where(is_fed, _FEED, _COMPUTE)
        in_order = np.argsort(np.concatenate([self.own_task[operation], self.transfer_task, self.fetch_task]))

        def column(type: str, *parts: Ints) -> array[int]:
            return _column(type, np.concatenate(parts)[in_order])

        return Tasks(
            graph=self.graph,
            kind=column("b", kind, np.full(len(moving), _TRANSFER), np.full(len(none), _FETCH)),
            subject=column("i", subject, tensor, self.fetched),
            device=column("i", device, to, none),
            source=column("i", np.full(len(operation), CALLER), self.home[tensor], self.home[self.fetched]),
            reads=_rows(*reads, self.count),
            writes=_rows(*writes, self.count),
            waits_for=_rows(*waits, self.count),
        )

    def _buffers(self) -> Buffers:
        specs = self.graph.data.specs
        sizes = np.fromiter((spec.nbytes for spec in specs), np.int64, len(specs))
        return Buffers(
            graph=self.graph,
            tensor=_column("i", self.buffer_tensor),
            device=_column("i", self.buffer_device),
            size_bytes=_column("q", sizes[self.buffer_tensor]),
        )

    def _task_reads(self) -> Pairs:
        """Return who reads which buffer, as tasks and buffers."""
        moved = self.reads.tensor[self.moving_read]
        return (
            np.concatenate([self.own_task[self.reads.operation], self.transfer_task, self.fetch_task]),
            np.concatenate([self.read_buffer, self.home_buffer[moved], self.home_buffer[self.fetched]]),
        )

    def _task_writes(self) -> Pairs:
        is_written = self.has_task[self.producer]
        return (
            np.concatenate([self.own_task[self.producer[is_written]], self.transfer_task]),
            np.concatenate([self.home_buffer[is_written], self.moved_buffer]),
        )

    def _waits(self, reads: Pairs, writes: Pairs) -> Pairs:
        """Return who waits for whom, each once: for those that write what a task reads, then for its control inputs."""
        writer = np.full(len(self.buffer_tensor), _NONE, np.int32)
        writer[writes[1]] = writes[0]
        controls = self.graph.data.control_inputs
        controlled = np.repeat(np.arange(len(controls), dtype=np.int32), np.diff(controls.starts))
        after = np.concatenate([reads[0], self.own_task[controlled]])
        before = np.concatenate([writer[reads[1]], self.own_task[np.array(controls.values)]])
        is_there = before != _NONE
        after, before = _distinct(after[is_there], before[is_there])
        in_order = np.argsort(after, kind="stable")
        return after[in_order], before[in_order]


def _are_not(types: Sequence[str], one: str) -> NDArray[np.bool_]:
    return np.fromiter((type != one for type in types), bool, len(types))


def _on_host(placement: Placement) -> tuple[bytearray, bytearray]:
    """Tell for each input of operations, and for each output, whether a kernel has it in the memory of the host."""
    inputs, outputs = bytearray(), bytearray()
    for index in range(len(placement.graph)):
        kernel = placement.kernel(index)
        inputs += bytes(kernel.host_inputs)
        outputs += bytes(kernel.host_outputs)
    return inputs, outputs


def _keys(rows: Ints, values: Ints, count: int) -> NDArray[np.int64]:
    """Return a number for each pair, given how many different values there may be."""
    return rows.astype(np.int64) * count + values


def _numbered(keys: Ints) -> Pairs:
    """Give numbers to keys as they come first; return where each is first, and all numbers."""
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    number = np.empty(len(first), np.int32)
    number[np.argsort(first)] = np.arange(len(first))
    return np.sort(first), number[place]


def _distinct(rows: Ints, values: Ints) -> Pairs:
    """Return pairs without those that were there before."""
    keys = _keys(rows, values, int(values.max(initial=0)) + 1)
    first = np.sort(np.unique(keys, return_index=True)[1])
    return rows[first], values[first]


def _rows(rows: Ints, values: Ints, count: int) -> Rows:
    """Return the values of each row, in the order in which they are given."""
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=count), out=starts[1:])
    return Rows(_column("i", starts), _column("i", values[np.argsort(rows, kind="stable")]))


def _column(type: str, values: Ints) -> array[int]:
    return array(type, values.astype(type).tobytes())
