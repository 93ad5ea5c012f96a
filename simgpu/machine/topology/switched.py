"""Topologies of switches: one switch, a two-level cluster of leaves and spines, a fat-tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

from simgpu.machine.hardware import LinkSpec, LinkType
from simgpu.machine.refusal import MachineKeyError
from simgpu.machine.topology.wiring import Wiring, join, join_peers, spread
from simgpu.units import LARGEST

MOST_UPLINKS = 65_536
"""The most links between the leaves and spines of a two-level cluster."""


@dataclass(frozen=True, slots=True)
class Star:
    """All nodes on one switch, which never is a bottleneck itself. `switch` is its name after the place."""

    switch: str = ""

    def check(self, nodes: int, link: LinkType) -> None:
        """Accept any number of nodes."""

    def wire(self, nodes: Sequence[str], link: LinkType, place: str) -> Wiring:
        """Join the nodes; a lone one has nobody to meet in a switch."""
        switch = f"{place}/{self.switch}" if self.switch else place
        return Wiring(tuple(join(node, switch, link) for node in nodes), (switch,)) if len(nodes) > 1 else Wiring()


@dataclass(frozen=True, slots=True)
class TwoLevel:
    """Hosts on leaves, and every leaf on every spine.

    `oversubscription` is what the hosts of a full leaf can send, over what its uplinks can carry; `uplink` gives these
    instead.
    """

    leaves: int
    spines: int
    oversubscription: Fraction = Fraction(1)
    uplink: LinkType | None = None

    def check(self, nodes: int, link: LinkType) -> None:
        """Refuse leaves without a host, and too many uplinks."""
        if self.leaves > nodes:
            raise MachineKeyError(f"{self.leaves} leaves are more than the {nodes} hosts to share out", ("leaves",))
        if self.leaves * self.spines > MOST_UPLINKS:
            reason = f"{self.leaves} leaves with {self.spines} uplinks each are more than {MOST_UPLINKS} links"
            raise MachineKeyError(f"{reason}; lower one of them", ("spines",))

    def wire(self, nodes: Sequence[str], link: LinkType, place: str) -> Wiring:
        """Join hosts to leaves, neighbours together, and leaves to spines."""
        leaves = [f"{place}/leaf:{number}" for number in range(self.leaves)]
        spines = [f"{place}/spine:{number}" for number in range(self.spines)]
        uplink = self.uplink or self._uplink(len(nodes), link)
        down = [join(node, leaf, link) for node, leaf in zip(nodes, spread(leaves, len(nodes)), strict=True)]
        up = [join_peers(leaf, spine, uplink) for leaf, spine in product(leaves, spines)]
        return Wiring((*down, *up), (*leaves, *spines))

    def _uplink(self, nodes: int, link: LinkType) -> LinkType:
        """Return the link of this oversubscription, rounded down to whole bytes per second."""
        hosts_of_a_leaf = -(-nodes // self.leaves)
        bandwidth = int(hosts_of_a_leaf * link.bandwidth_bytes_per_s / (self.spines * self.oversubscription))
        return replace(link, name="uplink", bandwidth_bytes_per_s=min(max(1, bandwidth), LARGEST))


@dataclass(frozen=True, slots=True)
class FatTree:
    """Three levels of switches with `k` ports each, half of them up, as fast above as below.

    Up to k**3/4 hosts, k**2/4 in each of k pods (Al-Fares, Loukissas and Vahdat, A scalable, commodity data center
    network architecture, SIGCOMM 2008). Pods without a host are left out; k of None is the least that suffices.
    """

    k: int | None = None

    def check(self, nodes: int, link: LinkType) -> None:
        """Refuse an odd number of ports, and more hosts than the tree has room for."""
        if self.k is not None and self.k % 2:
            reason = f"{self.k} ports are odd, but a switch of a fat-tree has as many up as down"
            raise MachineKeyError(f"{reason}; take {self.k - 1} or {self.k + 1}", ("k",))
        if self.k is not None and self.k**3 // 4 < nodes:
            reason = f"a fat-tree of {self.k}-port switches has room for {self.k**3 // 4} hosts, but here are {nodes}"
            raise MachineKeyError(f"{reason}; take k: {_least_ports(nodes)}", ("k",))

    def wire(self, nodes: Sequence[str], link: LinkType, place: str) -> Wiring:
        """Join hosts to edges, neighbours together, edges to the aggregation of their pod, and that to the core."""
        half = (self.k or _least_ports(len(nodes))) // 2
        cores = [f"{place}/core:{number}" for number in range(half * half)]
        links: list[LinkSpec] = []
        switches: list[str] = []
        for pod, first in enumerate(range(0, len(nodes), half * half)):
            edges = [f"{place}/pod:{pod}/edge:{number}" for number in range(half)]
            above = [f"{place}/pod:{pod}/aggregation:{number}" for number in range(half)]
            hosts = nodes[first : first + half * half]
            links += (join(host, edges[number // half], link) for number, host in enumerate(hosts))
            links += (join_peers(edge, switch, link) for edge, switch in product(edges, above))
            links += (join_peers(above[number // half], core, link) for number, core in enumerate(cores))
            switches += (*edges, *above)
        return Wiring(tuple(links), (*switches, *cores))


def _least_ports(hosts: int) -> int:
    """Return the fewest ports, an even number, of a fat-tree with room for so many hosts."""
    k = 2
    while k**3 // 4 < hosts:
        k += 2
    return k
