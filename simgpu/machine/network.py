"""Channels of a machine and the routes over them.

A route avoids stops in hosts if it can, and never passes through a GPU; then it has the fewest links, then the least
latency, then the first names. With a seed for ECMP (equal-cost multi-path), names give way to a hash of the seed, of
both ends and of each channel: as switches do, it sends different pairs of devices different ways, a pair always the
same way. Devices cut from one card, or one host's CPUs, reach each other through its memory, at half its bandwidth,
since a copy reads and writes.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from simgpu.errors import MachineError
from simgpu.machine.hardware import Channel, Inventory, LinkSpec, PhysicalDevice, Route

_Hop = tuple[str, int]  # the next node, and the channel that leads there
_Rank = Callable[[Channel], str]  # which of two channels is taken, where all else is equal


class _Way(NamedTuple):
    """The best way between an end of a route and a node: one channel more than the way to the node before.

    `order` compares it with the others in its layer by the ranks of their channels, in the direction of the route.
    """

    latency_ps: int
    order: int
    channel: int
    before: _Way | None


_HERE = _Way(0, 0, -1, None)


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
        self._ecmp_seed = inventory.ecmp_seed
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
            route = self._search(source, target, stops)
            if route is not None:
                return route
        raise MachineError(f"no link leads from {source} to {target}; add one, or a switch between them")

    def _search(self, source: str, target: str, stops: Collection[str]) -> Route | None:
        """Search from both ends at once, always from the side with fewer links to look at.

        So a route through a switch with thousands of ports does not look at them. When the two sides meet, every
        shortest route has exactly one node in both outermost layers.
        """
        rank = _rank(self._ecmp_seed, source, target)
        ahead = _Side({source: _HERE}, {source}, self._ports, lambda way, channel: (way.order, rank(channel)))
        behind = _Side({target: _HERE}, {target}, self._feeds, lambda way, channel: (rank(channel), way.order))
        while ahead.layer and behind.layer:
            met = ahead.layer.keys() & behind.layer.keys()
            if met:
                return _best_route([(ahead.layer[node], behind.layer[node]) for node in met])
            side, goal = (ahead, target) if ahead.links() <= behind.links() else (behind, source)
            side.step(self.channels, stops, goal)
        return None


@dataclass(slots=True)
class _Side:
    """One end of a search: its outermost nodes with the best way to each, and all that it has seen.

    `rank` orders ways of the same latency: all ways in the layer before have an order, which the next channel refines.
    """

    layer: dict[str, _Way]
    seen: set[str]
    hops: Mapping[str, Sequence[_Hop]]
    rank: Callable[[_Way, Channel], tuple[int | str, int | str]]

    def links(self) -> int:
        """Count the links that the next step looks at."""
        return sum(len(self.hops.get(node, ())) for node in self.layer)

    def step(self, channels: Sequence[Channel], stops: Collection[str], goal: str) -> None:
        """Go one link further, to nodes where a route may stop, or to the goal."""
        further: dict[str, tuple[int, tuple[int | str, int | str], int, _Way]] = {}
        for node, way in self.layer.items():
            for neighbor, channel in self.hops.get(node, ()):
                if neighbor not in self.seen and (neighbor in stops or neighbor == goal):
                    hop = channels[channel]
                    candidate = (way.latency_ps + hop.latency_ps, self.rank(way, hop), channel, way)
                    further[neighbor] = min(candidate, further.get(neighbor, candidate))
        ranked = sorted(further.items(), key=lambda item: item[1][1:3])
        self.layer = {
            node: _Way(latency_ps, order, channel, before)
            for order, (node, (latency_ps, _, channel, before)) in enumerate(ranked)
        }
        self.seen.update(further)


def _best_route(ways: Iterable[tuple[_Way, _Way]]) -> Route:
    """Return the route of least latency, then of first rank, of those that are made of two ways each."""
    ahead, behind = min(ways, key=lambda way: (way[0].latency_ps + way[1].latency_ps, way[0].order, way[1].order))
    return Route((*_channels(ahead)[::-1], *_channels(behind)), ahead.latency_ps + behind.latency_ps)


def _channels(way: _Way) -> list[int]:
    """Return the channels of a way, from its last one to its end of the route."""
    channels = []
    while way.before is not None:
        channels.append(way.channel)
        way = way.before
    return channels


def _rank(seed: int | None, source: str, target: str) -> _Rank:
    if seed is None:
        return attrgetter("name")
    flow = f"{seed}\0{source}\0{target}\0"
    return lambda channel: hashlib.blake2b((flow + channel.name).encode(), digest_size=8).hexdigest()


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
