"""What a topology makes: links and switches, by name, and how the lanes of a link are shared out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from simgpu.machine.hardware import LinkSpec, LinkType
from simgpu.machine.refusal import MachineKeyError
from simgpu.units import LARGEST

_Node = TypeVar("_Node")


@dataclass(frozen=True, slots=True)
class Wiring:
    """Links, and the switches that they lead to. A switch only passes data on."""

    links: tuple[LinkSpec, ...] = ()
    switches: tuple[str, ...] = ()


class Topology(Protocol):
    """A way to join nodes of one kind: GPUs, or hosts by their CPUs."""

    def check(self, nodes: int, link: LinkType) -> None:
        """Raise MachineKeyError if so many nodes, at least one, cannot be joined so. Its path is a key of ours."""

    def wire(self, nodes: Sequence[str], link: LinkType, place: str) -> Wiring:
        """Join nodes that were checked. The names of switches begin with the place, such as `host0`."""


def join(end: str, other: str, link: LinkType) -> LinkSpec:
    """Return a link named after its first end, which has only one of this type."""
    return name_link(f"{end} {link.name}", (end, other), link)


def join_peers(end: str, other: str, link: LinkType) -> LinkSpec:
    """Return a link named after both of its ends, which have more of this type."""
    return name_link(f"{end} - {other} {link.name}", (end, other), link)


def name_link(name: str, ends: tuple[str, str], link: LinkType) -> LinkSpec:
    """Return a link of a type, between two nodes."""
    return LinkSpec(name, ends, link.bandwidth_bytes_per_s, link.latency_ps, link.duplex)


def spread(parents: Sequence[_Node], children: int) -> list[_Node]:
    """Return a parent for each child: neighbours together, and as many, give or take one, under each parent."""
    return [parents[child * len(parents) // children] for child in range(children)]


def bundle(link: LinkType, lanes: int) -> LinkType:
    """Return a link of so many lanes; one that is not made of lanes is a lane itself."""
    whole = max(1, link.lanes)
    if lanes == whole:
        return link
    bandwidth = min(LARGEST, link.bandwidth_bytes_per_s * lanes // whole)
    return replace(link, name=f"{link.name} x{lanes}", bandwidth_bytes_per_s=bandwidth)


def lanes_for_each(link: LinkType, asked: int | None, ports: int) -> int:
    """Return the lanes in each of a node's links: as asked, or else all that a node has, in equal parts."""
    if not link.lanes or not ports:
        return asked or max(1, link.lanes)
    lanes = asked or link.lanes // ports
    if not 0 < lanes * ports <= link.lanes:
        links = "1 link" if ports == 1 else f"{ports} links"
        asked_for = f"{links} of {lanes} lanes" if asked else f"{links} of at least one lane"
        reason = f"{asked_for} for each GPU are more than the {link.lanes} lanes of {link.name}"
        raise MachineKeyError(f"{reason}; take fewer, or another link", ("lanes",) if asked else ("kind",))
    return lanes
