"""From a timeline to a trace: memory in the order of what happened, and the spans of tasks and launches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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

Numbers = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Extra:
    """A transfer that is none of the program's tasks: its number is one behind theirs."""

    name: str
    way: str
    size_bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """What happened in a run, in order: the entries of a log, when each was, and the spans that they end.

    It is all that a trace needs of a timeline, which takes more memory. Times of launches are left out.
    """

    log: NDArray[np.int32]
    times_ps: Ints
    spans: Table[Span]


def story_of(
    program: Program, timeline: Timeline, log: Ints, *, done: Collection[int] = (), extras: Sequence[Extra] = ()
) -> Story:
    """Tell what a log says, without what was done beforehand."""
    if done:
        log = log[~np.isin(log // 4, list(done))]
    times_ps = np.empty(len(log), np.result_type(timeline.start_ps, timeline.end_ps))
    for part in _parts(log):
        tasks, what = np.divmod(log[part], 4)
        times_ps[part] = np.where(what == STARTED, timeline.start_ps[tasks], timeline.end_ps[tasks])
    return Story(log.astype(np.int32), times_ps, spans_of(program, timeline, log, extras))


def replay(progress: Progress, story: Story) -> None:
    """Do to the ledgers what happened, and note the spans. Raises OutOfDeviceMemory where a start has no memory.

    Extra transfers are not for the ledgers.
    """
    happened, count = 0, len(progress.program.tasks)
    try:
        for task, what, time_ps in _events(story):
            if task < count and what == STARTED:
                progress.start(task, time_ps)
            elif task < count and what == FINISHED:
                progress.finish(task, time_ps)
            happened += 1
    finally:
        spans = int(np.count_nonzero(story.log[:happened] % 4 != STARTED))
        progress.trace.spans = story.spans if spans == len(story.spans) else story.spans.head(spans)


def _events(story: Story) -> Iterator[tuple[int, int, int]]:
    """Yield the task of each entry, what happened, and when; made of arrays some at a time."""
    for part in _parts(story.log):
        tasks, what = np.divmod(story.log[part], 4)
        yield from zip(tasks.tolist(), what.tolist(), story.times_ps[part].tolist(), strict=True)


def _parts(log: NDArray[Any]) -> Iterator[slice]:
    """Yield parts of a log, for what would take much memory if it were made of all entries at once."""
    return (slice(first, first + _AT_A_TIME) for first in range(0, len(log), _AT_A_TIME))


def spans_of(program: Program, timeline: Timeline, log: Ints, extras: Sequence[Extra] = ()) -> Table[Span]:
    """Return the spans that a log ends: those of launches and of tasks, in its order."""
    names = [*map(program.tasks.name, range(len(program.tasks))), *(it.name for it in extras)]
    about = _about(program, extras)
    count = sum(int(np.count_nonzero(log[part] % 4 != STARTED)) for part in _parts(log))
    spans = Table(Span, _KINDS, names, about.resources, *(None,) * 5, length=count)
    rows = _Rows(about, timeline)
    for part in _parts(log):
        spans.put(rows.count, *rows.next_of(log[part]))
    return spans


@dataclass(frozen=True, slots=True)
class _About:
    """What the spans of each task say besides times. `resources` are names of devices and ways."""

    kind: NDArray[np.int8]
    resource: Numbers
    launched_for: Numbers
    size_bytes: Ints
    resources: list[str]


class _Rows:
    """Makes the rows of spans, the next of them at a time.

    It keeps which row is that of the launch of a task, and of the task itself: what made a task ready ended before it.
    """

    def __init__(self, about: _About, timeline: Timeline) -> None:
        count = len(timeline.end_ps)
        self._about, self._timeline = about, timeline
        self._launch_row = np.full(count + 1, NO_CAUSE, np.int32)  # the last one is that of NONE
        self._task_row = self._launch_row.copy()
        self.count = 0

    def next_of(self, log: Ints) -> tuple[NDArray[Any], ...]:
        """Return the columns of the rows that the next entries of a log make."""
        ends = log[log % 4 != STARTED]
        tasks, is_launch, about = ends // 4, ends % 4 == LAUNCHED, self._about
        rows = np.arange(self.count, self.count + len(ends), dtype=np.int32)
        self._launch_row[tasks[is_launch]], self._task_row[tasks[~is_launch]] = rows[is_launch], rows[~is_launch]
        self.count += len(ends)
        return (
            np.where(is_launch, np.int8(_LAUNCH), about.kind[tasks]),
            tasks.astype(np.int32),
            np.where(is_launch, about.launched_for[tasks], about.resource[tasks]),
            *self._times_ps(tasks, is_launch),
            np.where(is_launch, self._causes_of_launches(tasks), self._causes_of_tasks(tasks)),
            np.where(is_launch, 0, about.size_bytes[tasks]),
        )

    def _times_ps(self, tasks: Ints, is_launch: NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
        times = self._timeline
        ready_ps = np.maximum(times.ready_ps[tasks], times.launch_end_ps[tasks])
        return (
            np.where(is_launch, times.launchable_ps[tasks], ready_ps),
            np.where(is_launch, times.launch_start_ps[tasks], times.start_ps[tasks]),
            np.where(is_launch, times.launch_end_ps[tasks], times.end_ps[tasks]),
        )

    def _causes_of_launches(self, tasks: Ints) -> Numbers:
        cause = self._timeline.launch_cause[tasks]
        before = cause // 4  # that of NONE is NONE
        return np.where(cause % 4 == LAUNCHED, self._launch_row[before], self._task_row[before])

    def _causes_of_tasks(self, tasks: Ints) -> Numbers:
        launch_end_ps, cause = self._timeline.launch_end_ps[tasks], self._timeline.cause[tasks]
        after_launch = (launch_end_ps != NONE) & (launch_end_ps >= self._timeline.ready_ps[tasks])
        return np.where(after_launch, self._launch_row[tasks], self._task_row[cause])


def _about(program: Program, extras: Sequence[Extra]) -> _About:
    tasks, machine = program.tasks, program.placement.machine
    numbers = {device.name: number for number, device in enumerate(machine.devices)}
    is_computed = tasks.are(TaskKind.COMPUTE)
    size_bytes, resource = np.zeros(len(tasks), np.int64), np.array(tasks.device, np.int32)
    for task in np.flatnonzero(~is_computed).tolist():
        size_bytes[task] = tasks.graph.tensor_spec(tasks.subject[task]).nbytes
        way = path_name(machine, tasks.source[task], tasks.device[task])
        resource[task] = numbers.setdefault(way, len(numbers))
    ways = [numbers.setdefault(it.way, len(numbers)) for it in extras]
    return _About(
        kind=np.append(np.where(is_computed, _COMPUTE, _TRANSFER), [_TRANSFER for _ in extras]).astype(np.int8),
        resource=np.append(resource, ways).astype(np.int32),
        launched_for=np.append(launching_gpus(program), [NONE for _ in extras]).astype(np.int32),
        size_bytes=np.append(size_bytes, [it.size_bytes for it in extras]).astype(np.int64),
        resources=list(numbers),
    )
