"""Memory during a run: what finds none waits for it (`on_oom="wait"`).

An operation or transfer that is to start and has no memory for what it writes waits at the head of its queue until
enough has been released. If it never is, the run ends with an error that says who waits for what, and who holds it.
"""

from __future__ import annotations

from simgpu.errors import DeadlockError, OutOfDeviceMemory
from simgpu.program import Program, Progress
from simgpu.simulation.deadlock import circle_of, listed_waits
from simgpu.simulation.engine import Engine
from simgpu.units import short_size


class WaitingForMemory:
    """Attends a run: grants memory when a task starts, and has those that got none ask again after each release."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.engine: Engine
        self.shortages: dict[int, OutOfDeviceMemory] = {}

    def may_start(self, task: int, now_ps: int) -> bool:
        """Grant what the task writes, or keep it waiting."""
        shortage = self.progress.try_start(task, now_ps)
        if shortage is None:
            self.shortages.pop(task, None)
            return True
        self.shortages[task] = shortage
        return False

    def finished(self, task: int, now_ps: int) -> None:
        """Take back what nobody needs any more."""
        self.progress.finish(task, now_ps)
        if self.shortages:
            self.engine.ask_again()

    def close(self, now_ps: int) -> None:
        """Do nothing: leaving the progress takes everything back."""

    def check_finished(self) -> None:
        """Raise DeadlockError if tasks are left."""
        if self.progress.unfinished:
            raise DeadlockError(_description(self.progress, self.shortages))


def _description(progress: Progress, shortages: dict[int, OutOfDeviceMemory]) -> str:
    waits_for = _waits(progress, shortages)
    circle = circle_of(waits_for)
    lines = [
        _line(progress.program, task, waits_for[task], shortages.get(task)) for task in circle or sorted(shortages)
    ]
    tasks = len(progress.program.tasks)
    return f"{progress.unfinished} of {tasks} tasks can never run: {listed_waits(lines, bool(circle))}"


def _waits(progress: Progress, shortages: dict[int, OutOfDeviceMemory]) -> dict[int, list[int]]:
    """Return, for each task that is left, those it waits for: predecessors, and those that would release memory."""
    program = progress.program
    left = [task for task in range(len(program.tasks)) if not progress.has_finished(task)]
    is_left = set(left)
    waits = {task: [other for other in program.tasks.waits_for[task] if other in is_left] for task in left}
    held_by = {
        task: {program.buffers.device[it] for it in program.tasks.reads[task] if progress.blocks[it] is not None}
        for task in left
    }
    for task in shortages:
        wanted = {program.buffers.device[it] for it in program.tasks.writes[task]}
        waits[task] += [other for other in left if other != task and held_by[other] & wanted]
    return waits


def _line(program: Program, task: int, waits_for: list[int], error: OutOfDeviceMemory | None) -> str:
    name, others = program.tasks.name(task), ", ".join(program.tasks.name(it) for it in waits_for)
    if error is None:
        return f"{name} waits for {others}"
    shortage = error.shortage
    hold = "hold" if len(shortage.largest_live) > 1 else "holds"
    held = ", ".join(f"{owner} {short_size(size)}" for owner, size in shortage.largest_live) or "nothing"
    return (
        f"{name} waits for {short_size(shortage.needed_bytes)} on {shortage.device}, where {held} {hold} "
        f"{short_size(shortage.used_bytes)} of {short_size(shortage.limit_bytes)}"
        + (f", to be released by {others}" if others else "")
    )
