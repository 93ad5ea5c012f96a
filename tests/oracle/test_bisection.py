"""What topologies carry, by SciPy's maximum flow, against the closed forms of textbooks.

The bisection bandwidth is what one half of the nodes can send to the other at once.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.simulation import simulate

UNIT = 10**8
EACH = {"bandwidth": "8 GB/s"}
LINK = 8 * 10**9


def flow(machine: Machine, sources: Sequence[str], targets: Sequence[str]) -> int:
    """Return what the sources can send to the targets at once, in bytes per second."""
    nodes = {end for link in machine.links for end in link.ends}
    number = {name: position for position, name in enumerate(["all sources", "all targets", *sorted(nodes)])}
    capacities: Counter[tuple[int, int]] = Counter()
    for link in machine.links:
        here, there = (number[end] for end in link.ends)
        capacities.update({(here, there): link.bandwidth_bytes_per_s // UNIT})
        capacities.update({(there, here): link.bandwidth_bytes_per_s // UNIT})
    capacities.update({(0, number[name]): 2**24 for name in sources})
    capacities.update({(number[name], 1): 2**24 for name in targets})
    ends = np.array([*capacities]).T
    graph = csr_array((np.array([*capacities.values()], np.int32), ends), shape=(len(number), len(number)))
    return int(maximum_flow(graph, 0, 1).flow_value) * UNIT


def names(machine: Machine, kind: str) -> list[str]:
    return [device.name for device in machine.physical_devices if device.kind == kind]


def bisection(machine: Machine, kind: str) -> int:
    devices = names(machine, kind)
    middle = len(devices) // 2
    return flow(machine, devices[:middle], devices[middle:])


def gpus(number: int, **topology: Any) -> Machine:
    """Make a machine whose GPUs reach their host over next to nothing, so that only what joins them counts."""
    slot = {"bandwidth": "1 B/s"}
    return Machine({"gpus": f"{number} x 1GiB", "topology": {"link": EACH, **topology}, "links": {"host": slot}})


def hosts(number: int, **topology: Any) -> Machine:
    return Machine({"hosts": [{"count": number}], "topology": {"link": EACH, **topology}})


@pytest.mark.parametrize("k", [2, 4, 6])
def test_any_half_of_a_full_fat_tree_can_send_at_full_speed_to_the_other(k):
    number = k**3 // 4
    machine = hosts(number, kind="fat-tree", k=k)
    cpus = names(machine, "CPU")

    assert bisection(machine, "CPU") == number // 2 * LINK
    for seed in range(5):
        shuffled = random.Random(seed).sample(cpus, number)
        assert flow(machine, shuffled[: number // 2], shuffled[number // 2 :]) == number // 2 * LINK


@pytest.mark.parametrize("oversubscription", [1, 2, 4])
@pytest.mark.parametrize(("leaves", "spines", "number"), [(2, 1, 8), (4, 2, 16), (4, 4, 32)])
def test_a_two_level_cluster_carries_a_part_of_what_its_hosts_can_send(leaves, spines, number, oversubscription):
    machine = hosts(number, kind="two-level", leaves=leaves, spines=spines, oversubscription=oversubscription)

    assert bisection(machine, "CPU") == number // 2 * LINK // oversubscription


@pytest.mark.parametrize("forwards", [True, False])
@pytest.mark.parametrize("number", [4, 7, 16])
def test_a_ring_is_cut_at_two_links(number, forwards):
    assert bisection(hosts(number, kind="ring", forwards=forwards), "CPU") == 2 * LINK


@pytest.mark.parametrize(
    ("shape", "cut"), [([4, 4], 2 * 4), ([8, 2], 2 * 2), ([4, 4, 4], 2 * 16), ([2, 4], 4), ([4, 3, 2], 2 * 6)]
)
def test_a_torus_is_cut_across_its_first_side(shape, cut):
    number = int(np.prod(shape))

    assert bisection(hosts(number, kind="torus", shape=shape), "CPU") == cut * LINK
    assert bisection(gpus(number, kind="torus", shape=shape), "GPU") == cut * LINK


@pytest.mark.parametrize("number", [2, 4, 8, 16])
def test_a_mesh_is_cut_at_every_pair_of_halves_and_a_switch_at_every_port(number):
    assert bisection(gpus(number, kind="nvlink-mesh"), "GPU") == (number // 2) ** 2 * LINK
    assert bisection(gpus(number, kind="nvswitch"), "GPU") == number // 2 * LINK


def test_a_dgx_1_has_six_lanes_for_each_card_and_six_between_its_halves():
    machine = Machine("dgx-1-v100")
    cards = names(machine, "GPU")
    nvlink = [link for link in machine.links if "nvlink2" in link.name]
    halves = {frozenset(cards[:4]), frozenset(cards[4:])}

    across = sum(
        link.bandwidth_bytes_per_s for link in nvlink if not any(half.issuperset(link.ends) for half in halves)
    )

    assert across == (2 + 2 + 1 + 1) * 25 * 10**9
    assert sum(link.bandwidth_bytes_per_s for link in nvlink) == 8 * 6 // 2 * 25 * 10**9


def test_the_gpus_of_a_pcie_switch_share_its_uplink():
    machine = Machine("pcie-a100-8")
    cards = names(machine, "GPU")
    pcie4 = 31_500_000_000

    assert flow(machine, ["host0/CPU:0"], cards[:1]) == pcie4
    assert flow(machine, ["host0/CPU:0"], cards[:4]) == pcie4
    assert flow(machine, ["host0/CPU:0"], [cards[0], cards[4]]) == 2 * pcie4
    assert flow(machine, cards[:4], cards[4:]) == pcie4
    assert flow(machine, cards[:2], cards[2:4]) == 2 * pcie4


def copies_ps(targets: Sequence[int]) -> int:
    """Simulate copies of 100 MB from the host to some of four T4 behind two PCIe switches, which answer with 4 B."""
    builder = GraphBuilder()
    given = builder.add("Input", [], name="x", outputs=[TensorSpec((25_000_000,), "float32")], device="/cpu:0")
    for target in targets:
        work = {"name": f"y{target}", "attributes": {"duration_ps": 0}, "device": f"/gpu:{target}"}
        builder.fetch(*builder.add("Work", given, outputs=[TensorSpec((1,), "float32")], **work))
    machine = Machine({"gpus": "4 x t4", "topology": {"kind": "pcie-tree", "switches": 2}})
    return simulate(place(builder.build(), machine), links="fair").makespan_ps


def test_copies_over_one_uplink_take_as_long_as_one_after_the_other():
    alone, sharing, apart = copies_ps([0]), copies_ps([0, 1]), copies_ps([0, 2])

    assert apart == alone
    assert sharing - alone == (10**8 + 4) * 10**12 // 15_750_000_000, "100 MB there, 4 B back, over PCIe 3"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spines", [2, 4, 8])
def test_a_seed_spreads_pairs_evenly_over_the_spines(spines, seed):
    topology = {"kind": "two-level", "leaves": 8, "spines": spines}
    machine = Machine({"hosts": [{"count": 32}], "topology": topology, "ecmp_seed": seed})

    routes = [
        machine.route(source, target) for source in range(32) for target in range(32) if source // 4 != target // 4
    ]
    taken = Counter(machine.channels[route.channels[1]].name.split("spine:")[1][0] for route in routes)

    even = len(routes) / spines
    assert len(taken) == spines
    assert all(abs(number - even) < 5 * even**0.5 for number in taken.values()), "five standard deviations"


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_spreads_pairs_evenly_over_the_cores_of_a_fat_tree(seed):
    machine = Machine({"hosts": [{"count": 54}], "topology": {"kind": "fat-tree", "k": 6}, "ecmp_seed": seed})

    routes = [machine.route(source, target) for source in range(0, 54, 2) for target in range(1, 54, 2)]
    taken = Counter(
        machine.channels[route.channels[2]].name.split("core:")[1][0] for route in routes if len(route.channels) == 6
    )

    even = sum(taken.values()) / 9
    assert len(taken) == 9
    assert all(abs(number - even) < 5 * even**0.5 for number in taken.values()), "five standard deviations"
