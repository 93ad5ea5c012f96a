"""What Python calls: one function, whose machine code is kept on disk."""

from __future__ import annotations

from collections.abc import Callable

from simgpu.simulation.compiled.arrays import (
    follower_starts,
    followers,
    kind,
    kinds,
    launch_ps,
    launch_waits,
    launcher,
    nodes,
    release_ps,
    waits,
    where,
)
from simgpu.simulation.compiled.instants import advance
from simgpu.simulation.compiled.jit import compiled, kept, sources
from simgpu.simulation.compiled.phases import IN_PLACE, LAUNCHER
from simgpu.simulation.compiled.records import Run
from simgpu.simulation.compiled.tasks import begin_tasks
from simgpu.simulation.workload import COMPUTE, MOVE, NONE


@compiled
def _prepare(run: Run) -> None:
    """Fill in what tasks do and wait for."""
    for task in range(run.task_count):
        node = nodes(run)[task]
        node.action = IN_PLACE if kind(run)[task] == MOVE and where(run)[task] == NONE else kind(run)[task]
        node.launcher = NONE
        waits(run)[task] = release_ps(run)[task] > 0
    for place in range(follower_starts(run)[run.task_count]):
        waits(run)[followers(run)[place]] += 1
    if run.has_launches:
        _prepare_launches(run)


@compiled
def _prepare_launches(run: Run) -> None:
    for task in range(run.task_count):
        node = nodes(run)[task]
        if launcher(run)[task] != NONE and launch_ps(run)[task] > 0:
            node.launcher = kinds(run)[LAUNCHER].first + launcher(run)[task]
        launch_waits(run)[task] = waits(run)[task]
        waits(run)[task] += node.launcher != NONE and node.action != COMPUTE


def _play(version: int) -> Callable[[Run, int], bool]:
    def play(run: Run, instants: int) -> bool:
        """Let a number of instants pass, from the start on; tell whether there are more."""
        _ = version  # see `kept`
        if not run.has_begun:
            run.has_begun = 1
            _prepare(run)
            begin_tasks(run)
        return advance(run, instants)

    return kept(play)


play = _play(sources())
