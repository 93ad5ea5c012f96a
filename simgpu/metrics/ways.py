"""The ways of transfers, such as `GPU:0 -> GPU:1`, and the channels of the machine that they go over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simgpu.machine import Machine
from simgpu.metrics.columns import Columns, Ints
from simgpu.metrics.turns import Holders
from simgpu.naming import short_name


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """All transfers of a trace, and for each of them its way: from one logical device to another.

    Ways are in the machine's order of their sources, then targets. What the caller holds lies in the memory of the host
    of the other end. `channels[way]` are those of its route, none
    within one memory.
    """

    spans: Ints
    way: Ints
    names: list[str]
    ends: Ints
    channels: list[tuple[int, ...]]

    def holders(self) -> Holders:
        """Return the transfers with the channels of their routes, each as often as it has hops."""
        hops = np.array([len(channels) for channels in self.channels], np.int64)
        firsts = np.cumsum(hops) - hops
        every = np.array([channel for channels in self.channels for channel in channels], np.int64)
        count = hops[self.way]
        hop = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return Holders(np.repeat(self.spans, count), every[np.repeat(firsts[self.way], count) + hop])


def ways_of(columns: Columns, machine: Machine) -> Ways:
    """Find the ways of all transfers on the machine that the trace is about."""
    spans = np.flatnonzero(columns.are("transfer"))
    resources, way = np.unique(columns.resource[spans], return_inverse=True)
    devices = {short_name(device.name): number for number, device in enumerate(machine.devices)}
    found = [(*_ends(name, devices, machine), name) for name in (columns.resources[it] for it in resources)]
    order = sorted(range(len(found)), key=found.__getitem__)
    places = np.argsort(np.array(order, np.int64))
    ends = [found[it][:2] for it in order]
    return Ways(
        spans=spans,
        way=places[way],
        names=[found[it][2] for it in order],
        ends=np.array(ends, np.int64).reshape(-1, 2),
        channels=[machine.route(*pair).channels for pair in ends],
    )


def _ends(name: str, devices: dict[str, int], machine: Machine) -> tuple[int, int]:
    source, _, target = name.partition(" -> ")
    return (
        devices[source] if source != "caller" else machine.host_device(devices[target]),
        devices[target] if target != "caller" else machine.host_device(devices[source]),
    )
