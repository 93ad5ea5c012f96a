"""Whose spans they are: the tasks of the program behind a trace, and what had to come before what."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from simgpu.errors import InvalidValue, check_type
from simgpu.machine import Machine
from simgpu.metrics.columns import NONE, Columns, Ints, column
from simgpu.metrics.latest import Edges
from simgpu.placement import Placement
from simgpu.program import Program, launching_gpus, lower
from simgpu.trace import Trace


@dataclass(frozen=True, slots=True, eq=False)
class TaskSpans:
    """The task of each span, and the spans of each task: of its work, and of its launch. NONE where it has none.

    A tensor may move several times for one GPU; of these, what was launched first is taken for what started first.
    """

    program: Program
    task: Ints
    work: Ints
    launch: Ints

    def dependencies(self, columns: Columns) -> Edges:
        """Return who had to wait for whom by the program.

        A launch had to wait for what its task waits for: until it was launched if it has the same launcher and the host
        may run ahead, else until it had finished. It may if it ever did; for two GPUs of a host, which may share a
        launcher or not, likewise.
        """
        before, after = _pairs(self.program)
        gpu, machine = launching_gpus(self.program), self.program.placement.machine
        host = np.array([machine.physical(device).host for device in range(len(machine.devices))])[gpu]
        are_launched = (self.launch[before] != NONE) & (self.launch[after] != NONE)
        start_ps, end_ps = columns.start_ps[self.launch[after]], columns.end_ps[self.work[before]]
        was_ahead = are_launched & (self.work[before] != NONE) & (start_ps < end_ps)
        runs_ahead = np.zeros(len(before), bool)
        is_same = gpu[before] == gpu[after]
        for is_meant in (is_same, ~is_same & (host[before] == host[after])):
            runs_ahead |= is_meant & are_launched & bool(np.any(was_ahead & is_meant))
        launched_after = np.where(runs_ahead, self.launch[before], self.work[before])
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
    task = np.full(len(columns), NONE, np.int64)
    task[~is_launch] = finished
    for span, launched in _launched(program, columns, np.flatnonzero(is_launch), task):
        task[span] = launched
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


def _launched(program: Program, columns: Columns, launches: Ints, task: Ints) -> Iterator[tuple[int, int]]:
    """Yield each launch with its task: one of its name and GPU that has not started before the launch ended."""
    names, gpus = [device.name for device in program.placement.machine.devices], launching_gpus(program).tolist()
    works = np.flatnonzero(task != NONE)
    works = works[np.argsort(columns.start_ps[works], kind="stable")]
    starts = dict(zip(task[works].tolist(), columns.start_ps[works].tolist(), strict=True))
    others = (number for number in range(len(program.tasks)) if number not in starts)
    waiting: dict[tuple[str, str], deque[int]] = {}
    for number in (*starts, *others):  # what has not finished may have been launched
        if gpus[number] != NONE:
            waiting.setdefault((program.tasks.name(number), names[gpus[number]]), deque()).append(number)
    for span in launches[np.argsort(columns.start_ps[launches], kind="stable")].tolist():
        key = columns.names[columns.name[span]], columns.resources[columns.resource[span]]
        candidates = waiting.get(key, deque())
        while candidates and starts.get(candidates[0], columns.end_ps[span]) < columns.end_ps[span]:
            candidates.popleft()
        if candidates:
            yield span, candidates.popleft()


def _pairs(program: Program) -> tuple[Ints, Ints]:
    followers = program.followers
    return np.repeat(np.arange(len(followers)), np.diff(followers.starts)), np.array(followers.values, np.int64)


def _edges(before: Ints, after: Ints) -> Edges:
    """Return the edges between spans that are there."""
    are_there = (before != NONE) & (after != NONE)
    return Edges(before[are_there], after[are_there], np.zeros(np.count_nonzero(are_there), np.int64))
