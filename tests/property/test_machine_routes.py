"""Routes, against all paths of small random networks, and what holds for the routes of every machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import pairwise, permutations

import pytest
from hypothesis import given
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


def paths(inventory: Inventory, source: str, target: str, stops: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Yield every path without a repeated node, as (links, latency, names of its channels)."""
    between = [stop for stop in stops if stop not in (source, target)]
    for length in range(len(between) + 1):
        for middle in permutations(between, length):
            yield from along(inventory, (source, *middle, target))


def along(inventory: Inventory, nodes: tuple[str, ...]) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Yield the best path along these nodes: on each step the least latency, then the first name."""
    steps = []
    for here, there in pairwise(nodes):
        options = [
            (
                link.latency_ps,
                link.name + ("" if link.duplex == "half" else (" out" if link.ends[0] == here else " in")),
            )
            for link in inventory.links
            if {here, there} == {*link.ends}
        ]
        if not options:
            return
        steps.append(min(options))
    yield len(steps), sum(latency for latency, _ in steps), tuple(name for _, name in steps)


@given(inventories(), st.sampled_from([*permutations(range(len(GPUS + CPUS)), 2)]))
def test_a_route_is_the_best_of_all_paths(inventory, pair):
    source, target = (inventory.physical_devices[position].name for position in pair)
    network = Network(inventory)
    over_switches = [*paths(inventory, source, target, SWITCHES)]

    best = min(over_switches or paths(inventory, source, target, SWITCHES + CPUS), default=None)

    if best is None:
        with pytest.raises(MachineError, match=f"no link leads from {source} to {target}"):
            network.route(*pair)
    else:
        route = network.route(*pair)
        assert (len(route.channels), route.latency_ps, tuple(network.channels[c].name for c in route.channels)) == best


@given(machines(), st.data())
def test_every_pair_of_devices_has_a_route_that_is_as_long_on_the_way_back(machine: Machine, data):
    source, target = (data.draw(st.integers(0, len(machine.devices) - 1)) for _ in range(2))

    there, back = machine.route(source, target), machine.route(target, source)

    assert (len(there.channels), there.latency_ps) == (len(back.channels), back.latency_ps)
    assert there.latency_ps == sum(machine.channels[channel].latency_ps for channel in there.channels)
    assert bool(there.channels) == (source != target)
    assert len(set(there.channels)) == len(there.channels)
    assert machine.route(source, target) == there
