"""Flows that share channels: `fluid`, with lists of users in the place of dictionaries.

The component of a flow is solved anew when it, or a flow beside it, has changed. Solving what has not changed changes
nothing, so that it does no harm to name too many.
"""

from __future__ import annotations

import math

from simgpu.simulation.compiled.arithmetic import BEYOND_PS, moving_ps, seconds, ticks
from simgpu.simulation.compiled.arrays import (
    changed_flows,
    channels,
    component,
    flows,
    new_rate_per_s,
    nodes,
    resources,
    seen,
    users,
    uses,
    way_channels,
    way_starts,
)
from simgpu.simulation.compiled.calendar import schedule, schedule_anew
from simgpu.simulation.compiled.covering import LIMIT_PS
from simgpu.simulation.compiled.jit import compiled
from simgpu.simulation.compiled.phases import FLOW, PLAIN
from simgpu.simulation.compiled.rates import share_equally, solve_component
from simgpu.simulation.compiled.records import Run
from simgpu.simulation.workload import NONE
from simgpu.units import PS_PER_S

_FLOAT_PS_PER_S = float(PS_PER_S)


@compiled
def begin_flow(run: Run, task: int, amount: int, way: int, limit_per_s: int) -> None:
    """Begin a flow. One that has nothing to move, or no channels and no limit, ends at this instant."""
    first, end = way_starts(run)[way], way_starts(run)[way + 1]
    if amount == 0 or (first == end and limit_per_s == 0):
        nodes(run)[task].phase = PLAIN
        schedule(run, task, run.now_ps)
        return
    number = _new_flow(run)
    flow = flows(run)[number]
    flow.task, flow.way, flow.amount, flow.limit_per_s, flow.first = task, way, amount, limit_per_s, NONE
    flow.remaining, flow.rate_per_s, flow.has_moved, flow.settled_ps = float(amount), 0.0, 0, run.now_ps
    nodes(run)[task].phase, nodes(run)[task].place, nodes(run)[task].bucket = FLOW, number, NONE
    is_limited = limit_per_s > 0
    for place in range(first, end):
        channel = way_channels(run)[place]
        if channels(run)[channel].is_fatpipe:
            is_limited = True
        else:
            _use(run, number, channel)
    if is_limited:
        _limit(run, number)
    _changed(run, number)


@compiled
def end_flow(run: Run, number: int) -> None:
    """Free what a flow uses."""
    flow = flows(run)[number]
    place = flow.first
    while True:
        use = uses(run)[place]
        resource = resources(run)[use.resource]
        resource.users -= 1
        if resource.users:  # the last one takes its place
            last = users(run)[resource.first + resource.users]
            users(run)[use.place].flow, users(run)[use.place].use = last.flow, last.use
            uses(run)[last.use].place = use.place
            _changed(run, users(run)[resource.first].flow)
        beside = use.beside
        use.beside, run.free_use = run.free_use, place
        if beside == flow.first:
            break
        place = beside
    flow.task, flow.first = NONE, run.free_flow
    run.free_flow = number


@compiled
def change_capacity(run: Run, channel: int, per_s: int) -> None:
    """Give a channel another capacity."""
    resources(run)[channel].per_s = float(per_s)
    if not channels(run)[channel].is_fatpipe:
        if resources(run)[channel].users:
            _changed(run, users(run)[resources(run)[channel].first].flow)
        return
    for number in range(run.fresh_flow):
        if flows(run)[number].task != NONE and resources(run)[run.channel_count + number].users:
            resources(run)[run.channel_count + number].per_s = _own_per_s(run, number)
            _changed(run, number)


@compiled
def solve(run: Run) -> None:
    """Give flows new rates where something has changed, and have those that are due first end then."""
    run.solution += 1
    for place in range(run.changed_flow_count):
        number = changed_flows(run)[place]
        flow = flows(run)[number]
        flow.is_changed = 0
        if flow.task == NONE or seen(run)[number] == run.solution:
            continue
        rate = _rate_alone(run, number)
        if rate != NONE:
            _change_rate(run, number, rate)
            schedule_anew(run, flow.task, flow.end_ps)
        else:
            _change_component(run, number)
    run.changed_flow_count = 0


