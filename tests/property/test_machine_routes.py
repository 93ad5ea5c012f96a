"""Routes, against all paths of small random networks, and what holds for the routes of every machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import permutations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from simgpu.errors import MachineError
from simgpu.machine import DeviceModel, Inventory, LinkSpec, Machine, PhysicalDevice
from simgpu.machine.network import Network
from tests.property.test_machine import machines

CPU = DeviceModel("cpu", "CPU", 1, 10, {"float32": 1}, 0, 0, 1, None, "made up")
GPU = dataclasses.replace(CPU, name="gpu", kind="GPU")
GPUS, CPUS, SWITCHES = "abc", "hi", "XYZ"


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    nodes = GPUS + CPUS + SWITCHES
    ends = st.tuples(st.sampled_from(nodes), st.sampled_from(nodes)).filter(lambda pair: pair[0] != pair[1])
    links = [
        LinkSpec(
            f"{pair[0]}{pair[1]}{number}", pair, 1, draw(st.integers(0, 3)), draw(st.sampled_from(["full", "half"]))
        )
        for number, pair in enumerate(draw(st.lists(ends, max_size=14)))
    ]
    physical = [PhysicalDevice(name, 0, CPU if name in CPUS else GPU) for name in GPUS + CPUS]
    return Inventory((), tuple(physical), (), tuple(links), tuple(SWITCHES))


Path = tuple[int, int, tuple[str, ...]]
"""The number of links, their latency, and the names of the channels."""


def paths(
    inventory: Inventory, target: str, stops: str, nodes: tuple[str, ...], path: Path = (0, 0, ())
) -> Iterator[Path]:
    """Yield every way on to the target, without a repeated node, from the last of the nodes."""
    if nodes[-1] == target:
        yield path
        return
    length, latency_ps, names = path
    for link in inventory.links:
        for (here, there), way in ((link.ends, " out"), (link.ends[::-1], " in")):
            if here == nodes[-1] and there not in nodes and (there in stops or there == target):
                name = link.name + ("" if link.duplex == "half" else way)
                further = (length + 1, latency_ps + link.latency_ps, (*names, name))
                yield from paths(inventory, target, stops, (*nodes, there), further)


def best_paths(inventory: Inventory, pair: tuple[int, int]) -> list[Path]:
    """Return the paths with the fewest links, then the least latency, first names first."""
    source, target = (inventory.physical_devices[position].name for position in pair)
    over_switches = sorted(paths(inventory, target, SWITCHES, (source,)))
    found = over_switches or sorted(paths(inventory, target, SWITCHES + CPUS, (source,)))
    return [path for path in found if path[:2] == found[0][:2]]


def taken(network: Network, pair: tuple[int, int]) -> Path | None:
    try:
        route = network.route(*pair)
    except MachineError:
        return None
    return len(route.channels), route.latency_ps, tuple(network.channels[channel].name for channel in route.channels)


PAIRS = st.sampled_from([*permutations(range(len(GPUS + CPUS)), 2)])
SEEDS = st.integers(0, 2**64)


@given(inventories(), PAIRS)
def test_a_route_is_the_best_of_all_paths(inventory, pair):
    network = Network(inventory)

    best = best_paths(inventory, pair)

    if best:
        assert taken(network, pair) == best[0]
    else:
        source, target = (inventory.physical_devices[position].name for position in pair)
        with pytest.raises(MachineError, match=f"no link leads from {source} to {target}"):
            network.route(*pair)


@given(inventories(), PAIRS, SEEDS)
def test_a_seed_chooses_among_the_best_paths(inventory, pair, seed):
    best = best_paths(inventory, pair)

    path = taken(Network(dataclasses.replace(inventory, ecmp_seed=seed)), pair)

    assert path in (best or [None])


@given(inventories(), PAIRS, st.none() | SEEDS, st.randoms(use_true_random=False))
def test_a_route_does_not_depend_on_the_order_in_which_links_are_given(inventory, pair, seed, random):
    links = random.sample(inventory.links, len(inventory.links))
    given = dataclasses.replace(inventory, ecmp_seed=seed)
    other = dataclasses.replace(given, links=tuple(links))

    assert taken(Network(given), pair) == taken(Network(other), pair)


@given(machines(), st.data())
def test_every_pair_of_devices_has_a_route_that_is_as_long_on_the_way_back(machine: Machine, data):
    source, target = (data.draw(st.integers(0, len(machine.devices) - 1)) for _ in range(2))

    there, back = machine.route(source, target), machine.route(target, source)

    assert (len(there.channels), there.latency_ps) == (len(back.channels), back.latency_ps)
    assert there.latency_ps == sum(machine.channels[channel].latency_ps for channel in there.channels)
    assert bool(there.channels) == (source != target)
    assert len(set(there.channels)) == len(there.channels)
    assert machine.route(source, target) == there


@given(machines(), st.data())
def test_a_route_is_a_walk_over_the_links_that_ends_where_it_should_and_never_stops_in_a_gpu(machine: Machine, data):
    source, target = (data.draw(st.integers(0, len(machine.devices) - 1)) for _ in range(2))
    start, end = (machine.physical(index).name for index in (source, target))
    assume(start != end)

    visited = walk(machine, start, [machine.channels[c].name for c in machine.route(source, target).channels])

    gpus = {device.name for device in machine.physical_devices if device.kind == "GPU"}
    assert visited[-1] == end
    assert len(set(visited)) == len(visited)
    assert gpus.isdisjoint(visited[1:-1])


def walk(machine: Machine, start: str, channels: list[str]) -> list[str]:
    """Return the nodes along the channels, each of which must lead on from the node before."""
    ends = {}
    for link in machine.links:
        one_way = (link.name + " out", link.name + " in") if link.duplex == "full" else (link.name, link.name)
        for name, way in zip(one_way, (link.ends, link.ends[::-1]), strict=True):
            ends.setdefault(name, set()).add(way)
    visited = [start]
    for channel in channels:
        visited += [there for here, there in ends[channel] if here == visited[-1]]
    assert len(visited) == len(channels) + 1
    return visited
