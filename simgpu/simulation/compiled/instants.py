"""From one instant to the next: what ends, what starts then, and rates. The order is that of `workload`.

Within a phase, what happens in the order of numbers comes from a list that is sorted first.
"""

from __future__ import annotations

from simgpu.simulation.compiled.arrays import (
    amount,
    buckets,
    change_channel,
    change_per_s,
    change_ps,
    changed_stations,
    channels,
    ended_tasks,
    flows,
    groups,
    heap,
    in_gate,
    kinds,
    late_tasks,
    launchable_tasks,
    launched_tasks,
    nodes,
    other_tasks,
    out_gate,
    rank,
    ready_tasks,
    release_ps,
    releases,
    spare,
    stations,
    wave,
    where,
)
from simgpu.simulation.compiled.calendar import is_due, remove, schedule
from simgpu.simulation.compiled.flows import change_capacity, end_flow, solve
from simgpu.simulation.compiled.jit import compiled
from simgpu.simulation.compiled.phases import (
    CHANNEL,
    FLOW,
    GATE,
    HOP,
    IN_PLACE,
    LATE,
    LAUNCHER,
    LAUNCHING,
    PLAIN,
    POOL,
    PRIVATE,
    QUEUE,
    SOLVE,
)
from simgpu.simulation.compiled.private_links import change_link, leave_link, solve_links
from simgpu.simulation.compiled.records import NEVER_PS, Run
from simgpu.simulation.compiled.sorting import sort
from simgpu.simulation.compiled.stations import (
    dispatch_gate,
    dispatch_launcher,
    dispatch_pool,
    dispatch_queue,
    end_parts,
)
from simgpu.simulation.compiled.tasks import change, end, launched, release, start
from simgpu.simulation.compiled.transfers import begin_move, dispatch_channel, flow_on, through
from simgpu.simulation.compiled.waiting import enqueue
from simgpu.simulation.workload import COMPUTE, MOVE, NONE


@compiled
def advance(run: Run, instants: int) -> bool:
    """Let a number of instants pass; tell whether there are more."""
    for _ in range(instants):
        when_ps = _next_ps(run)
        if when_ps == NEVER_PS or run.is_beyond:
            return False
        run.now_ps = when_ps
        _pass_instant(run)
    return True


@compiled
def _next_ps(run: Run) -> int:
    """Return when something happens next. What is left for a round is there at the start only."""
    if run.has_round:
        return int(run.now_ps)
    when_ps = heap(run)[0].ps if run.bucket_count else NEVER_PS
    if run.next_change < run.change_count:
        when_ps = min(when_ps, change_ps(run)[run.next_change])
    if run.next_release < run.release_count:
        when_ps = min(when_ps, release_ps(run)[releases(run)[run.next_release]])
    return int(when_ps)


@compiled
def _pass_instant(run: Run) -> None:
    _change_capacities(run)
    _release(run)
    while not run.is_beyond:
        if is_due(run):
            _end_phases(run)
        elif run.has_round:
            _play_round(run)
        elif run.changed_flow_count or run.changed_link_count:
            solve(run)
            solve_links(run)
        else:
            return


@compiled
def _change_capacities(run: Run) -> None:
    while run.next_change < run.change_count and change_ps(run)[run.next_change] == run.now_ps:
        channel, per_s = change_channel(run)[run.next_change], change_per_s(run)[run.next_change]
        channels(run)[channel].per_s = per_s
        change_capacity(run, channel, per_s)
        run.next_change += 1


@compiled
def _release(run: Run) -> None:
    while run.next_release < run.release_count:
        task = releases(run)[run.next_release]
        if release_ps(run)[task] != run.now_ps:
            return
        release(run, task)
        run.next_release += 1


@compiled
def _end_phases(run: Run) -> None:
    """End what is due: launches, tasks and what is on the way, latencies."""
    while is_due(run):
        bucket = heap(run)[0].bucket
        first = buckets(run)[bucket].first
        remove(run, bucket)
        _sort_out(run, first)
    sort(launched_tasks(run), 0, run.launched_count, spare(run))
    for place in range(run.launched_count):
        launched(run, launched_tasks(run)[place])
    sort(ended_tasks(run), 0, run.ended_count, spare(run))
    for place in range(run.ended_count):
        _end_phase(run, ended_tasks(run)[place])
    sort(late_tasks(run), 0, run.late_count, spare(run))
    for place in range(run.late_count):
        _end_latency(run, late_tasks(run)[place])
    run.launched_count = run.ended_count = run.late_count = 0


