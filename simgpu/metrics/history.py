"""What each span came right after: what made it ready or, where it waited for its turn, who had its place before it.

This is told from the trace alone. A span that did not wait came after its `cause`. One that waited came after the span
that ended at the very instant at which it started: on its own place if there is one there (a GPU; the CPU devices of
one host; the launcher of a GPU; a GPU as the target or the source of transfers), else among the transfers, else any,
whose end may have given it memory. If none did, it came after the last one on its place that ended while it waited, and
else after its cause; the time between is a wait that no span explains. In measured time, where nothing ends at the very
instant, only the last one on its own place counts; all transfers together have one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simgpu.metrics.columns import NONE, Bools, Columns, Ints, Order, columns_of, order_of
from simgpu.metrics.turns import Holders, turns_of
from simgpu.naming import short_name
from simgpu.trace import Trace


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The spans of a trace, in order. Each came after the span `before`, or NONE; `is_turn` if it waited for that one.

    It starts before that span in `order`, so that there are no loops.
    """

    trace: Trace
    columns: Columns
    order: Order
    before: Ints
    is_turn: Bools


def history_of(trace: Trace) -> History:
    """Find what each span came after. Raises InvalidValue for what is no trace."""
    columns = columns_of(trace)
    order = order_of(columns)
    did_wait = columns.ready_ps != columns.start_ps
    before = np.where(did_wait, NONE, columns.cause)
    waits = np.flatnonzero(did_wait)
    places = list(_places(trace, columns))
    if trace.engine == "simulate":
        transfers, anywhere = np.where(columns.are("transfer"), 0, NONE), np.zeros(len(columns), np.int64)
        for others in (*places, transfers, anywhere):
            last = _last_before(order, others)
            _explain(before, waits, last, columns.end_ps[last] == columns.start_ps)
    for others in places:
        last = _last_before(order, others)
        _explain(before, waits, last, columns.end_ps[last] > columns.ready_ps)
    is_turn = did_wait & (before != NONE)
    return History(trace, columns, order, np.where(did_wait & ~is_turn, columns.cause, before), is_turn)


def _explain(before: Ints, waits: Ints, last: Ints, is_reason: Bools) -> None:
    """Let spans that waited, for an unknown reason, have waited for the last one where that is a reason."""
    found = waits[(before[waits] == NONE) & (last[waits] != NONE) & is_reason[waits]]
    before[found] = last[found]


def _last_before(order: Order, places: Ints) -> Ints:
    """Return for each span the one that was the last to end on its place before it started; or NONE."""
    spans = np.flatnonzero(places != NONE)
    turns = turns_of(order, Holders(spans, places[spans]))
    last = np.full(len(places), NONE, np.int64)
    last[turns.by_start] = turns.last()
    return last


def _places(trace: Trace, columns: Columns) -> Iterator[Ints]:
    """Yield the number of the place of each span, NONE where it has none: its device, its target, its source."""
    numbers: dict[object, int] = {"transfers": 0}
    is_transfer, is_launch = columns.are("transfer"), columns.are("launch")

    def numbered(*keys: object) -> Ints:
        """Return numbers for the keys of the resources, and for each span that of its resource."""
        known = np.array([NONE if key is None else numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
        return known[columns.resource] if len(known) else known

    hosts = {device.name: device.name.rpartition("/")[0] for device in trace.devices if device.kind == "CPU"}
    device = numbered(*(("host", hosts[it]) if it in hosts else ("device", it) for it in columns.resources))
    launcher = numbered(*(("launcher", it) for it in columns.resources))
    own = np.where(is_launch, launcher, device)
    if trace.engine != "simulate":
        yield np.where(is_transfer, 0, own)
        return
    yield np.where(is_transfer, NONE, own)
    gpus = {short_name(device.name) for device in trace.devices if device.kind == "GPU"}
    for way, end in (("into", 2), ("out of", 0)):
        ends = [it.partition(" -> ")[end] for it in columns.resources]
        yield np.where(is_transfer, numbered(*((way, it) if it in gpus else None for it in ends)), NONE)
