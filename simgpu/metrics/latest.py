"""How late spans may end, if what came after them is to start no later than it may."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from simgpu.metrics.columns import Columns, Ints, Order, integers

_BATCH = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Pairs of spans: the second may start when the first has ended (or started), and `lag_ps` has passed since."""

    before: Ints
    after: Ints
    lag_ps: Ints


def latest_ends(columns: Columns, order: Order, ends: Sequence[Edges], starts: Sequence[Edges]) -> Ints:
    """Return how late each span may end without the makespan growing.

    `ends` are edges from ends to starts, `starts` those from starts to starts. It takes one pass over plain integers,
    from the last start to the first, so that each span is dealt with after all that come after it. `latest` has how
    late each span may end and, behind that, how late it may start.
    """
    count = len(columns)
    sequence = np.argsort(-order.start)
    duration_ps = columns.end_ps - columns.start_ps
    after, earlier, lag_ps = _incoming(sequence, ends, starts)
    firsts = np.searchsorted(after, np.arange(count + 1))
    latest = [int(columns.end_ps.max())] * (2 * count)
    for first in range(0, count, _BATCH):
        batch = sequence[first : first + _BATCH]
        places = firsts[first : first + _BATCH + 1]
        edges = zip(*(it[places[0] : places[-1]].tolist() for it in (earlier, lag_ps)), strict=True)
        _pass_on(latest, zip(*(it.tolist() for it in (batch, duration_ps[batch], np.diff(places))), strict=True), edges)
    return integers(latest[:count])


def _incoming(sequence: Ints, ends: Sequence[Edges], starts: Sequence[Edges]) -> tuple[Ints, Ints, Ints]:
    """Return the edges by the place of their second span in the sequence; starts are numbered behind the ends."""
    count = len(sequence)
    place = np.empty(count, np.int64)
    place[sequence] = np.arange(count)
    after = place[np.concatenate([it.after for it in (*ends, *starts)])]
    earlier = np.concatenate([*(it.before for it in ends), *(count + it.before for it in starts)])
    lag_ps = np.concatenate([it.lag_ps for it in (*ends, *starts)])
    order = np.argsort(after, kind="stable")
    return after[order], earlier[order], lag_ps[order]


def _pass_on(latest: list[int], spans: Iterable[tuple[int, int, int]], edges: Iterable[tuple[int, int]]) -> None:
    """Deal with spans, given with their durations and numbers of edges."""
    remaining, count = iter(edges), len(latest) // 2
    for span, duration_ps, number in spans:
        start_ps = min(latest[span] - duration_ps, latest[count + span])
        for earlier, lag_ps in islice(remaining, number):
            if start_ps - lag_ps < latest[earlier]:
                latest[earlier] = start_ps - lag_ps
