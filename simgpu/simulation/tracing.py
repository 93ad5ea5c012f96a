"""From a timeline to a trace: memory in the order of what happened, and the spans of tasks and launches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from simgpu.program import Program, Progress, TaskKind, launching_gpu
from simgpu.program.recorder import path_name
from simgpu.simulation.timeline import FINISHED, LAUNCHED, STARTED, Timeline
from simgpu.simulation.workload import NONE, Ints
from simgpu.trace import NO_CAUSE, Span, Table

_KINDS = ("compute", "transfer", "launch")


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
        for code in log.tolist():
            task, what = divmod(code, 4)
            if task >= count or task in done:
                pass
            elif what == STARTED:
                progress.start(task, int(timeline.start_ps[task]))
            elif what == FINISHED:
                progress.finish(task, int(timeline.end_ps[task]))
            happened += 1
    finally:
        kept = log[:happened]
        if done:
            kept = kept[~np.isin(kept // 4, list(done))]
        progress.trace.spans = spans_of(progress.program, timeline, kept, extras)


def spans_of(program: Program, timeline: Timeline, log: Ints, extras: Sequence[Extra] = ()) -> Table[Span]:
    """Return the spans that a log ends: those of launches and of tasks, in its order."""
    rows = log[log % 4 != STARTED]
    tasks, is_launch = rows // 4, rows % 4 == LAUNCHED
    count = len(timeline.end_ps)
    launch_row, task_row = _places(count, tasks, is_launch), _places(count, tasks, ~is_launch)
    launch_end_ps, ready_ps = timeline.launch_end_ps[tasks], timeline.ready_ps[tasks]
    after_launch = (launch_end_ps != NONE) & (launch_end_ps >= ready_ps)
    launch_cause = timeline.launch_cause[tasks]
    cause = np.where(
        is_launch,
        np.where(launch_cause % 4 == LAUNCHED, _at(launch_row, launch_cause // 4), _at(task_row, launch_cause // 4)),
        np.where(after_launch, launch_row[tasks], _at(task_row, timeline.cause[tasks])),
    )
    is_compute = np.array([task.kind is TaskKind.COMPUTE for task in program.tasks] + [False] * len(extras), bool)
    moved = [_moved_bytes(program, task) for task in range(len(program.tasks))] + [it.size_bytes for it in extras]
    sizes = np.array(moved, np.int64)
    resources, resource_of, launched_for = _resources(program, extras)
    return Table(
        Span,
        _KINDS,
        [task.name for task in program.tasks] + [it.name for it in extras],
        resources,
        *(None,) * 5,
        columns=(
            np.where(is_launch, 2, np.where(is_compute[tasks], 0, 1)),
            tasks,
            np.where(is_launch, launched_for[tasks], resource_of[tasks]),
            np.where(is_launch, timeline.launchable_ps[tasks], np.maximum(ready_ps, launch_end_ps)),
            np.where(is_launch, timeline.launch_start_ps[tasks], timeline.start_ps[tasks]),
            np.where(is_launch, launch_end_ps, timeline.end_ps[tasks]),
            cause,
            np.where(is_launch, 0, sizes[tasks]),
        ),
    )


def _places(count: int, tasks: Ints, is_meant: Ints) -> Ints:
    """Return for each task the place of its row among those that are meant."""
    places = np.full(count + 1, NO_CAUSE, np.int64)  # the last one is that of NONE
    places[tasks[is_meant]] = np.flatnonzero(is_meant)
    return places


def _at(places: Ints, tasks: Ints) -> Ints:
    return places[np.where(tasks < 0, len(places) - 1, tasks)]


def _moved_bytes(program: Program, task: int) -> int:
    what = program.tasks[task]
    return 0 if what.kind is TaskKind.COMPUTE else program.placement.graph.tensor_spec(what.subject).nbytes


def _resources(program: Program, extras: Sequence[Extra]) -> tuple[list[str], Ints, Ints]:
    """Return the names of devices and ways, and for each task the number of its own and of the GPU that launches it."""
    machine = program.placement.machine
    numbers = {device.name: number for number, device in enumerate(machine.devices)}
    chosen = [
        machine.devices[task.device].name if task.kind is TaskKind.COMPUTE else path_name(machine, task)
        for task in program.tasks
    ]
    chosen += [it.way for it in extras]
    of = np.array([numbers.setdefault(name, len(numbers)) for name in chosen], np.int64)
    launched_for = [launching_gpu(task, machine) for task in program.tasks] + [None for _ in extras]
    return list(numbers), of, np.array([NONE if it is None else it for it in launched_for], np.int64)