@compiled
def _new_flow(run: Run) -> int:
    number: int = run.free_flow
    if number == NONE:
        number = run.fresh_flow
        run.fresh_flow += 1
    else:
        run.free_flow = flows(run)[number].first
    resources(run)[run.channel_count + number].users = 0
    return number


@compiled
def _use(run: Run, number: int, used: int) -> None:
    """Have a flow use a resource."""
    use = run.free_use
    if use == NONE:
        use = run.fresh_use
        run.fresh_use += 1
    else:
        run.free_use = uses(run)[use].beside
    resource = resources(run)[used]
    if resource.users == resource.room:
        _double_room(run, used)
    place = resource.first + resource.users
    resource.users += 1
    users(run)[place].flow, users(run)[place].use = number, use
    uses(run)[use].resource, uses(run)[use].place = used, place
    first = flows(run)[number].first
    if first == NONE:
        flows(run)[number].first = uses(run)[use].beside = use
    else:
        uses(run)[use].beside, uses(run)[first].beside = uses(run)[first].beside, use


@compiled
def _double_room(run: Run, used: int) -> None:
    """Move the users of a resource to where there is room for more: all its rooms have less than four times as many."""
    resource = resources(run)[used]
    first = run.fresh_user
    resource.room = max(2, 2 * resource.room)
    run.fresh_user += resource.room
    for place in range(resource.users):
        user = users(run)[resource.first + place]
        users(run)[first + place].flow, users(run)[first + place].use = user.flow, user.use
        uses(run)[user.use].place = first + place
    resource.first = first


@compiled
def _limit(run: Run, number: int) -> None:
    """Have a flow use a resource of its own, which limits it alone."""
    own = resources(run)[run.channel_count + number]
    own.number = -1 - flows(run)[number].task
    own.per_s = _own_per_s(run, number)
    _use(run, number, run.channel_count + number)


@compiled
def _own_per_s(run: Run, number: int) -> float:
    """Return the least of a flow's own limit and the capacities of the fat pipes on its way."""
    flow = flows(run)[number]
    per_s = float(flow.limit_per_s) if flow.limit_per_s else math.inf
    for place in range(way_starts(run)[flow.way], way_starts(run)[flow.way + 1]):
        channel = way_channels(run)[place]
        if channels(run)[channel].is_fatpipe:
            per_s = min(per_s, resources(run)[channel].per_s)
    return per_s


@compiled
def _changed(run: Run, number: int) -> None:
    if not flows(run)[number].is_changed:
        flows(run)[number].is_changed = 1
        changed_flows(run)[run.changed_flow_count] = number
        run.changed_flow_count += 1


@compiled
def _rate_alone(run: Run, number: int) -> float:
    """Return the rate of a flow that shares nothing, and has no channel twice on its way; NONE for another."""
    rate: float = math.inf
    first = use = flows(run)[number].first
    while True:
        resource = resources(run)[uses(run)[use].resource]
        if resource.users > 1:
            return NONE
        rate = min(rate, resource.per_s)
        use = uses(run)[use].beside
        if use == first:
            return rate


@compiled
def _change_component(run: Run, number: int) -> None:
    count = share_equally(run, number) or solve_component(run, number)
    first_ps = BEYOND_PS
    for place in range(count):
        member = component(run)[place]
        _change_rate(run, member, new_rate_per_s(run)[member])
        first_ps = min(first_ps, flows(run)[member].end_ps)
    for place in range(count):
        member = component(run)[place]
        if flows(run)[member].end_ps == first_ps:
            schedule_anew(run, flows(run)[member].task, first_ps)


@compiled
def _change_rate(run: Run, number: int, rate_per_s: float) -> None:
    flow = flows(run)[number]
    if flow.rate_per_s == rate_per_s:
        return
    if flow.rate_per_s and run.now_ps > flow.settled_ps:
        flow.remaining -= flow.rate_per_s * seconds(run.now_ps - flow.settled_ps)
        flow.has_moved = 1
    flow.settled_ps, flow.rate_per_s = run.now_ps, rate_per_s
    if not flow.has_moved and math.floor(rate_per_s) == rate_per_s:
        flow.end_ps = run.now_ps + moving_ps(flow.amount, int(rate_per_s))
    else:
        flow.end_ps = run.now_ps + ticks(flow.remaining * _FLOAT_PS_PER_S / rate_per_s)
    if flow.end_ps > LIMIT_PS:
        run.is_beyond = 1
