"""Run a workload on one of the engines.

Both give the same timeline. The compiled one needs Numba (the extra `fast`), takes half a second to load, and is made
for this computer at its first use, which takes most of a minute; from then on it runs a million tasks in a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from simgpu.errors import InvalidValue, check_type
from simgpu.simulation.compiled import NotCovered, is_installed, is_made, run_compiled, why_not_covered
from simgpu.simulation.deadlock import check_finished
from simgpu.simulation.engine import Engine
from simgpu.simulation.timeline import Timeline
from simgpu.simulation.workload import LaunchMode, LinkPolicyName, Workload

EngineChoice = Literal["simpy", "compiled", "auto"]
OnProgress = Callable[[int, int], None]

_WORTH_LOADING = 100_000
"""Tasks from which on it pays to load the compiled engine: the SimPy engine takes about 5 us for each."""

_WORTH_MAKING = 4_000_000
"""Tasks from which on it pays to make the compiled engine first, where it has not been used before."""


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
    """Run a workload to its end. Raises DeadlockError if tasks wait for ever.

    `auto` takes the compiled engine for large workloads that it covers, where it is installed. `compiled` raises
    NotCovered, an InvalidValue, for numbers too large for it, and MissingDependency without Numba.
    """
    check_type(workload, Workload, "workload", "a Workload; make one of arrays: Workload(resources=..., ...)")
    check_type(on_progress, Callable | None, "on_progress", "a function of the tasks done, and those in all")
    one_of("links", links, get_args(LinkPolicyName), "a link policy")
    one_of("launch", launch, get_args(LaunchMode), "a mode of launching")
    one_of("engine", engine, get_args(EngineChoice), "an engine")
    timeline = None
    if engine == "compiled" or (engine == "auto" and _is_worth_compiling(workload)):
        try:
            timeline = run_compiled(workload, links=links, launch=launch, on_progress=on_progress)
        except NotCovered:
            if engine == "compiled":
                raise
    if timeline is None:
        attendant = _Progress(len(workload), on_progress) if on_progress else None
        timeline = Engine(workload, links=links, launch=launch, attendant=attendant).run()
    check_finished(workload, timeline)
    return timeline


def _is_worth_compiling(workload: Workload) -> bool:
    if len(workload) < _WORTH_LOADING or not is_installed() or why_not_covered(workload):
        return False
    return len(workload) >= _WORTH_MAKING or is_made()


def one_of(name: str, value: Any, choices: Any, what: str) -> None:
    """Refuse the value of an option that is none of the choices."""
    if value not in choices:
        raise InvalidValue(f"{name}={value!r} is not {what}; choose one of {', '.join(choices)}")
