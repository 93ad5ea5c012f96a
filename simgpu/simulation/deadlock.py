"""What to say when tasks wait for ever: who waits for whom, and the circle, if there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from simgpu.errors import DeadlockError
from simgpu.simulation.timeline import Timeline
from simgpu.simulation.workload import NONE, Workload

Name = Callable[[int], str]
_SHOWN = 5


def check_finished(workload: Workload, timeline: Timeline, name: Name = "task {}".format) -> None:
    """Raise DeadlockError if tasks have not finished."""
    left = timeline.unfinished.tolist()
    if not left:
        return
    waits_for = _open_predecessors(workload, set(left))
    circle = circle_of(waits_for)
    lines = [_line(task, waits_for[task], name) for task in circle or left]
    raise DeadlockError(f"{len(left)} of {len(workload)} tasks can never run: {listed_waits(lines, bool(circle))}")


def _line(task: int, waits_for: Sequence[int], name: Name) -> str:
    others = ", ".join(map(name, waits_for[:_SHOWN]))
    return f"{name(task)} waits for {others}" if others else f"{name(task)} never started"


def listed_waits(lines: Sequence[str], is_circle: bool) -> str:
    """Return who waits for whom as one text, the first few of them."""
    shown = "; ".join(lines[:_SHOWN]) + (f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else "")
    return f"they wait for each other in a circle: {shown}" if is_circle else shown


def _open_predecessors(workload: Workload, left: set[int]) -> dict[int, list[int]]:
    waits_for: dict[int, list[int]] = {task: [] for task in left}
    for task in sorted(left):
        for follower in workload.followers_of(task).tolist():
            waits_for[follower].append(task)
    return waits_for


def circle_of(waits_for: Mapping[int, Sequence[int]]) -> list[int]:
    """Return tasks each of which waits for the next, and the last for the first; empty if there are none."""
    done: set[int] = set()
    for start in sorted(waits_for):
        path: list[int] = []
        place: dict[int, int] = {}
        task = start
        while task not in done:
            if task in place:
                return path[place[task] :]
            place[task] = len(path)
            path.append(task)
            task = next((other for other in waits_for[task] if other not in done), NONE)
            if task == NONE:
                break
        done.update(path)
    return []
