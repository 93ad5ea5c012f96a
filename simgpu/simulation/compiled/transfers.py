"""Moves on a route: `links`, both policies."""

from __future__ import annotations

from simgpu.simulation.compiled.arithmetic import moving_ps
from simgpu.simulation.compiled.arrays import (
    amount,
    channels,
    kinds,
    nodes,
    rate_cap,
    stations,
    way_channels,
    way_latency_ps,
    way_link,
    way_starts,
    where,
)
from simgpu.simulation.compiled.calendar import schedule
from simgpu.simulation.compiled.flows import begin_flow
from simgpu.simulation.compiled.jit import compiled
from simgpu.simulation.compiled.phases import CHANNEL, HOP, LATE, PLAIN
from simgpu.simulation.compiled.private_links import begin_on_link
from simgpu.simulation.compiled.records import Run
from simgpu.simulation.compiled.tasks import change, end, start
from simgpu.simulation.compiled.waiting import dequeue, enqueue
from simgpu.simulation.workload import NONE


@compiled
def begin_move(run: Run, task: int) -> None:
    """Begin a move that has passed its gates."""
    way = where(run)[task]
    if run.is_fair:
        start(run, task)
        if way_link(run)[way] != NONE and amount(run)[task]:
            begin_on_link(run, task, way_link(run)[way])
        elif way_latency_ps(run)[way]:
            nodes(run)[task].phase = LATE
            schedule(run, task, run.now_ps + way_latency_ps(run)[way])
        else:
            flow_on(run, task)
    elif way_starts(run)[way] == way_starts(run)[way + 1]:
        start(run, task)
        nodes(run)[task].phase = PLAIN
        cap = rate_cap(run)[task]
        capped_ps = moving_ps(amount(run)[task], cap) if cap else 0
        schedule(run, task, run.now_ps + way_latency_ps(run)[way] + capped_ps)
    else:
        nodes(run)[task].place = way_starts(run)[way]
        _arrive(run, task)


@compiled
def flow_on(run: Run, task: int) -> None:
    """Let the bytes of a move flow, its latency being over."""
    begin_flow(run, task, amount(run)[task], where(run)[task], rate_cap(run)[task])


@compiled
def through(run: Run, task: int) -> None:
    """Let a transfer go on from a channel to the next one, or end behind the last one."""
    channel = way_channels(run)[nodes(run)[task].place]
    station = kinds(run)[CHANNEL].first + channel
    if not channels(run)[channel].is_fatpipe:
        stations(run)[station].free += 1
    change(run, CHANNEL, station)
    nodes(run)[task].place += 1
    if nodes(run)[task].place == way_starts(run)[where(run)[task] + 1]:
        end(run, task)
    else:
        _arrive(run, task)


@compiled
def dispatch_channel(run: Run, station: int) -> None:
    """Serve who is next, and on a fat pipe all who wait."""
    channel = channels(run)[station - kinds(run)[CHANNEL].first]
    while stations(run)[station].free and stations(run)[station].first >= 0:
        task = dequeue(run, station)
        if nodes(run)[task].place == way_starts(run)[where(run)[task]]:
            start(run, task)
        cap = rate_cap(run)[task]
        per_s = min(channel.per_s, cap) if cap else channel.per_s
        nodes(run)[task].phase = HOP
        schedule(run, task, run.now_ps + channel.latency_ps + moving_ps(amount(run)[task], per_s))
        if not channel.is_fatpipe:
            stations(run)[station].free -= 1


@compiled
def _arrive(run: Run, task: int) -> None:
    """Wait for a channel."""
    station = kinds(run)[CHANNEL].first + way_channels(run)[nodes(run)[task].place]
    enqueue(run, station, task, 0)
    change(run, CHANNEL, station)
