"""All metrics of a trace at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simgpu.machine import Machine
from simgpu.metrics.bubble import Bubble, bubble_of
from simgpu.metrics.columns import Ints
from simgpu.metrics.critical_path import CriticalPath, path_of
from simgpu.metrics.history import history_of
from simgpu.metrics.slack import slack_of
from simgpu.metrics.tasks import placement_of
from simgpu.metrics.use import DeviceUse, LinkUse, WayUse, device_use, link_use, way_use
from simgpu.metrics.ways import ways_of
from simgpu.placement import Placement
from simgpu.trace import Trace


@dataclass(frozen=True, slots=True, eq=False)
class Metrics:
    """What a run was like. `slack_ps[i]` is that of `trace.spans[i]`; ways and links are those that had transfers."""

    makespan_ps: int
    critical_path: CriticalPath
    slack_ps: Ints
    devices: tuple[DeviceUse, ...]
    ways: tuple[WayUse, ...]
    links: tuple[LinkUse, ...]
    bubble: Bubble

    @property
    def bytes_by_link(self) -> Mapping[str, int]:
        """The bytes that went over each link, in each direction by itself."""
        return {link.name: link.size_bytes for link in self.links}


def metrics_of(trace: Trace, placement: Placement, *, machine: Machine | None = None) -> Metrics:
    """Measure the trace of either engine.

    `placement` is what was run, `machine` the one it was simulated on, if another. Raises InvalidValue if they are not
    those of the trace.
    """
    history = history_of(trace)
    placement = placement_of(trace, placement, machine)
    columns, ways = history.columns, ways_of(history.columns, placement.machine)
    devices = tuple(device_use(trace, columns))
    return Metrics(
        makespan_ps=columns.makespan_ps,
        critical_path=path_of(history),
        slack_ps=slack_of(history, placement),
        devices=devices,
        ways=tuple(way_use(columns, ways)),
        links=tuple(link_use(columns, ways, placement.machine)),
        bubble=bubble_of(devices),
    )
