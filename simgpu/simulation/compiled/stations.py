"""Where tasks wait: `stations`, dispatched at the end of each instant at which something changed for them."""

from __future__ import annotations

from simgpu.simulation.compiled.arrays import (
    amount,
    groups,
    in_gate,
    launch_ps,
    launch_start_ps,
    nodes,
    out_gate,
    parts,
    parts_left,
    queues,
    rate_cap,
    ready_ps,
    stations,
    waits,
    where,
)
from simgpu.simulation.compiled.calendar import schedule
from simgpu.simulation.compiled.flows import begin_flow
from simgpu.simulation.compiled.jit import compiled
from simgpu.simulation.compiled.phases import LAUNCHING, PLAIN, POOL
from simgpu.simulation.compiled.records import Run
from simgpu.simulation.compiled.tasks import change, start
from simgpu.simulation.compiled.transfers import begin_move
from simgpu.simulation.compiled.waiting import dequeue, enqueue_since
from simgpu.simulation.workload import NONE


@compiled
def dispatch_gate(run: Run, gate: int) -> None:
    """Let enter who can; who finds the other gate full waits there."""
    while stations(run)[gate].free and stations(run)[gate].first != NONE:
        task = dequeue(run, gate)
        full = _full_gate(run, out_gate(run)[task], in_gate(run)[task])
        if full != NONE:
            enqueue_since(run, full, task, 0, ready_ps(run)[task])
            continue
        if out_gate(run)[task] != NONE:
            stations(run)[out_gate(run)[task]].free -= 1
        if in_gate(run)[task] != NONE:
            stations(run)[in_gate(run)[task]].free -= 1
        begin_move(run, task)


@compiled
def _full_gate(run: Run, one: int, other: int) -> int:
    if one != NONE and stations(run)[one].free == 0:
        return one
    if other != NONE and stations(run)[other].free == 0:
        return other
    return NONE


@compiled
def dispatch_launcher(run: Run, launcher: int) -> None:
    """Begin the next launch."""
    if stations(run)[launcher].free and stations(run)[launcher].first != NONE:
        stations(run)[launcher].free -= 1
        task = dequeue(run, launcher)
        launch_start_ps(run)[task] = run.now_ps
        nodes(run)[task].phase = LAUNCHING
        schedule(run, task, run.now_ps + launch_ps(run)[task])


@compiled
def dispatch_queue(run: Run, station: int) -> None:
    """Start what is next, until one is not ready."""
    while stations(run)[station].free:
        first = stations(run)[station].first
        if first == NONE or waits(run)[first]:
            return
        stations(run)[station].free -= 1
        _compute(run, dequeue(run, station))


@compiled
def _compute(run: Run, task: int) -> None:
    start(run, task)
    queue = queues(run)[where(run)[task]]
    if queue.pool != NONE:
        _submit_parts(run, queue.pool, task)
        return
    work = amount(run)[task] * parts(run)[task]
    if queue.way != NONE:
        begin_flow(run, task, work, queue.way, rate_cap(run)[task])
    else:
        nodes(run)[task].phase = PLAIN
        schedule(run, task, run.now_ps + work)


@compiled
def _submit_parts(run: Run, pool: int, task: int) -> None:
    """Have the parts of a task wait for threads."""
    station = stations(run)[pool]
    nodes(run)[task].beside = NONE
    parts_left(run)[task] = parts(run)[task]
    if station.first == NONE:
        station.first, station.parts = task, parts(run)[task]
    else:
        nodes(run)[station.last].beside = task
    station.last = task
    change(run, POOL, pool)


@compiled
def dispatch_pool(run: Run, pool: int) -> None:
    """Give parts to idle threads."""
    station = stations(run)[pool]
    while station.free and station.first != NONE:
        count = min(station.free, station.parts)
        _begin_parts(run, station.first, count)
        station.free -= count
        station.parts -= count
        if station.parts == 0:
            station.first = nodes(run)[station.first].beside
            station.parts = 0 if station.first == NONE else parts(run)[station.first]


@compiled
def _begin_parts(run: Run, task: int, count: int) -> None:
    group = run.free_group
    if group == NONE:
        group = run.fresh_group
        run.fresh_group += 1
    else:
        run.free_group = groups(run)[group].task
    groups(run)[group].task, groups(run)[group].parts = task, count
    schedule(run, run.task_count + group, run.now_ps + amount(run)[task])


@compiled
def end_parts(run: Run, group: int) -> bool:
    """Free the threads of a group of parts, and tell whether they were the last of their task."""
    task, count = groups(run)[group].task, groups(run)[group].parts
    groups(run)[group].task = run.free_group
    run.free_group = group
    pool = queues(run)[where(run)[task]].pool
    stations(run)[pool].free += count
    change(run, POOL, pool)
    parts_left(run)[task] -= count
    return bool(parts_left(run)[task] == 0)