@compiled
def _sort_out(run: Run, first: int) -> None:
    """List the nodes of a bucket by phase."""
    node = first
    while True:
        entry = nodes(run)[node]
        entry.bucket = NONE
        if node >= run.task_count:
            _end_group(run, node - run.task_count)
        elif entry.phase == LAUNCHING:
            launched_tasks(run)[run.launched_count] = node
            run.launched_count += 1
        elif entry.phase == LATE or entry.phase == SOLVE:
            late_tasks(run)[run.late_count] = node
            run.late_count += 1
        else:
            ended_tasks(run)[run.ended_count] = node
            run.ended_count += 1
        node = entry.next
        if node == first:
            return


@compiled
def _end_group(run: Run, group: int) -> None:
    """End parts, which may be in any order, and list the task of which they are the last."""
    task = groups(run)[group].task
    if end_parts(run, group):
        nodes(run)[task].phase = PLAIN
        ended_tasks(run)[run.ended_count] = task
        run.ended_count += 1


@compiled
def _end_phase(run: Run, task: int) -> None:
    phase, place = nodes(run)[task].phase, nodes(run)[task].place
    if phase == PLAIN:
        end(run, task)
    elif phase == HOP:
        through(run, task)
    elif phase == PRIVATE:
        if leave_link(run, task):
            end(run, task)
    elif phase == FLOW and flows(run)[place].end_ps == run.now_ps:  # a flow that is not due any more is told again
        end_flow(run, place)
        end(run, task)


@compiled
def _end_latency(run: Run, task: int) -> None:
    if nodes(run)[task].phase == LATE:
        flow_on(run, task)
    else:
        change_link(run, task)


@compiled
def _play_round(run: Run) -> None:
    """Start what may start now."""
    _finish_moves_in_place(run)
    sort(other_tasks(run), 0, run.other_count, spare(run))
    for place in range(run.other_count):
        _submit(run, other_tasks(run)[place])
    run.other_count = 0
    sort(launchable_tasks(run), 0, run.launchable_count, spare(run))
    for place in range(run.launchable_count):
        task = launchable_tasks(run)[place]
        launcher = nodes(run)[task].launcher
        enqueue(run, launcher, task, rank(run)[task])
        change(run, LAUNCHER, launcher)
    run.launchable_count = 0
    for kind in range(CHANNEL + 1):
        if kinds(run)[kind].changed:
            _dispatch(run, kind)
    run.has_round = 0


@compiled
def _finish_moves_in_place(run: Run) -> None:
    """Finish the moves in place, so that what waits for them takes its turn in order with the rest."""
    while run.ready_count:
        count, run.ready_count = run.ready_count, 0
        for place in range(count):
            wave(run)[place] = ready_tasks(run)[place]
        sort(wave(run), 0, count, spare(run))
        for place in range(count):
            task = wave(run)[place]
            if nodes(run)[task].action == IN_PLACE:
                start(run, task)
                end(run, task)
            else:
                other_tasks(run)[run.other_count] = task
                run.other_count += 1


@compiled
def _submit(run: Run, task: int) -> None:
    """Send a ready task to where it waits; what waits nowhere begins."""
    action = nodes(run)[task].action
    if action == COMPUTE:
        queue = kinds(run)[QUEUE].first + where(run)[task]
        if nodes(run)[task].launcher == NONE:
            enqueue(run, queue, task, rank(run)[task])
        change(run, QUEUE, queue)
    elif action == MOVE:
        gate = out_gate(run)[task] if out_gate(run)[task] != NONE else in_gate(run)[task]
        if gate == NONE:
            begin_move(run, task)
        else:
            enqueue(run, gate, task, 0)
            change(run, GATE, gate)
    else:
        start(run, task)
        nodes(run)[task].phase = PLAIN
        schedule(run, task, run.now_ps + amount(run)[task])


@compiled
def _dispatch(run: Run, kind: int) -> None:
    """Dispatch the stations of a kind that have changed."""
    first, count = kinds(run)[kind].first, kinds(run)[kind].changed
    kinds(run)[kind].changed = 0
    sort(changed_stations(run), first, count, spare(run))
    for place in range(first, first + count):
        station = changed_stations(run)[place]
        stations(run)[station].is_changed = 0
        if kind == GATE:
            dispatch_gate(run, station)
        elif kind == LAUNCHER:
            dispatch_launcher(run, station)
        elif kind == QUEUE:
            dispatch_queue(run, station)
        elif kind == POOL:
            dispatch_pool(run, station)
        else:
            dispatch_channel(run, station)
