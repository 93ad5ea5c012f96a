"""Turns: which span had a place before which. A place is whatever takes a limited number of spans at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simgpu.metrics.columns import NONE, Ints, Order


@dataclass(frozen=True, slots=True, eq=False)
class Holders:
    """Who held which place: entry i says that span `spans[i]` held place `places[i]`, from its start to its end."""

    spans: Ints
    places: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Turns:
    """The holders place by place. `by_start` and `by_end` are spans in the order of their starts and of their ends.

    Entry i of `by_start` belongs to a place whose entries begin at `first[i]`, in both; `ended[i]` of its spans had
    ended before it started.
    """

    by_start: Ints
    by_end: Ints
    first: Ints
    ended: Ints

    def last(self) -> Ints:
        """Return for each of `by_start` the span of its place that was the last to end before it started; or NONE."""
        found = np.full(len(self.by_start), NONE, np.int64)
        has = self.ended > 0
        found[has] = self.by_end[(self.first + self.ended - 1)[has]]
        return found

    def most(self) -> Ints:
        """Return for each of `by_start` how many spans its place had at the same time, at most."""
        if not len(self.first):
            return self.first
        running = np.arange(len(self.first)) - self.first - self.ended + 1
        begins = np.unique(self.first)
        peaks = np.maximum.reduceat(running, begins)
        return np.repeat(peaks, np.diff([*begins, len(self.first)]))


def turns_of(order: Order, holders: Holders) -> Turns:
    """Sort holders into turns."""
    base = 2 * len(order.start)
    starts, ends = (holders.places * base + moments[holders.spans] for moments in (order.start, order.end))
    by_start, by_end = np.argsort(starts), np.argsort(ends)
    starts, ends = starts[by_start], ends[by_end]
    first = np.searchsorted(ends, holders.places[by_start] * base)
    ended = np.searchsorted(ends, starts) - first
    return Turns(holders.spans[by_start], holders.spans[by_end], first, ended)
