"""Moves on private links: `simulation.private_links`, with records in a row for those who flow and those who come.

The first `flowing` records of a link are in the order in which they end, the `coming` ones behind them in the order in
which they come in.
"""

from __future__ import annotations

from simgpu.simulation.compiled.arithmetic import moving_ps, seconds, ticks
from simgpu.simulation.compiled.arrays import amount, changed_links, links, nodes, on_links
from simgpu.simulation.compiled.calendar import schedule_anew
from simgpu.simulation.compiled.jit import compiled
from simgpu.simulation.compiled.phases import PRIVATE, SOLVE
from simgpu.simulation.compiled.records import NEVER_PS, Run
from simgpu.simulation.workload import NONE
from simgpu.units import PS_PER_S

_FLOAT_PS_PER_S = float(PS_PER_S)


@compiled
def begin_on_link(run: Run, task: int, number: int) -> None:
    """Start a move, which flows when the latency has passed."""
    link, node = links(run)[number], nodes(run)[task]
    from_ps = run.now_ps + link.latency_ps
    node.phase, node.place, node.bucket = PRIVATE, number, NONE
    _append(run, number, task, from_ps)
    if from_ps < link.first_ps:
        _come_in(run, number)
        _have_first_due(run, number, from_ps, False)


@compiled
def leave_link(run: Run, task: int) -> bool:
    """End a move, and tell that it has ended; or that it is due at another time by now."""
    number = nodes(run)[task].place
    link = links(run)[number]
    if link.first_ps != run.now_ps:
        return False
    place = _place_of_due(run, number, task)
    if place == NONE:
        return False
    link.flowing -= 1
    link.due -= 1
    for behind in range(place, link.first + link.flowing + link.coming):
        _copy(run, behind + 1, behind)
    if link.flowing + link.coming == 0:
        link.first_ps = NEVER_PS
    elif link.due == 0:
        _go_on(run, number, False)
    return True


@compiled
def _place_of_due(run: Run, number: int, task: int) -> int:
    first = links(run)[number].first
    for place in range(first, first + links(run)[number].due):
        if on_links(run)[place].task == task:
            return place
    return NONE


@compiled
def change_link(run: Run, task: int) -> None:
    """Have the link of a move solved at the end of this instant."""
    number = nodes(run)[task].place
    if not links(run)[number].is_changed:
        links(run)[number].is_changed = 1
        changed_links(run)[run.changed_link_count] = number
        run.changed_link_count += 1


@compiled
def solve_links(run: Run) -> None:
    """Share anew the links that have changed."""
    for place in range(run.changed_link_count):
        links(run)[changed_links(run)[place]].is_changed = 0
        _go_on(run, changed_links(run)[place], True)
    run.changed_link_count = 0


@compiled
def _append(run: Run, number: int, task: int, from_ps: int) -> None:
    """Put a move behind those who come."""
    link = links(run)[number]
    count = link.flowing + link.coming
    if count == link.room:
        link.room = max(2, 2 * count)
        for place in range(count):
            _copy(run, link.first + place, run.fresh_on_link + place)
        link.first = run.fresh_on_link
        run.fresh_on_link += link.room
    last = on_links(run)[link.first + count]
    last.task, last.from_ps, last.left = task, from_ps, float(amount(run)[task])
    link.coming += 1


@compiled
def _come_in(run: Run, number: int) -> None:
    """Let the first of those who come flow."""
    link = links(run)[number]
    place = link.first + link.flowing
    task, from_ps, left = on_links(run)[place].task, on_links(run)[place].from_ps, on_links(run)[place].left
    link.flowing += 1
    link.coming -= 1
    if link.flowing == 1:
        link.settled_ps, link.rate_per_s = from_ps, float(link.per_s)
        link.first_ps = from_ps + moving_ps(amount(run)[task], link.per_s)
        return
    _settle(run, number, from_ps, link.flowing - 1)
    while place > link.first and on_links(run)[place - 1].left > left:
        _copy(run, place - 1, place)
        place -= 1
    here = on_links(run)[place]
    here.task, here.from_ps, here.left = task, from_ps, left
    _share(run, number, from_ps)


@compiled
def _settle(run: Run, number: int, now_ps: int, flowing: int) -> None:
    """Bring up to date what is left."""
    link = links(run)[number]
    if now_ps > link.settled_ps:
        moved = link.rate_per_s * seconds(now_ps - link.settled_ps)
        for place in range(link.first, link.first + flowing):
            on_links(run)[place].left -= moved
        link.settled_ps = now_ps


@compiled
def _share(run: Run, number: int, now_ps: int) -> None:
    """Give all the same rate from an instant on at which what is left is up to date."""
    link = links(run)[number]
    link.rate_per_s = link.per_s / link.flowing
    link.first_ps = now_ps + ticks(on_links(run)[link.first].left * _FLOAT_PS_PER_S / link.rate_per_s)


@compiled
def _have_first_due(run: Run, number: int, from_ps: int, is_over: bool) -> None:
    """Have those due that end first; if that is at once, then at the end of that instant, when it `is_over`."""
    link = links(run)[number]
    first_ps, task = link.first_ps, on_links(run)[link.first].task
    link.due = 0
    if from_ps == first_ps and not (is_over and from_ps == run.now_ps):
        nodes(run)[task].phase = SOLVE
        schedule_anew(run, task, from_ps)
        return
    place = link.first
    while True:
        nodes(run)[task].phase = PRIVATE
        schedule_anew(run, task, first_ps)
        link.due += 1
        place += 1
        if link.due == link.flowing:
            return
        task = on_links(run)[place].task
        if from_ps + ticks(on_links(run)[place].left * _FLOAT_PS_PER_S / link.rate_per_s) > first_ps:
            return


@compiled
def _go_on(run: Run, number: int, is_over: bool) -> None:
    """Share among those who still flow, and then among them and each who comes in before the first of them ends."""
    link = links(run)[number]
    from_ps = run.now_ps
    link.first_ps = NEVER_PS
    if link.flowing:
        _settle(run, number, from_ps, link.flowing)
        _share(run, number, from_ps)
    while link.coming:
        then_ps = on_links(run)[link.first + link.flowing].from_ps
        if then_ps != from_ps and then_ps >= link.first_ps:
            break
        from_ps = then_ps
        _come_in(run, number)
    if link.flowing:
        _have_first_due(run, number, from_ps, is_over)


@compiled
def _copy(run: Run, source: int, target: int) -> None:
    one, other = on_links(run)[source], on_links(run)[target]
    other.task, other.from_ps, other.left = one.task, one.from_ps, one.left
