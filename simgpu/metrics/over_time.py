"""Numbers that change over the time of a run: how many wait, how many bytes are in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul, sub
from typing import get_args

import numpy as np

from simgpu.errors import InvalidValue, check_type
from simgpu.metrics.columns import NONE, Bools, Columns, Ints, check_trace, column, columns_of
from simgpu.naming import short_name
from simgpu.trace import MemoryEvent, SpanKind, Trace


@dataclass(frozen=True, slots=True, eq=False)
class StepFunction:
    """A number over time. It is `values[i]` from `times_ps[i]` on, 0 before the first time, until `end_ps`.

    Of values with one time, all count for the maximum, and the last one holds from then on. Equal if all numbers are.
    """

    times_ps: Ints
    values: Ints
    end_ps: int

    @property
    def maximum(self) -> int:
        """The largest value; 0 if there is none."""
        return int(self.values.max()) if len(self.values) else 0

    @property
    def integral(self) -> int:
        """The sum of values times how long they hold, in picoseconds times the unit of the values."""
        times_ps = self.times_ps.tolist()
        ends_ps = [*times_ps[1:], max(self.end_ps, times_ps[-1])] if times_ps else []
        return sum(map(mul, self.values.tolist(), map(sub, ends_ps, times_ps)))

    @property
    def mean(self) -> float:
        """The mean over time, from 0 to `end_ps`; 0 if that is no time."""
        return self.integral / self.end_ps if self.end_ps else 0.0

    def at(self, time_ps: int) -> int:
        """Return the value at a time."""
        place = int(np.searchsorted(self.times_ps, time_ps, side="right"))
        return int(self.values[place - 1]) if place else 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StepFunction):
            return NotImplemented
        arrays = ((self.times_ps, other.times_ps), (self.values, other.values))
        return self.end_ps == other.end_ps and all(np.array_equal(a, b) for a, b in arrays)

    __hash__ = None  # type: ignore[assignment]


def queue_lengths(trace: Trace, resource: str, *, kind: SpanKind | None = None) -> StepFunction:
    """Return how many spans of a resource are ready but have not started, over the time of the run.

    `resource` is a device, such as `GPU:0`, whose computations are counted unless `kind` is `launch`; or a way, such as
    `GPU:0 -> GPU:1`, whose transfers are. The integral is the sum of the waiting times, the mean is weighted by time.
    Raises InvalidValue for what is neither a device nor a way of the trace.
    """
    check_type(resource, str, "resource", "the name of a device or way, such as 'GPU:0' or 'GPU:0 -> GPU:1'")
    if kind is not None and kind not in get_args(SpanKind):
        raise InvalidValue(f"kind={kind!r} is not a kind of span; choose one of {', '.join(get_args(SpanKind))}")
    columns = columns_of(trace)
    number = _resource_number(trace, columns, resource)
    kind = kind or ("transfer" if " -> " in resource else "compute")
    return queue_of(columns, columns.are(kind) & (columns.resource == number))


def queue_of(columns: Columns, spans: Bools | Ints) -> StepFunction:
    """Return how many of some spans are ready but have not started, over the time of the run."""
    ready_ps, start_ps = columns.ready_ps[spans], columns.start_ps[spans]
    waits = ready_ps < start_ps
    times_ps = np.concatenate([ready_ps[waits], start_ps[waits]])
    order = np.argsort(times_ps, kind="stable")
    times_ps, lengths = times_ps[order], np.cumsum(np.where(order < np.count_nonzero(waits), 1, -1))
    is_last = np.ones(len(times_ps), bool)
    is_last[:-1] = times_ps[1:] != times_ps[:-1]
    return StepFunction(times_ps[is_last], lengths[is_last], columns.makespan_ps)


def memory_use(trace: Trace, device: str | int) -> StepFunction:
    """Return how many bytes are in use on a device, given by name or number, over the time of the run.

    Its maximum is the peak, also where a block is taken and given back at one instant. Raises InvalidValue if the trace
    has no such device.
    """
    check_trace(trace)
    names = [name for it in trace.devices for name in (it.name, short_name(it.name))]
    if device not in (range(len(trace.devices)) if isinstance(device, int) else names):
        known = ", ".join(names[1:32:2])
        raise InvalidValue(f"the trace has no device {device!r}; it has {known or 'none'}")
    number = device if isinstance(device, int) else names.index(device) // 2
    return memory_of(trace.memory[number], trace.makespan_ps)


def memory_of(events: Sequence[MemoryEvent], end_ps: int) -> StepFunction:
    """Return how many bytes are in use, from the events of one ledger."""
    changes = np.where(column(events, 1) == 1, 1, -1) * column(events, 4)
    return StepFunction(column(events, 0), np.cumsum(changes), end_ps)


def _resource_number(trace: Trace, columns: Columns, resource: str) -> int:
    """Return the number of a resource among those of the spans; NONE for a device without spans."""
    devices = {short_name(device.name): device.name for device in trace.devices}
    name = devices.get(resource, resource)
    if name in columns.resources:
        return columns.resources.index(name)
    if name not in devices.values():
        known = ", ".join([*devices, *(it for it in columns.resources if " -> " in it)][:16])
        raise InvalidValue(f"the trace has nothing on {resource!r}; it has {known or 'no devices'}")
    return NONE
