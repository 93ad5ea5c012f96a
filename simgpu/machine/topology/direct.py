"""Topologies without switches: each link joins two nodes, be they GPUs or hosts.

A GPU never passes on what is meant for others: NVLink does not forward, and where NCCL sends on along a ring, it does
so in its own steps. A torus can forward, as the chips of a TPU do: then each node has a router at its side, which is a
switch of its own, and the links join the routers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple

from simgpu.machine.hardware import LinkSpec, LinkType
from simgpu.machine.refusal import MachineKeyError
from simgpu.machine.topology.wiring import Wiring, bundle, join, join_peers, lanes_for_each, name_link
from simgpu.units import LARGEST

MOST_IN_A_MESH = 64
"""The most nodes of a full mesh: 2,016 links."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """A full mesh: a link between any two nodes, of `lanes` each."""

    lanes: int | None = None

    def check(self, nodes: int, link: LinkType) -> None:
        """Refuse more nodes than can be joined, and more links than a node has lanes."""
        if nodes > MOST_IN_A_MESH:
            reason = f"a full mesh joins at most {MOST_IN_A_MESH} GPUs; here are {nodes}, which needs"
            raise MachineKeyError(f"{reason} {math.comb(nodes, 2)} links; take nvswitch, ring or torus", ("kind",))
        lanes_for_each(link, self.lanes, nodes - 1)

    def wire(self, nodes: Sequence[str], link: LinkType, place: str) -> Wiring:
        """Join any two nodes."""
        each = bundle(link, lanes_for_each(link, self.lanes, len(nodes) - 1))
        return Wiring(tuple(join_peers(end, other, each) for end, other in combinations(nodes, 2)))


@dataclass(frozen=True, slots=True)
class Torus:
    """A ring, or a torus of `shape`: nodes in rows, the last side first, each row closed to a ring.

    `()` is a ring of however many nodes there are. Around a side of two there is one link, not two.
    """

    shape: tuple[int, ...] = ()
    forwards: bool = True
    lanes: int | None = None

    def check(self, nodes: int, link: LinkType) -> None:
        """Refuse a shape for another number of nodes, and more links than a node has lanes."""
        places = math.prod(self._sides(nodes))
        if places != nodes:
            sides = " x ".join(map(str, self.shape))
            raise MachineKeyError(f"a torus of {sides} has {places} places, but here are {nodes} nodes", ("shape",))
        lanes_for_each(link, self.lanes, _ports(self._sides(nodes)))

    def wire(self, nodes: Sequence[str], link: LinkType, place: str) -> Wiring:
        """Join neighbours: by their routers, or directly where nothing forwards."""
        sides = self._sides(len(nodes))
        ports = _ports(sides)
        each = bundle(link, lanes_for_each(link, self.lanes, ports))
        if not self.forwards:
            return Wiring(tuple(join_peers(nodes[end], nodes[other], each) for end, other in _neighbours(sides)))
        return _with_routers(nodes, sides, each) if ports else Wiring()

    def _sides(self, nodes: int) -> tuple[int, ...]:
        return self.shape or (nodes,)


class Pair(NamedTuple):
    """Two nodes to join, by position, and the lanes between them; None: as many as each node can spare."""

    end: int
    other: int
    lanes: int | None = None


@dataclass(frozen=True, slots=True)
class Pairs:
    """Links between the pairs that are named, and no others."""

    pairs: tuple[Pair, ...]

    def check(self, nodes: int, link: LinkType) -> None:
        """Refuse a node that is not there, and more links than a node has lanes."""
        for end, other, _ in self.pairs:
            if max(end, other) >= nodes:
                reason = f"there is no GPU {max(end, other)} to join: the GPUs are 0 to {nodes - 1}"
                raise MachineKeyError(f"{end}-{other}: {reason}", ("pairs",))
        for node, taken in self._taken(self._lanes(link)).items():
            if link.lanes and taken > link.lanes:
                reason = f"the links of GPU {node} take {taken} lanes, but {link.name} has {link.lanes}"
                raise MachineKeyError(f"{reason}; take fewer, or another link", ("pairs",))

    def wire(self, nodes: Sequence[str], link: LinkType, place: str) -> Wiring:
        """Join the pairs."""
        each = zip(self.pairs, self._lanes(link), strict=True)
        return Wiring(tuple(join_peers(nodes[pair.end], nodes[pair.other], bundle(link, n)) for pair, n in each))

    def _lanes(self, link: LinkType) -> list[int]:
        busiest = max(self._taken([1] * len(self.pairs)).values(), default=1)
        spare = max(1, link.lanes // busiest)
        return [spare if pair.lanes is None else pair.lanes for pair in self.pairs]

    def _taken(self, lanes: Sequence[int]) -> Counter[int]:
        """Return how many lanes each node has in use."""
        taken: Counter[int] = Counter()
        for (end, other, _), number in zip(self.pairs, lanes, strict=True):
            taken.update({end: number})
            taken.update({other: number})
        return taken


def _with_routers(nodes: Sequence[str], sides: Sequence[int], link: LinkType) -> Wiring:
    """Join a router at the side of each node. What leads to it takes no time, and as much as all links together."""
    routers = [f"{node}/router" for node in nodes]
    all_links = min(LARGEST, _ports(sides) * link.bandwidth_bytes_per_s)
    inside = LinkType("router", link.kind, all_links, 0, "fatpipe" if link.duplex == "fatpipe" else "full")
    links: list[LinkSpec] = [join(node, router, inside) for node, router in zip(nodes, routers, strict=True)]
    for end, other in _neighbours(sides):
        links.append(name_link(f"{nodes[end]} - {nodes[other]} {link.name}", (routers[end], routers[other]), link))
    return Wiring(tuple(links), tuple(routers))


def _ports(sides: Sequence[int]) -> int:
    """Return the links of each node."""
    return sum(min(side - 1, 2) for side in sides)


def _neighbours(sides: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield each node with the next one along each side."""
    strides = [math.prod(sides[axis + 1 :]) for axis in range(len(sides))]
    for node, place in enumerate(product(*map(range, sides))):
        for at, side, stride in zip(place, sides, strides, strict=True):
            if side > 2 or at < side - 1:
                yield node, node + ((at + 1) % side - at) * stride
