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
    if link.first_ps != run.now_ps or link.due == 0 or nodes(run)[task].turn != link.timing:
        return False
    link.due -= 1
    if link.due == 0:
        _remove_ending(run, number)
        if link.flowing + link.coming:
            _go_on(run, number, False)
        else:
            link.first_ps = NEVER_PS
    return True


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
def _remove_ending(run: Run, number: int) -> None:
    link = links(run)[number]
    link.flowing -= link.ending
    for place in range(link.first, link.first + link.flowing + link.coming):
        _copy(run, place + link.ending, place)


@compiled
def _append(run: Run, number: int, task: int, from_ps: int) -> None:
    """Put a move behind those who come. A link's rooms have less than four times as many places as it has moves."""
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
    """Have those due that end first.

    Unless this instant `is_over`, others may come in yet. If several end together, or at the instant from which on they
    share, the link is solved again at the end of this instant, or of that one.
    """
    link = links(run)[number]
    task = on_links(run)[link.first].task
    link.due = 0
    if from_ps == link.first_ps and not (is_over and from_ps == run.now_ps):
        nodes(run)[task].phase = SOLVE
        schedule_anew(run, task, from_ps)
        return
    link.ending = 1
    while link.ending < link.flowing and _ends_at_once(run, number, from_ps, link.ending):
        link.ending += 1
        if not is_over:
            change_link(run, task)
            return
    link.due = link.ending
    link.timing += 1
    for place in range(link.first, link.first + link.due):
        node = nodes(run)[on_links(run)[place].task]
        node.phase, node.turn = PRIVATE, link.timing
        schedule_anew(run, on_links(run)[place].task, link.first_ps)


@compiled
def _ends_at_once(run: Run, number: int, from_ps: int, which: int) -> bool:
    """Tell whether one of those who flow ends with the first one."""
    link = links(run)[number]
    duration = on_links(run)[link.first + which].left * _FLOAT_PS_PER_S / link.rate_per_s
    return bool(from_ps + ticks(duration) <= link.first_ps)


@compiled
def _go_on(run: Run, number: int, is_over: bool) -> None:
    """Share among those who still flow, and then among them and each who comes in before the first of them ends."""
    link = links(run)[number]
    from_ps = max(run.now_ps, link.settled_ps)
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
