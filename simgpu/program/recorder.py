"""Keeps, for each task of a run, when it was ready and why, and writes the spans of its trace."""

from __future__ import annotations

from simgpu.machine import Machine
from simgpu.naming import short_name
from simgpu.program.program import CALLER, KINDS, Program, TaskKind
from simgpu.trace import NO_CAUSE, Span, SpanKind


class Recorder:
    """Writes spans; a span's cause is the span that made its task ready."""

    def __init__(self, program: Program, spans: list[Span]) -> None:
        self._program = program
        self._machine = program.placement.machine
        self._spans = spans
        count = len(program.tasks)
        self._ready_ps, self._start_ps, self._cause = [0] * count, [0] * count, [NO_CAUSE] * count

    def ready(self, task: int, time_ps: int) -> None:
        """Note that a task is ready because of the span written last."""
        self._ready_ps[task], self._cause[task] = time_ps, len(self._spans) - 1

    def launched(self, task: int, start_ps: int, end_ps: int) -> None:
        """Write the span of the launch of a task, for which the task itself has waited."""
        tasks = self._program.tasks
        device = tasks.device[task] if tasks.device[task] != CALLER else tasks.source[task]
        self._write("launch", task, self._machine.devices[device].name, start_ps, end_ps)
        self._ready_ps[task], self._cause[task] = end_ps, len(self._spans) - 1

    def started(self, task: int, time_ps: int) -> None:
        """Note when a task started."""
        self._start_ps[task] = time_ps

    def finished(self, task: int, end_ps: int) -> None:
        """Write the span of a task."""
        tasks = self._program.tasks
        device, start_ps = tasks.device[task], self._start_ps[task]
        if KINDS[tasks.kind[task]] is TaskKind.COMPUTE:
            self._write("compute", task, self._machine.devices[device].name, start_ps, end_ps)
        else:
            self._write("transfer", task, path_name(self._machine, tasks.source[task], device), start_ps, end_ps)

    def _write(self, kind: SpanKind, task: int, resource: str, start_ps: int, end_ps: int) -> None:
        tasks = self._program.tasks
        size = 0 if kind != "transfer" else tasks.graph.tensor_spec(tasks.subject[task]).nbytes
        ready_ps, cause = self._ready_ps[task], self._cause[task]
        self._spans.append(Span(kind, tasks.name(task), resource, ready_ps, start_ps, end_ps, cause, size))


def path_name(machine: Machine, source: int, target: int) -> str:
    """Name the way of a moving task, such as `GPU:0 -> GPU:1`."""
    ends = (source, target)
    return " -> ".join("caller" if end == CALLER else short_name(machine.devices[end].name) for end in ends)
