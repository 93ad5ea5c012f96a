"""Turns on store-and-forward links: a transfer starts when the one before it has left the first channel of its way.

That one may still be under way then, over later channels; so the start of the one is bound to the start of the other. A
trace does not tell what its links were like, nor when a transfer left a channel. But they were not of this kind if a
transfer took less time than its channels take one after the other, or started on a channel before another that had
started there could have left it: at the capacities that the machine has without perturbations.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from simgpu.machine import Machine
from simgpu.metrics.columns import Columns, Order, integers
from simgpu.metrics.latest import Edges
from simgpu.metrics.ways import Ways
from simgpu.units import transfer_ps


@dataclass(frozen=True, slots=True)
class _Use:
    """A transfer on a channel: when it left it, at the earliest and at the latest. If `is_first`, it started there."""

    span: int
    start_ps: int
    earliest_ps: int
    latest_ps: int
    is_first: bool


def behind_departures(columns: Columns, order: Order, ways: Ways, machine: Machine) -> Edges:
    """Return whose starts the starts of transfers had to wait for, and how long: none if their links show to be others.

    When a transfer left a channel is told by the times that the channels of its way take, from its start on, and back
    from its end. Where these differ, since it waited on its way, it is taken to have left as late as may be.
    """
    edges: set[tuple[int, int, int]] = set()
    if any(len(channels) > 1 for channels in ways.channels):
        uses = _uses(columns, ways, machine)
        if not any(map(_are_shared, uses)):
            edges = {edge for users in uses for edge in _behind(users, order)}
    before, after, lag_ps = zip(*sorted(edges), strict=True) if edges else ((), (), ())
    return Edges(np.array(before, np.int64), np.array(after, np.int64), integers(lag_ps))


def _uses(columns: Columns, ways: Ways, machine: Machine) -> list[list[_Use]]:
    """Return who used each channel that takes one transfer at a time, in the order of their starts."""
    uses: defaultdict[int, list[_Use]] = defaultdict(list)
    by_start = np.argsort(columns.start_ps[ways.spans], kind="stable")
    for span, way in zip(ways.spans[by_start].tolist(), ways.way[by_start].tolist(), strict=True):
        start_ps, end_ps = int(columns.start_ps[span]), int(columns.end_ps[span])
        channels = [machine.channels[it] for it in ways.channels[way]]
        size_bytes = int(columns.size_bytes[span])
        took_ps = [it.latency_ps + transfer_ps(size_bytes, it.bandwidth_bytes_per_s) for it in channels]
        all_ps = sum(took_ps)
        for hop, (number, until_ps) in enumerate(zip(ways.channels[way], accumulate(took_ps), strict=True)):
            if not machine.channels[number].is_fatpipe:
                latest_ps = end_ps - (all_ps - until_ps)
                uses[number].append(_Use(span, start_ps, start_ps + until_ps, latest_ps, is_first=hop == 0))
    return list(uses.values())


def _are_shared(users: Sequence[_Use]) -> bool:
    """Tell whether two who started on a channel were there at once, or one left before it can have been through."""
    starting = [it for it in users if it.is_first]
    return any(later.start_ps < one.earliest_ps for one, later in pairwise(starting)) or any(
        it.latest_ps < it.earliest_ps for it in users
    )


def _behind(users: Sequence[_Use], order: Order) -> Iterator[tuple[int, int, int]]:
    """Yield, for each who started on a channel, who left it last before, and how long after its own start."""
    rankings = [sorted(users, key=lambda it: it.earliest_ps), sorted(users, key=lambda it: it.latest_ps)]
    leaving = [[it.earliest_ps for it in rankings[0]], [it.latest_ps for it in rankings[1]]]
    for later in users:
        if not later.is_first:
            continue
        for ranking, left_ps in zip(rankings, leaving, strict=True):
            place = bisect_right(left_ps, later.start_ps) - 1
            while place >= 0 and order.start[ranking[place].span] >= order.start[later.span]:  # it took no time there
                place -= 1
            if place >= 0:
                one = ranking[place]
                yield one.span, later.span, min(one.latest_ps, later.start_ps) - one.start_ps
