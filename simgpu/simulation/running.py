"""Run a workload on one of the engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from simgpu.errors import InvalidValue, check_type
from simgpu.simulation.deadlock import check_finished
from simgpu.simulation.engine import Engine
from simgpu.simulation.timeline import Timeline
from simgpu.simulation.workload import LaunchMode, LinkPolicyName, Workload

EngineChoice = Literal["simpy", "compiled", "auto"]
OnProgress = Callable[[int, int], None]


class _Progress:
    """Counts the tasks that have finished."""

    def __init__(self, tasks: int, tell: OnProgress) -> None:
        self._done, self._tasks, self._tell = 0, tasks, tell

    def may_start(self, task: int, now_ps: int) -> bool:
        """Allow it."""
        return True

    def finished(self, task: int, now_ps: int) -> None:
        """Tell."""
        self._done += 1
        self._tell(self._done, self._tasks)


def run(
    workload: Workload,
    *,
    links: LinkPolicyName = "fair",
    launch: LaunchMode = "async",
    engine: EngineChoice = "auto",
    on_progress: OnProgress | None = None,
) -> Timeline:
    """Run a workload to its end. Raises DeadlockError if tasks wait for ever."""
    check_type(workload, Workload, "workload", "a Workload; make one of arrays: Workload(resources=..., ...)")
    check_type(on_progress, Callable | None, "on_progress", "a function of the tasks done, and those in all")
    one_of("links", links, get_args(LinkPolicyName), "a link policy")
    one_of("launch", launch, get_args(LaunchMode), "a mode of launching")
    one_of("engine", engine, get_args(EngineChoice), "an engine")
    attendant = _Progress(len(workload), on_progress) if on_progress else None
    timeline = Engine(workload, links=links, launch=launch, attendant=attendant).run()
    check_finished(workload, timeline)
    return timeline


def one_of(name: str, value: Any, choices: Any, what: str) -> None:
    """Refuse the value of an option that is none of the choices."""
    if value not in choices:
        raise InvalidValue(f"{name}={value!r} is not {what}; choose one of {', '.join(choices)}")
