"""What becomes of a task: ready, launchable, launched, started, finished; and what that means for its followers."""

from __future__ import annotations

from simgpu.simulation.compiled.arrays import (
    cause,
    changed_stations,
    end_ps,
    follower_starts,
    followers,
    in_gate,
    kinds,
    launch_cause,
    launch_end_ps,
    launch_waits,
    launchable_ps,
    launchable_tasks,
    log,
    nodes,
    out_gate,
    ready_ps,
    ready_tasks,
    start_ps,
    stations,
    waits,
    where,
)
from simgpu.simulation.compiled.jit import compiled
from simgpu.simulation.compiled.phases import GATE, LAUNCHER, QUEUE
from simgpu.simulation.compiled.records import Run
from simgpu.simulation.compiled.waiting import enqueue
from simgpu.simulation.timeline import FINISHED, LAUNCHED, STARTED
from simgpu.simulation.workload import COMPUTE, MOVE, NONE


@compiled
def note(run: Run, task: int, what: int) -> None:
    """Append to the log."""
    log(run)[run.log_count] = 4 * task + what
    run.log_count += 1


@compiled
def change(run: Run, kind: int, station: int) -> None:
    """Have a station dispatched at the end of this instant."""
    if not stations(run)[station].is_changed:
        stations(run)[station].is_changed = 1
        changed_stations(run)[kinds(run)[kind].first + kinds(run)[kind].changed] = station
        kinds(run)[kind].changed += 1
        run.has_round = 1


@compiled
def begin_tasks(run: Run) -> None:
    """Make ready, or launchable, what waits for nothing."""
    for task in range(run.task_count):
        if waits(run)[task] == 0:
            _ready(run, task, NONE)
        if launch_waits(run)[task] == 0 and nodes(run)[task].launcher != NONE:
            _launchable(run, task, NONE)


@compiled
def release(run: Run, task: int) -> None:
    """Note that the time has come before which a task may not start."""
    _wait_ended(run, task, NONE)
    if nodes(run)[task].launcher != NONE:
        _launch_wait_ended(run, task, NONE)


@compiled
def launched(run: Run, task: int) -> None:
    """End a launch."""
    launch_end_ps(run)[task] = run.now_ps
    note(run, task, LAUNCHED)
    launcher = nodes(run)[task].launcher
    stations(run)[launcher].free += 1
    change(run, LAUNCHER, launcher)
    if nodes(run)[task].action == COMPUTE:
        queue = kinds(run)[QUEUE].first + where(run)[task]
        enqueue(run, queue, task, 0)
        change(run, QUEUE, queue)
    else:
        _wait_ended(run, task, NONE)
    if run.is_async:
        for place in range(follower_starts(run)[task], follower_starts(run)[task + 1]):
            follower = followers(run)[place]
            if nodes(run)[follower].launcher == launcher:
                _launch_wait_ended(run, follower, 4 * task + LAUNCHED)


@compiled
def start(run: Run, task: int) -> None:
    """Start a task."""
    start_ps(run)[task] = run.now_ps
    note(run, task, STARTED)


@compiled
def end(run: Run, task: int) -> None:
    """Finish a task."""
    end_ps(run)[task] = run.now_ps
    note(run, task, FINISHED)
    run.finished += 1
    _leave(run, task)
    for place in range(follower_starts(run)[task], follower_starts(run)[task + 1]):
        follower = followers(run)[place]
        _wait_ended(run, follower, task)
        if run.has_launches:
            launcher = nodes(run)[follower].launcher
            if launcher != NONE and not (run.is_async and launcher == nodes(run)[task].launcher):
                _launch_wait_ended(run, follower, 4 * task + FINISHED)


@compiled
def _leave(run: Run, task: int) -> None:
    """Free what a task held."""
    action = nodes(run)[task].action
    if action == COMPUTE:
        _free(run, QUEUE, kinds(run)[QUEUE].first + where(run)[task])
    elif action == MOVE:
        _free(run, GATE, out_gate(run)[task])
        _free(run, GATE, in_gate(run)[task])


@compiled
def _free(run: Run, kind: int, station: int) -> None:
    if station != NONE:
        stations(run)[station].free += 1
        change(run, kind, station)


@compiled
def _wait_ended(run: Run, task: int, why: int) -> None:
    waits(run)[task] -= 1
    if waits(run)[task] == 0:
        _ready(run, task, why)


@compiled
def _ready(run: Run, task: int, why: int) -> None:
    ready_ps(run)[task], cause(run)[task] = run.now_ps, why
    ready_tasks(run)[run.ready_count] = task
    run.ready_count += 1
    run.has_round = 1


@compiled
def _launch_wait_ended(run: Run, task: int, why: int) -> None:
    launch_waits(run)[task] -= 1
    if launch_waits(run)[task] == 0:
        _launchable(run, task, why)


@compiled
def _launchable(run: Run, task: int, why: int) -> None:
    launchable_ps(run)[task], launch_cause(run)[task] = run.now_ps, why
    launchable_tasks(run)[run.launchable_count] = task
    run.launchable_count += 1
    run.has_round = 1
