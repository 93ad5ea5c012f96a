"""From a timeline to a trace: memory in the order of what happened, and the spans of tasks and launches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simgpu.program import Program, Progress, TaskKind, launching_gpus
from simgpu.program.recorder import path_name
from simgpu.simulation.timeline import FINISHED, LAUNCHED, STARTED, Timeline
from simgpu.simulation.workload import NONE, Ints
from simgpu.trace import NO_CAUSE, Span, Table

_KINDS = ("compute", "transfer", "launch")
_COMPUTE, _TRANSFER, _LAUNCH = range(len(_KINDS))
_AT_A_TIME = 2**16


@dataclass(frozen=True, slots=True)
class Extra:
    """A transfer that is none of the program's tasks: its number is one behind theirs."""

    name: str
    way: str
    size_bytes: int


def replay(
    progress: Progress, timeline: Timeline, log: Ints, *, done: Collection[int] = (), extras: Sequence[Extra] = ()
) -> None:
    """Do to the ledgers what a log says, and write the spans. Raises OutOfDeviceMemory where a start has no memory.

    What is done beforehand, and extra transfers, are not for the ledgers.
    """
    happened, count = 0, len(progress.program.tasks)
    try:
        for task, what, time_ps in _events(timeline, log):
            if task >= count or task in done:
                pass
            elif what == STARTED:
                progress.start(task, time_ps)
            elif what == FINISHED:
                progress.finish(task, time_ps)
            happened += 1
    finally:
        kept = log[:happened]
        if done:
            kept = kept[~np.isin(kept // 4, list(done))]
        progress.trace.spans = spans_of(progress.program, timeline, kept, extras)


def _events(timeline: Timeline, log: Ints) -> Iterator[tuple[int, int, int]]:
    """Yield the task of each entry of a log, what happened, and when a start or end was; some at a time."""
    for first in range(0, len(log), _AT_A_TIME):
        tasks, what = np.divmod(log[first : first + _AT_A_TIME], 4)
        times_ps = np.where(what == STARTED, timeline.start_ps[tasks], timeline.end_ps[tasks])
        yield from zip(tasks.tolist(), what.tolist(), times_ps.tolist(), strict=True)


def spans_of(program: Program, timeline: Timeline, log: Ints, extras: Sequence[Extra] = ()) -> Table[Span]:
    """Return the spans that a log ends: those of launches and of tasks, in its order."""
    names = [*map(program.tasks.name, range(len(program.tasks))), *(it.name for it in extras)]
    about = _about(program, extras)
    columns = _columns(about, timeline, log[log % 4 != STARTED])
    return Table(Span, _KINDS, names, about.resources, *(None,) * 5, columns=columns)


@dataclass(frozen=True, slots=True)
class _About:
    """What the spans of each task say besides times. `resources` are names of devices and ways."""

    kind: Ints
    resource: Ints
    launched_for: Ints
    size_bytes: Ints
    resources: list[str]


def _columns(about: _About, timeline: Timeline, rows: Ints) -> Iterator[Ints]:
    """Yield the columns of spans, each when the one before has been taken: together they are large."""
    tasks, is_launch = rows // 4, rows % 4 == LAUNCHED
    yield np.where(is_launch, _LAUNCH, about.kind[tasks])
    yield tasks
    yield np.where(is_launch, about.launched_for[tasks], about.resource[tasks])
    ready_ps = np.maximum(timeline.ready_ps, timeline.launch_end_ps)
    yield np.where(is_launch, timeline.launchable_ps[tasks], ready_ps[tasks])
    yield np.where(is_launch, timeline.launch_start_ps[tasks], timeline.start_ps[tasks])
    yield np.where(is_launch, timeline.launch_end_ps[tasks], timeline.end_ps[tasks])
    yield _causes(timeline, tasks, is_launch)
    yield np.where(is_launch, 0, about.size_bytes[tasks])


def _causes(timeline: Timeline, tasks: Ints, is_launch: NDArray[np.bool_]) -> Ints:
    """Return for each row the one whose end made it ready."""
    count = len(timeline.end_ps)
    launch_row, task_row = _places(count, tasks, is_launch), _places(count, tasks, ~is_launch)
    launch_end_ps = timeline.launch_end_ps
    after_launch = (launch_end_ps != NONE) & (launch_end_ps >= timeline.ready_ps)
    before, what = timeline.launch_cause // 4, timeline.launch_cause % 4
    of_launch = np.where(what == LAUNCHED, _at(launch_row, before), _at(task_row, before))
    of_task = np.where(after_launch, launch_row[:-1], _at(task_row, timeline.cause))
    return np.where(is_launch, of_launch[tasks], of_task[tasks])


def _places(count: int, tasks: Ints, is_meant: NDArray[np.bool_]) -> Ints:
    """Return for each task the place of its row among those that are meant."""
    places = np.full(count + 1, NO_CAUSE, np.int64)  # the last one is that of NONE
    places[tasks[is_meant]] = np.flatnonzero(is_meant)
    return places


def _at(places: Ints, tasks: Ints) -> Ints:
    return places[np.where(tasks < 0, len(places) - 1, tasks)]


def _about(program: Program, extras: Sequence[Extra]) -> _About:
    tasks, machine = program.tasks, program.placement.machine
    numbers = {device.name: number for number, device in enumerate(machine.devices)}
    is_computed = tasks.are(TaskKind.COMPUTE)
    size_bytes, resource = np.zeros(len(tasks), np.int64), np.array(tasks.device, np.int64)
    for task in np.flatnonzero(~is_computed).tolist():
        size_bytes[task] = tasks.graph.tensor_spec(tasks.subject[task]).nbytes
        way = path_name(machine, tasks.source[task], tasks.device[task])
        resource[task] = numbers.setdefault(way, len(numbers))
    ways = [numbers.setdefault(it.way, len(numbers)) for it in extras]
    return _About(
        kind=np.append(np.where(is_computed, _COMPUTE, _TRANSFER), [_TRANSFER for _ in extras]),
        resource=np.append(resource, ways).astype(np.int64),
        launched_for=np.append(launching_gpus(program), [NONE for _ in extras]).astype(np.int64),
        size_bytes=np.append(size_bytes, [it.size_bytes for it in extras]).astype(np.int64),
        resources=list(numbers),
    )
