"""From a machine to the resources of a workload: which queue, route and gate stands for what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from simgpu.machine import Machine
from simgpu.simulation.workload import NONE, Ints, Launchers, Resources
from simgpu.units import PS_PER_S


class Hardware:
    """The resources of a machine. Routes get their numbers when they are first asked for.

    A host's CPU devices have one queue together, whose tasks are cut for its intra-op threads. A GPU has `streams`
    queues, each for one task at a time, and one launcher, its own or its host's (`launchers`). Queues on one card
    share its speed, but for those of `exclusive` slices, each of which has a card's speed for itself. With
    `copy_engines`, a card has places for as many transfers in each direction as it has engines for that: half of them,
    and at least one.
    """

    def __init__(
        self, machine: Machine, *, streams: int = 1, copy_engines: bool = True, launchers: Launchers = "device"
    ) -> None:
        self.machine = machine
        self._streams = streams
        self._has_gates = copy_engines
        self._routes: dict[tuple[int, int], int] = {}
        self._gpus = [number for number, device in enumerate(machine.devices) if device.kind == "GPU"]
        self._launcher = {
            device: place if launchers == "device" else machine.physical(device).host
            for place, device in enumerate(self._gpus)
        }
        self._first_queue = {device: len(machine.hosts) + place * streams for place, device in enumerate(self._gpus)}
        self._sharing = Counter(self._sharers(device) for device in self._gpus for _ in range(streams))
        shared = [sharers for sharers, count in self._sharing.items() if count > 1]
        self._card_channel = {sharers: len(machine.channels) + place for place, sharers in enumerate(shared)}

    def queue(self, device: int, stream: int = 0) -> int:
        """Return the queue of a device, and on a GPU of a stream."""
        first = self._first_queue.get(device)
        return self.machine.physical(device).host if first is None else first + stream

    def shares_its_card(self, device: int) -> bool:
        """Tell whether other queues share the speed of a GPU's queues."""
        return self._channel_of(device) != NONE

    def launcher(self, device: int | None) -> int:
        """Return the launcher of a GPU; NONE for a CPU, or none."""
        return NONE if device is None else self._launcher.get(device, NONE)

    def route(self, source: int, target: int) -> int:
        """Return the route between two devices; NONE within one memory."""
        if source == target:
            return NONE
        return self._routes.setdefault((source, target), len(self._routes))

    def gates(self, source: int, target: int) -> tuple[int, int]:
        """Return the copy engines that a transfer holds: out of one card and into another, NONE for none."""
        ends = self.machine.devices[source].physical, self.machine.devices[target].physical
        if not self._has_gates or ends[0] == ends[1]:
            return NONE, NONE
        kinds = [self.machine.physical_devices[end].kind for end in ends]
        return (2 * ends[0] if kinds[0] == "GPU" else NONE), (2 * ends[1] + 1 if kinds[1] == "GPU" else NONE)

    def resources(self) -> Resources:
        """Return all resources, with the routes that have been asked for."""
        machine = self.machine
        hosts, gpus = range(len(machine.hosts)), [device for device in self._gpus for _ in range(self._streams)]
        cards = len(self._card_channel)
        routes = [machine.route(*ends) for ends in self._routes]
        engines = [max(1, device.model.copy_engines // 2) for device in machine.physical_devices for _ in range(2)]
        return Resources(
            queue_slots=_ints([*(host.inter_op_threads for host in machine.hosts), *(1 for _ in gpus)]),
            queue_pool=_ints([*hosts, *(NONE for _ in gpus)]),
            queue_card=_ints([*(NONE for _ in hosts), *(self._channel_of(device) for device in gpus)]),
            pool_threads=_ints([host.intra_op_threads for host in machine.hosts]),
            channel_per_s=_ints([*(it.bandwidth_bytes_per_s for it in machine.channels), *[PS_PER_S] * cards]),
            channel_latency_ps=_ints([*(it.latency_ps for it in machine.channels), *[0] * cards]),
            channel_is_fatpipe=_ints([*(it.is_fatpipe for it in machine.channels), *[0] * cards]),
            route_starts=_ints([0, *np.cumsum([len(route.channels) for route in routes], dtype=np.int64)]),
            route_channels=_ints([channel for route in routes for channel in route.channels]),
            route_latency_ps=_ints([route.latency_ps for route in routes]),
            gate_places=_ints(engines if self._has_gates else []),
        )

    def _sharers(self, device: int) -> Hashable:
        """Return what names all queues that share their speed with those of a device."""
        logical = self.machine.devices[device]
        return ("device", device) if logical.compute == "exclusive" else ("card", logical.physical)

    def _channel_of(self, device: int) -> int:
        return self._card_channel.get(self._sharers(device), NONE)


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, np.int64)
