"""How devices, ways and links were used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np

from simgpu.machine import Machine
from simgpu.metrics.columns import Columns, Ints, groups, total
from simgpu.metrics.over_time import memory_of, queue_of
from simgpu.metrics.ways import Ways
from simgpu.trace import Trace
from simgpu.units import PS_PER_S


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """One logical device in a run.

    `busy_ps` is the time in which it computed at least one operation, `first_ps` and `last_ps` are when it began with
    the first and ended the last. `waiting_ps` is the sum over its operations of the time from ready (and launched) to
    start. Launches are the work of its host: `launch_ps` in all, after `launch_waiting_ps`. Queue lengths are those of
    operations; the mean is weighted by time.
    """

    name: str
    kind: str
    operations: int
    busy_ps: int
    first_ps: int
    last_ps: int
    waiting_ps: int
    longest_queue: int
    launch_ps: int
    launch_waiting_ps: int
    peak_bytes: int
    makespan_ps: int

    @property
    def utilization(self) -> float:
        """Share of the makespan in which the device computed."""
        return _share(self.busy_ps, self.makespan_ps)

    @property
    def idle_ps(self) -> int:
        """Time between its first and its last operation in which it computed nothing."""
        return self.last_ps - self.first_ps - self.busy_ps

    @property
    def mean_queue(self) -> float:
        """Mean number of operations that waited."""
        return _share(self.waiting_ps, self.makespan_ps)


@dataclass(frozen=True, slots=True)
class WayUse:
    """What was moved between two memories, such as `GPU:0 -> GPU:1`. `waiting_ps` is the sum over the transfers."""

    name: str
    transfers: int
    size_bytes: int
    busy_ps: int
    waiting_ps: int
    longest_queue: int
    makespan_ps: int

    @property
    def mean_queue(self) -> float:
        """Mean number of transfers that waited."""
        return _share(self.waiting_ps, self.makespan_ps)


@dataclass(frozen=True, slots=True)
class LinkUse:
    """One channel of the machine: a direction of a link, or the memory of a card between its slices.

    `busy_ps` is the time in which at least one transfer over it was under way, with its latency, `waiting_ps` the sum
    over its transfers of the time from ready to start, whatever they waited for.
    """

    name: str
    transfers: int
    size_bytes: int
    busy_ps: int
    waiting_ps: int
    bandwidth_bytes_per_s: int
    makespan_ps: int

    @property
    def utilization(self) -> float:
        """Bytes moved, as a share of what it can move in the makespan. More than 1 is possible on a fat pipe alone."""
        return _share(self.size_bytes * PS_PER_S, self.bandwidth_bytes_per_s * self.makespan_ps)


def device_use(trace: Trace, columns: Columns) -> Iterator[DeviceUse]:
    """Yield the use of each device, in the machine's order."""
    is_transfer, is_launch = columns.are("transfer"), columns.are("launch")
    computes = _by_resource(columns, np.flatnonzero(~is_launch & ~is_transfer))
    launches = _by_resource(columns, np.flatnonzero(is_launch))
    waiting_ps, nothing = columns.start_ps - columns.ready_ps, np.zeros(0, np.int64)
    memory = chain(trace.memory, repeat(()))  # a trace of spans alone may have none
    for device, events in zip(trace.devices, memory, strict=False):
        spans, own_launches = computes.get(device.name, nothing), launches.get(device.name, nothing)
        yield DeviceUse(
            name=device.name,
            kind=device.kind,
            operations=len(spans),
            busy_ps=covered_ps(columns, spans),
            first_ps=int(columns.start_ps[spans].min()) if len(spans) else 0,
            last_ps=int(columns.end_ps[spans].max()) if len(spans) else 0,
            waiting_ps=total(waiting_ps[spans]),
            longest_queue=queue_of(columns, spans).maximum,
            launch_ps=total((columns.end_ps - columns.start_ps)[own_launches]),
            launch_waiting_ps=total(waiting_ps[own_launches]),
            peak_bytes=memory_of(events, columns.makespan_ps).maximum,
            makespan_ps=columns.makespan_ps,
        )


def way_use(columns: Columns, ways: Ways) -> Iterator[WayUse]:
    """Yield the use of each way that had transfers."""
    for name, spans in groups(ways.spans, ways.way):
        yield WayUse(
            name=ways.names[name],
            transfers=len(spans),
            size_bytes=total(columns.size_bytes[spans]),
            busy_ps=covered_ps(columns, spans),
            waiting_ps=total((columns.start_ps - columns.ready_ps)[spans]),
            longest_queue=queue_of(columns, spans).maximum,
            makespan_ps=columns.makespan_ps,
        )


def link_use(columns: Columns, ways: Ways, machine: Machine) -> Iterator[LinkUse]:
    """Yield the use of each channel that had transfers, in the machine's order."""
    holders = ways.holders()
    for channel, spans in groups(holders.spans, holders.places):
        yield LinkUse(
            name=machine.channels[channel].name,
            transfers=len(spans),
            size_bytes=total(columns.size_bytes[spans]),
            busy_ps=covered_ps(columns, spans),
            waiting_ps=total((columns.start_ps - columns.ready_ps)[spans]),
            bandwidth_bytes_per_s=machine.channels[channel].bandwidth_bytes_per_s,
            makespan_ps=columns.makespan_ps,
        )


def covered_ps(columns: Columns, spans: Ints) -> int:
    """Return the time in which at least one of some spans was under way."""
    if not len(spans):
        return 0
    order = spans[np.argsort(columns.start_ps[spans], kind="stable")]
    start_ps, reached_ps = columns.start_ps[order], np.maximum.accumulate(columns.end_ps[order])
    gaps_ps = np.maximum(start_ps[1:] - reached_ps[:-1], 0)
    return int(reached_ps[-1]) - int(start_ps[0]) - total(gaps_ps)


def _by_resource(columns: Columns, spans: Ints) -> dict[str, Ints]:
    return {columns.resources[number]: group for number, group in groups(spans, columns.resource[spans])}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
