"""Whose spans they are: the tasks of the program behind a trace, and what had to come before what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from simgpu.errors import InvalidValue, check_type
from simgpu.machine import Machine
from simgpu.metrics.columns import NONE, Columns, Ints, column
from simgpu.metrics.latest import Edges
from simgpu.placement import Placement
from simgpu.program import Program, TaskKind, lower
from simgpu.trace import Trace


@dataclass(frozen=True, slots=True, eq=False)
class TaskSpans:
    """The task of each span, and the spans of each task: of its work, and of its launch. NONE where it has none."""

    program: Program
    task: Ints
    work: Ints
    launch: Ints

    def dependencies(self, columns: Columns) -> Edges:
        """Return who had to wait for whom by the program.

        A launch had to wait for what its operation waits for: until it was launched if it is on the same GPU and the
        host may run ahead, else until it had finished. It may if it ever did.
        """
        before, after = _pairs(self.program)
        device = np.array([task.device for task in self.program.tasks], np.int64)
        together = (self.launch[before] != NONE) & (self.launch[after] != NONE) & (device[before] == device[after])
        start_ps, end_ps = columns.start_ps[self.launch[after]], columns.end_ps[self.work[before]]
        has_both = together & (self.work[before] != NONE)
        runs_ahead = bool(np.any(start_ps[has_both] < end_ps[has_both]))
        launched_after = np.where(together & runs_ahead, self.launch[before], self.work[before])
        return _edges(
            np.concatenate([self.work[before], launched_after, self.launch]),
            np.concatenate([self.work[after], self.launch[after], self.work]),
        )


def task_spans(trace: Trace, placement: Placement, columns: Columns) -> TaskSpans:
    """Find whose spans they are. Raises InvalidValue if the trace is not one of the placement."""
    program = lower(placement)
    is_launch = columns.are("launch")
    finished = finished_tasks(trace)
    if len(finished) != np.count_nonzero(~is_launch) or finished.max(initial=NONE) >= len(program.tasks):
        raise InvalidValue("the trace has not one span for each task that finished; give it as an engine made it")
    computed = {task.name: number for number, task in enumerate(program.tasks) if task.kind is TaskKind.COMPUTE}
    launched = np.array([computed.get(name, NONE) for name in columns.names], np.int64)
    task = np.empty(len(columns), np.int64)
    task[~is_launch], task[is_launch] = finished, launched[columns.name[is_launch]]
    work, launch = np.full((2, len(program.tasks)), NONE, np.int64)
    work[finished], launch[task[is_launch]] = np.flatnonzero(~is_launch), np.flatnonzero(is_launch)
    return TaskSpans(program, task, work, launch)


def placement_of(trace: Trace, placement: Placement, machine: Machine | None) -> Placement:
    """Return the placement on the machine that a trace is about. Raises InvalidValue if it is not the trace's."""
    check_type(placement, Placement, "placement", "a Placement; give what `place` returns")
    check_type(machine, Machine | None, "machine", "a Machine; make one: Machine('2 x t4')")
    if machine is not None:
        placement = replace(placement, machine=machine)
    devices = [device.name for device in placement.machine.devices]
    decided = list(zip(placement.graph.data.names, (devices[it] for it in placement.devices), strict=True))
    if [device.name for device in trace.devices] != devices or [it[:2] for it in trace.decisions] != decided:
        raise InvalidValue("the trace is of another graph, placement or machine; give those that were run")
    return placement


def finished_tasks(trace: Trace) -> Ints:
    """Return the tasks that finished, in that order: the order of the spans other than launches."""
    task: Ints = column(trace.actions, 0)[column(trace.actions, 1) == 1]
    return task


def _pairs(program: Program) -> tuple[Ints, Ints]:
    counts = np.fromiter(map(len, program.followers), np.int64, len(program.followers))
    return np.repeat(np.arange(len(counts)), counts), np.fromiter(chain.from_iterable(program.followers), np.int64)


def _edges(before: Ints, after: Ints) -> Edges:
    """Return the edges between spans that are there."""
    are_there = (before != NONE) & (after != NONE)
    return Edges(before[are_there], after[are_there], np.zeros(np.count_nonzero(are_there), np.int64))
