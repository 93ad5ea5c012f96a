"""Channels of a machine and the routes over them.

A route avoids stops in hosts if it can, and never passes through a GPU; then it has the fewest links, then the least
latency, then the first names. Devices cut from one card, or one host's CPUs, reach each other through its memory, at
half its bandwidth, since a copy reads and writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from simgpu.errors import MachineError
from simgpu.machine.hardware import Channel, Inventory, LinkSpec, PhysicalDevice, Route

_Hop = tuple[str, int]  # the next node, and the channel that leads there
_Way = tuple[int, tuple[str, ...], tuple[int, ...]]  # latency, channels by name, channels: in the order of preference
_Ways = dict[str, _Way]

_HERE: _Way = (0, (), ())


class Network:
    """What flows compete for, and which way they go. Routes are found when first asked for, and kept."""

    def __init__(self, inventory: Inventory) -> None:
        self._ports: dict[str, list[_Hop]] = defaultdict(list)  # out of each node
        self._feeds: dict[str, list[_Hop]] = defaultdict(list)  # into each node
        channels: list[Channel] = []
        for link in inventory.links:
            for source, target, position in _join(link, channels):
                self._ports[source].append((target, position))
                self._feeds[target].append((source, position))
        self._first_memory = len(channels)
        channels += map(_memory_channel, inventory.physical_devices)
        self.channels: tuple[Channel, ...] = tuple(channels)
        self._devices = inventory.physical_devices
        self._switches = frozenset(inventory.switches)
        self._stops = self._switches | {device.name for device in self._devices if device.kind == "CPU"}
        self._routes: dict[tuple[int, int], Route] = {}

    def memory_route(self, physical: int) -> Route:
        """Return the route between two slices of one physical device."""
        return Route((self._first_memory + physical,), 0)

    def route(self, source: int, target: int) -> Route:
        """Return the route between two different physical devices, by position."""
        route = self._routes.get((source, target))
        if route is None:
            route = self._routes[source, target] = self._find(self._devices[source].name, self._devices[target].name)
        return route

    def _find(self, source: str, target: str) -> Route:
        for stops in (self._switches, self._stops):
            way = self._search(source, target, stops)
            if way is not None:
                return Route(way[2], way[0])
        raise MachineError(f"no link leads from {source} to {target}; add one, or a switch between them")

    def _search(self, source: str, target: str, stops: Collection[str]) -> _Way | None:
        """Search from both ends at once, always from the side with fewer nodes.

        So a route through a switch with thousands of ports does not look at them. When the two sides meet, every
        shortest route has exactly one node in both outermost layers.
        """
        ahead = _Side({source: _HERE}, {source}, self._ports, _after)
        behind = _Side({target: _HERE}, {target}, self._feeds, _before)
        while ahead.layer and behind.layer:
            met = ahead.layer.keys() & behind.layer.keys()
            if met:
                return min(_joined(ahead.layer[node], behind.layer[node]) for node in met)
            side, goal = (ahead, target) if len(ahead.layer) <= len(behind.layer) else (behind, source)
            side.step(self.channels, stops, goal)
        return None


@dataclass(slots=True)
class _Side:
    """One end of a search: its outermost nodes with the best way to each, and all that it has seen."""

    layer: _Ways
    seen: set[str]
    hops: Mapping[str, Sequence[_Hop]]
    extend: Callable[[_Way, Channel, int], _Way]

    def step(self, channels: Sequence[Channel], stops: Collection[str], goal: str) -> None:
        """Go one link further, to nodes where a route may stop, or to the goal."""
        further: _Ways = {}
        for node, way in self.layer.items():
            for neighbor, channel in self.hops.get(node, ()):
                if neighbor not in self.seen and (neighbor in stops or neighbor == goal):
                    candidate = self.extend(way, channels[channel], channel)
                    further[neighbor] = min(candidate, further.get(neighbor, candidate))
        self.layer = further
        self.seen |= further.keys()


def _after(way: _Way, channel: Channel, position: int) -> _Way:
    latency_ps, names, channels = way
    return latency_ps + channel.latency_ps, (*names, channel.name), (*channels, position)


def _before(way: _Way, channel: Channel, position: int) -> _Way:
    latency_ps, names, channels = way
    return latency_ps + channel.latency_ps, (channel.name, *names), (position, *channels)


def _joined(way: _Way, rest: _Way) -> _Way:
    return way[0] + rest[0], way[1] + rest[1], way[2] + rest[2]


def _join(link: LinkSpec, channels: list[Channel]) -> Iterator[tuple[str, str, int]]:
    """Add the channels of a link; yield each direction as (from, to, position of its channel)."""
    end, other = link.ends
    yield end, other, len(channels)
    if link.duplex == "full":
        channels.append(_channel(link, f"{link.name} out"))
        yield other, end, len(channels)
        channels.append(_channel(link, f"{link.name} in"))
    else:
        yield other, end, len(channels)
        channels.append(_channel(link, link.name))


def _channel(link: LinkSpec, name: str) -> Channel:
    return Channel(name, link.bandwidth_bytes_per_s, link.latency_ps, is_fatpipe=link.duplex == "fatpipe")


def _memory_channel(device: PhysicalDevice) -> Channel:
    return Channel(f"{device.name} memory", max(1, device.model.memory_bandwidth_bytes_per_s // 2), 0)
