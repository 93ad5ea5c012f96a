"""The kinds of topologies by name, for each kind of link that they arrange, and how each is read from its mapping."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, TypeVar

from simgpu.machine.blueprint import MOST_DEVICES
from simgpu.machine.given import Given, as_count, as_flag, as_list, as_text
from simgpu.machine.hardware import LinkKind
from simgpu.machine.link_mapping import read_link
from simgpu.machine.refusal import MachineKeyError, Path, show
from simgpu.machine.topology import FatTree, Mesh, Pair, Pairs, PcieTree, Star, Topology, Torus, TwoLevel

_Shape = TypeVar("_Shape", covariant=True)

_MOST_SIDES, _MOST_LEVELS, _MOST_SPINES, _MOST_PORTS, _MOST_LANES = 6, 4, 256, 128, 64
_MOST_OVERSUBSCRIPTION = 1000
_PAIR = re.compile(r"([0-9]{1,4})-([0-9]{1,4})")


@dataclass(frozen=True, slots=True)
class Kind(Generic[_Shape]):
    """What a kind of topology is, its keys besides `kind` and `link`, and what reads them."""

    title: str
    keys: tuple[str, ...]
    read: Callable[[Given, Path], _Shape]


def _pcie_tree(given: Given, path: Path) -> PcieTree:
    uplink = read_link(given["uplink"], (*path, "uplink"), ("host",), name="uplink") if "uplink" in given else None
    return PcieTree(_levels(_needed(given, "switches", "2", path), (*path, "switches")), uplink)


def _levels(given: object, path: Path) -> tuple[int, ...]:
    """Read a number of switches, or a list of such, from the top down."""
    if not isinstance(given, list | tuple):
        return (as_count(given, path, most=MOST_DEVICES, what="a number of switches"),)
    levels = _counts(given, path, most=_MOST_LEVELS, what="a number of switches")
    for level in range(1, len(levels)):
        if levels[level] < levels[level - 1]:
            reason = (
                f"{levels[level]} is less than the {levels[level - 1]} switches above, each with one or more below it"
            )
            raise MachineKeyError(f"{reason}; list levels from the top down", (*path, level))
    return levels


def _mesh(given: Given, path: Path) -> Mesh:
    return Mesh(_lanes(given, path))


def _pairs(given: Given, path: Path) -> Pairs:
    pairs, path = _needed(given, "pairs", "[0-1, 2-3]", path), (*path, "pairs")
    if isinstance(pairs, Mapping):
        entries: Iterable[tuple[object, object, Path]] = ((key, n, (*path, str(key))) for key, n in pairs.items())
    else:
        listed = as_list(pairs, path, "a list of pairs such as 0-1, or a mapping from them to their lanes")
        entries = ((pair, None, (*path, position)) for position, pair in enumerate(listed))
    found: dict[tuple[int, int], Pair] = {}
    for text, lanes, place in entries:
        end, other = _pair(text, place)
        if (end, other) in found:
            raise MachineKeyError(f"{end} and {other} are joined already; name each pair once", place)
        number = None if lanes is None else as_count(lanes, place, most=_MOST_LANES, what="a number of lanes")
        found[end, other] = Pair(end, other, number)
    return Pairs(tuple(found.values()))


def _pair(given: object, path: Path) -> tuple[int, int]:
    match = _PAIR.fullmatch(as_text(given, path))
    ends = sorted(map(int, match.groups())) if match else [0, 0]
    if ends[0] == ends[1]:
        raise MachineKeyError(f"{show(given)} is no pair of two GPUs, such as 0-1", path)
    return ends[0], ends[1]


def _ring(given: Given, path: Path) -> Torus:
    return Torus((), _forwards(given, path), _lanes(given, path))


def _torus(given: Given, path: Path) -> Torus:
    sides = as_list(_needed(given, "shape", "[4, 4]", path), (*path, "shape"))
    shape = _counts(sides, (*path, "shape"), most=_MOST_SIDES, what="a side")
    return Torus(shape, _forwards(given, path), _lanes(given, path))


def _two_level(given: Given, path: Path) -> TwoLevel:
    leaves, spines = _needed(given, "leaves", "4", path), _needed(given, "spines", "2", path)
    leaves = as_count(leaves, (*path, "leaves"), most=MOST_DEVICES, what="a number of leaves")
    spines = as_count(spines, (*path, "spines"), most=_MOST_SPINES, what="a number of spines")
    if "uplink" not in given:
        ratio = _oversubscription(given.get("oversubscription", 1), (*path, "oversubscription"))
        return TwoLevel(leaves, spines, ratio)
    if "oversubscription" in given:
        reason = "'uplink' already says what 'oversubscription' would; give one of them"
        raise MachineKeyError(reason, (*path, "oversubscription"))
    return TwoLevel(leaves, spines, uplink=read_link(given["uplink"], (*path, "uplink"), ("network",), name="uplink"))


def _oversubscription(given: object, path: Path) -> Fraction:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= _MOST_OVERSUBSCRIPTION:
        expected = f"a number above 0 and up to {_MOST_OVERSUBSCRIPTION}, such as 2, or 1 for none"
        raise MachineKeyError(f"{show(given)} is no oversubscription: {expected}", path)
    return Fraction(str(given))


def _fat_tree(given: Given, path: Path) -> FatTree:
    path = (*path, "k")
    return FatTree(as_count(given["k"], path, most=_MOST_PORTS, what="a number of ports") if "k" in given else None)


def _forwards(given: Given, path: Path) -> bool:
    return as_flag(given.get("forwards", True), (*path, "forwards"))


def _lanes(given: Given, path: Path) -> int | None:
    path = (*path, "lanes")
    return as_count(given["lanes"], path, most=_MOST_LANES, what="a number of lanes") if "lanes" in given else None


def _needed(given: Given, key: str, example: str, path: Path) -> object:
    if key not in given:
        raise MachineKeyError(f"{show(given.get('kind'))} needs {key!r}, such as {key}: {example}", path)
    return given[key]


def _counts(given: Iterable[object], path: Path, *, most: int, what: str) -> tuple[int, ...]:
    """Read a list of one to `most` whole numbers above 0."""
    numbers = tuple(
        as_count(number, (*path, position), most=MOST_DEVICES, what=what) for position, number in enumerate(given)
    )
    if not 1 <= len(numbers) <= most:
        raise MachineKeyError(f"a list of 1 to {most} numbers is needed here; this one has {len(numbers)}", path)
    return numbers


HOST_KINDS: Mapping[str, Kind[PcieTree]] = {
    "direct": Kind("each GPU in a slot of its host", (), lambda given, path: PcieTree()),
    "pcie-tree": Kind("GPUs behind PCIe switches with shared uplinks", ("switches", "uplink"), _pcie_tree),
}
GPU_KINDS: Mapping[str, Kind[Topology]] = {
    "nvswitch": Kind("all GPUs on one switch, each with all its lanes", (), lambda given, path: Star("switch")),
    "nvlink-mesh": Kind("a link between any two GPUs", ("lanes",), _mesh),
    "nvlink-pairs": Kind("links between the pairs that are named", ("pairs",), _pairs),
    "ring": Kind("a link from each GPU to the next, and back to the first", ("forwards", "lanes"), _ring),
    "torus": Kind("a grid whose rows are rings, along each side", ("shape", "forwards", "lanes"), _torus),
}
NETWORK_KINDS: Mapping[str, Kind[Topology]] = {
    "switch": Kind("all hosts on one switch", (), lambda given, path: Star()),
    "two-level": Kind(
        "hosts on leaves, every leaf on every spine", ("leaves", "spines", "oversubscription", "uplink"), _two_level
    ),
    "fat-tree": Kind("three levels of switches with k ports each", ("k",), _fat_tree),
    "ring": Kind("a link from each host to the next, and back to the first", ("forwards",), _ring),
    "torus": Kind("a grid whose rows are rings, along each side", ("shape", "forwards"), _torus),
}
KINDS: Mapping[LinkKind, Mapping[str, Kind[object]]] = {
    "host": HOST_KINDS,
    "gpu": GPU_KINDS,
    "network": NETWORK_KINDS,
}
