"""Each topology against its closed forms: how many links and switches, how long its routes are, what is shared."""

from __future__ import annotations

import math
import time
from collections import Counter
from itertools import combinations, product
from typing import Any

import pytest

from simgpu.machine import LinkSpec, Machine

EACH = {"bandwidth": "8 GB/s", "latency": "3us"}


def gpus(number: int, **topology: Any) -> Machine:
    return Machine({"gpus": f"{number} x 1GiB" if number else "cpu", "topology": topology})


def hosts(number: int, **topology: Any) -> Machine:
    return Machine({"hosts": [{"count": number}], "topology": topology})


def links_of(machine: Machine, name: str) -> list[LinkSpec]:
    return [link for link in machine.links if link.name.endswith(name)]


def between(machine: Machine, source: str, target: str) -> list[str]:
    route = machine.route(machine.index(source), machine.index(target))
    return [machine.channels[channel].name for channel in route.channels]


def lengths(machine: Machine, kind: str) -> Counter[int]:
    """Count the pairs of devices of a kind by the links between them."""
    devices = [index for index, device in enumerate(machine.devices) if device.kind == kind]
    return Counter(len(machine.route(*pair).channels) for pair in combinations(devices, 2))


def test_gpus_of_one_pcie_switch_meet_in_it_and_others_share_its_uplink():
    machine = gpus(8, kind="pcie-tree", switches=2, uplink={"bandwidth": "5 GB/s"}, link="pcie3-x16")

    assert machine.switches == ("host0/pcie:0", "host0/pcie:1")
    assert len(machine.links) == 8 + 2
    assert links_of(machine, "custom-uplink") == [
        LinkSpec("host0/pcie:0 custom-uplink", ("host0/pcie:0", "host0/CPU:0"), 5 * 10**9, 0),
        LinkSpec("host0/pcie:1 custom-uplink", ("host0/pcie:1", "host0/CPU:0"), 5 * 10**9, 0),
    ]
    assert lengths(machine, "GPU") == {2: 2 * math.comb(4, 2), 4: 4 * 4}
    assert between(machine, "CPU:0", "GPU:3") == ["host0/pcie:0 custom-uplink in", "host0/GPU:3 pcie3-x16 in"]
    assert between(machine, "GPU:3", "GPU:4") == [
        "host0/GPU:3 pcie3-x16 out",
        "host0/pcie:0 custom-uplink out",
        "host0/pcie:1 custom-uplink in",
        "host0/GPU:4 pcie3-x16 in",
    ]


def test_an_uplink_is_as_fast_as_the_fastest_slot_if_not_said_otherwise():
    machine = Machine({"gpus": "t4 + h100-80g + t4", "topology": {"kind": "pcie-tree", "switches": 1}})

    assert [link.name for link in machine.links] == [
        "host0/GPU:0 pcie3-x16",
        "host0/GPU:1 pcie5-x16",
        "host0/GPU:2 pcie3-x16",
        "host0/pcie:0 pcie5-x16",
    ]


def test_a_pcie_tree_has_any_number_of_levels_and_shares_out_what_does_not_divide():
    machine = gpus(5, kind="pcie-tree", switches=[1, 2, 4])

    assert [link.ends for link in machine.links] == [
        ("host0/GPU:0", "host0/pcie-3:0"),
        ("host0/GPU:1", "host0/pcie-3:0"),
        ("host0/GPU:2", "host0/pcie-3:1"),
        ("host0/GPU:3", "host0/pcie-3:2"),
        ("host0/GPU:4", "host0/pcie-3:3"),
        ("host0/pcie:0", "host0/CPU:0"),
        ("host0/pcie-2:0", "host0/pcie:0"),
        ("host0/pcie-2:1", "host0/pcie:0"),
        ("host0/pcie-3:0", "host0/pcie-2:0"),
        ("host0/pcie-3:1", "host0/pcie-2:0"),
        ("host0/pcie-3:2", "host0/pcie-2:1"),
        ("host0/pcie-3:3", "host0/pcie-2:1"),
    ]
    assert len(between(machine, "GPU:0", "GPU:4")) == 6, "they meet in pcie:0, not in the host"


@pytest.mark.parametrize("number", [1, 2, 3, 8, 17])
def test_a_mesh_has_a_link_for_any_two_gpus(number):
    machine = gpus(number, kind="nvlink-mesh", link=EACH)

    pairs = math.comb(number, 2)
    assert len(machine.links) == number + pairs
    assert machine.switches == ()
    assert lengths(machine, "GPU") == ({1: pairs} if pairs else {})
    assert {link.bandwidth_bytes_per_s for link in links_of(machine, "custom-gpu")} <= {8 * 10**9}


@pytest.mark.parametrize(
    ("line", "kind", "lanes", "name"),
    [
        ("2 x a100-40g", "nvlink-mesh", 12, "nvlink3"),
        ("4 x a100-40g", "nvlink-mesh", 4, "nvlink3 x4"),
        ("8 x a100-40g", "nvlink-mesh", 1, "nvlink3 x1"),
        ("4 x h100-80g", "nvlink-mesh", 6, "nvlink4 x6"),
        ("4 x v100-16g", "ring", 3, "nvlink2 x3"),
        ("2 x v100-16g", "ring", 6, "nvlink2"),
    ],
)
def test_links_share_the_lanes_of_a_card_evenly(line, kind, lanes, name):
    machine = Machine({"gpus": line, "topology": {"kind": kind}})

    assert {link.bandwidth_bytes_per_s for link in links_of(machine, name)} == {lanes * 25 * 10**9}


def test_lanes_are_as_many_as_asked_for():
    nvlink = Machine({"gpus": "4 x a100-40g", "topology": {"kind": "ring", "lanes": 2}})
    custom = gpus(4, kind="ring", lanes=3, link=EACH)

    assert {link.bandwidth_bytes_per_s for link in links_of(nvlink, "nvlink3 x2")} == {50 * 10**9}
    assert {link.bandwidth_bytes_per_s for link in links_of(custom, "custom-gpu x3")} == {24 * 10**9}


def test_pairs_join_those_that_are_named_and_others_meet_over_pcie():
    machine = gpus(4, kind="nvlink-pairs", pairs={"0-1": 2, "3-2": 1}, link=EACH)

    assert [(link.name, link.bandwidth_bytes_per_s) for link in machine.links if "custom" in link.name] == [
        ("host0/GPU:0 - host0/GPU:1 custom-gpu x2", 16 * 10**9),
        ("host0/GPU:2 - host0/GPU:3 custom-gpu", 8 * 10**9),
    ]
    assert lengths(machine, "GPU") == {1: 2, 2: 4}


def test_pairs_without_a_number_share_the_lanes_of_the_busiest_card():
    machine = Machine({"gpus": "4 x v100-16g", "topology": {"kind": "nvlink-pairs", "pairs": ["0-1", "0-2", "0-3"]}})

    assert [link.name for link in machine.links if " - " in link.name] == [
        f"host0/GPU:0 - host0/GPU:{other} nvlink2 x2" for other in (1, 2, 3)
    ]


def torus_steps(shape: tuple[int, ...], first: int, other: int) -> int:
    """Return the steps between two places of a torus: along each side, the shorter way round."""
    steps = 0
    for side in reversed(shape):
        first, here = divmod(first, side)
        other, there = divmod(other, side)
        steps += min((here - there) % side, (there - here) % side)
    return steps


SHAPES = [(2,), (3,), (8,), (1, 5), (2, 2), (2, 3), (4, 4), (3, 5), (2, 2, 2), (2, 3, 4), (3, 3, 3), (2, 1, 2, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_torus_has_the_links_and_the_distances_of_its_shape(shape):
    places = math.prod(shape)
    machine = gpus(places, kind="torus", shape=list(shape), link=EACH)

    rings = sum(places if side > 2 else places // 2 for side in shape if side > 1)
    assert len(links_of(machine, "custom-gpu")) == rings
    assert len(machine.switches) == places
    for pair in combinations(range(places), 2):
        route = machine.route(pair[0] + 1, pair[1] + 1)
        steps = torus_steps(shape, *pair)
        assert (len(route.channels), route.latency_ps) == (steps + 2, steps * 3_000_000)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_torus_of_hosts_is_one_of_gpus(shape):
    machine = hosts(math.prod(shape), kind="torus", shape=list(shape), link=EACH)

    diameter = sum(side // 2 for side in shape)
    assert max(lengths(machine, "CPU")) == diameter + 2
    assert {name.rpartition("/")[2] for name in machine.switches} == {"router"}


@pytest.mark.parametrize("number", [1, 2, 3, 4, 9])
def test_a_ring_is_a_torus_of_one_side(number):
    ring, torus = gpus(number, kind="ring", link=EACH), gpus(number, kind="torus", shape=[number], link=EACH)

    assert ring == torus
    assert len(links_of(ring, "custom-gpu")) == (number if number > 2 else number - 1)


def test_a_router_carries_as_much_as_all_links_of_its_node_and_takes_no_time():
    machine = gpus(8, kind="torus", shape=[2, 4], link=EACH)

    assert links_of(machine, "GPU:5 router") == [
        LinkSpec("host0/GPU:5 router", ("host0/GPU:5", "host0/GPU:5/router"), 3 * 8 * 10**9, 0)
    ]


def test_gpus_that_do_not_forward_are_joined_themselves_and_reach_others_over_pcie():
    machine = gpus(6, kind="ring", forwards=False, link=EACH)

    assert machine.switches == ()
    assert lengths(machine, "GPU") == {1: 6, 2: math.comb(6, 2) - 6}
    assert between(machine, "GPU:5", "GPU:0") == ["host0/GPU:5 - host0/GPU:0 custom-gpu out"]
    assert between(machine, "GPU:0", "GPU:2") == ["host0/GPU:0 pcie4-x16 out", "host0/GPU:2 pcie4-x16 in"]


def test_hosts_without_routers_pass_data_on_themselves():
    machine = hosts(6, kind="ring", forwards=False)

    assert machine.switches == ()
    assert lengths(machine, "CPU") == {1: 6, 2: 6, 3: 3}


@pytest.mark.parametrize("k", [2, 4, 6, 8])
def test_a_full_fat_tree_has_the_switches_links_and_distances_of_its_ports(k):
    machine = hosts(k**3 // 4, kind="fat-tree", k=k)

    ports = Counter(end for link in machine.links for end in link.ends)
    assert len(machine.switches) == 5 * k * k // 4
    assert len(machine.links) == 3 * k**3 // 4
    assert {ports[switch] for switch in machine.switches} == {k}
    first = Counter(len(machine.route(0, other).channels) for other in range(1, k**3 // 4))
    assert first == Counter({2: k // 2 - 1, 4: k // 2 * (k // 2 - 1), 6: k**3 // 4 - k * k // 4})


def test_a_fat_tree_has_the_least_ports_that_suffice_and_no_pod_without_a_host():
    machine = hosts(17, kind="fat-tree")

    assert {name for name in machine.switches if "core" in name} == {f"network/core:{number}" for number in range(9)}
    assert {name.partition("/edge")[0] for name in machine.switches if "edge" in name} == {
        "network/pod:0",
        "network/pod:1",
    }
    assert len(machine.links) == 17 + 2 * (3 * 3 + 9)


@pytest.mark.parametrize(
    ("leaves", "spines", "number", "ratio"), [(4, 2, 8, 1), (4, 2, 8, 2), (3, 2, 12, 1.5), (2, 3, 5, 1)]
)
def test_a_two_level_cluster_has_uplinks_for_its_oversubscription(leaves, spines, number, ratio):
    machine = hosts(number, kind="two-level", leaves=leaves, spines=spines, oversubscription=ratio, link=EACH)

    uplinks = links_of(machine, "uplink")
    assert len(machine.switches) == leaves + spines
    assert len(machine.links) == number + leaves * spines
    assert {end for link in uplinks for end in link.ends} == {*machine.switches}
    of_a_leaf = math.ceil(number / leaves) * 8 * 10**9
    assert {link.bandwidth_bytes_per_s for link in uplinks} == {int(of_a_leaf / spines / ratio)}
    assert {link.latency_ps for link in uplinks} == {3_000_000}


def test_hosts_of_one_leaf_meet_in_it_and_others_in_a_spine():
    machine = hosts(6, kind="two-level", leaves=3, spines=2, uplink="ib-ndr", link="ib-hdr")

    assert lengths(machine, "CPU") == {2: 3, 4: 12}
    assert between(machine, "/task:1/cpu:0", "/task:2/cpu:0") == [
        "host1/CPU:0 ib-hdr out",
        "network/leaf:0 - network/spine:0 ib-ndr out",
        "network/leaf:1 - network/spine:0 ib-ndr in",
        "host2/CPU:0 ib-hdr in",
    ]


def test_one_fabric_joins_the_gpus_of_all_hosts():
    machine = Machine(
        {
            "hosts": [{"count": 3, "gpus": "2 x 1GiB"}, {}],
            "topology": {"gpu": {"kind": "torus", "shape": [3, 2], "link": EACH, "across_hosts": True}},
        }
    )

    assert lengths(machine, "GPU") == {1 + 2: 9, 2 + 2: 6}
    assert between(machine, "/task:0/gpu:1", "/task:2/gpu:1") == [
        "host0/GPU:1 router out",
        "host2/GPU:1 - host0/GPU:1 custom-gpu in",
        "host2/GPU:1 router in",
    ]


def test_one_switch_joins_the_gpus_of_all_hosts():
    machine = Machine(
        {
            "hosts": [{"count": 2, "gpus": "2 x h100-80g"}],
            "topology": {"gpu": {"kind": "nvswitch", "across_hosts": True}},
        }
    )

    assert machine.switches == ("gpus/switch", "network")
    assert lengths(machine, "GPU") == {2: 6}


def test_the_cards_of_a_dgx_1_are_joined_as_nvidia_smi_shows_them():
    machine = Machine("dgx-1-v100")

    printed = {
        tuple(int(end[-1]) for end in link.ends): link.bandwidth_bytes_per_s // (25 * 10**9)
        for link in machine.links
        if " - " in link.name
    }
    lanes = [[printed.get((min(row, column), max(row, column)), 0) for column in range(8)] for row in range(8)]
    assert lanes == [
        [0, 1, 1, 2, 2, 0, 0, 0],
        [1, 0, 2, 1, 0, 2, 0, 0],
        [1, 2, 0, 2, 0, 0, 1, 0],
        [2, 1, 2, 0, 0, 0, 0, 1],
        [2, 0, 0, 0, 0, 1, 1, 2],
        [0, 2, 0, 0, 1, 0, 2, 1],
        [0, 0, 1, 0, 1, 2, 0, 2],
        [0, 0, 0, 1, 2, 1, 2, 0],
    ]
    assert {sum(row) for row in lanes} == {6}


@pytest.mark.parametrize(
    ("name", "distances"),
    [("dgx-1-v100", {1: 16, 4: 12}), ("hgx-a100-4", {1: 6}), ("pcie-a100-8", {2: 12, 4: 16}), ("hgx-h100-8", {2: 28})],
)
def test_the_gpus_of_a_box_are_as_far_apart_as_in_the_real_one(name, distances):
    assert lengths(Machine(name), "GPU") == distances


NO_GPUS = [
    {"kind": "nvswitch", "link": EACH},
    {"kind": "nvlink-mesh"},
    {"kind": "nvlink-pairs", "pairs": ["0-1"]},
    {"kind": "ring"},
    {"kind": "torus", "shape": [4, 4]},
    {"kind": "ring", "across_hosts": True, "link": EACH},
]


@pytest.mark.parametrize("topology", NO_GPUS)
def test_a_topology_of_no_gpus_is_no_topology(topology):
    assert Machine({"host": "cpu-2c", "topology": {"gpu": topology}}) == Machine("cpu")


def test_hosts_without_gpus_are_left_out():
    machine = Machine(
        {
            "hosts": [{"job": "ps"}, {"gpus": "4 x 1GiB"}],
            "topology": {
                "host": {"kind": "pcie-tree", "switches": 2},
                "gpu": {"kind": "torus", "shape": [2, 2], "link": EACH},
            },
        }
    )

    assert {name.partition("/")[0] for name in machine.switches} == {"host1", "network"}


ALONE = [
    {"kind": kind, **more}
    for kind, more in product(["nvswitch", "nvlink-mesh", "ring"], [{"link": EACH}, {"link": "nvlink4"}])
]


@pytest.mark.parametrize("topology", ALONE)
def test_a_lone_gpu_has_nobody_to_be_joined_with(topology):
    assert Machine({"gpus": "1GiB", "topology": topology}) == Machine("1GiB")


BIG_GPUS = [
    {"kind": "pcie-tree", "switches": [64, 512]},
    {"kind": "nvswitch", "link": EACH},
    {"kind": "ring", "link": EACH},
    {"kind": "ring", "link": EACH, "forwards": False},
    {"kind": "torus", "shape": [64, 64], "link": EACH},
    {"kind": "torus", "shape": [16, 16, 16], "link": EACH},
]
BIG_HOSTS = [
    {"kind": "fat-tree"},
    {"kind": "fat-tree", "k": 128},
    {"kind": "two-level", "leaves": 128, "spines": 64, "oversubscription": 2},
    {"kind": "ring"},
    {"kind": "ring", "forwards": False},
    {"kind": "torus", "shape": [16, 16, 16]},
]
BIG = [
    *({"gpus": "4096 x 1GiB", "topology": topology} for topology in BIG_GPUS),
    *({"hosts": [{"count": 4096, "gpus": "1GiB"}], "topology": topology} for topology in BIG_HOSTS),
    {"box": "512 x dgx-1-v100", "topology": {"kind": "fat-tree"}},
]


@pytest.mark.parametrize("ecmp_seed", [None, 7])
@pytest.mark.parametrize("description", BIG, ids=lambda description: str(description["topology"]))
def test_thousands_of_gpus_are_joined_and_routed_at_once(description, ecmp_seed):
    before = time.process_time()
    machine = Machine(description if ecmp_seed is None else description | {"ecmp_seed": ecmp_seed})
    route = machine.route(1, len(machine.devices) // 2)
    took_s, started = time.process_time() - before, time.process_time()
    assert sum(range(10**7)) > 0  # a yardstick: about 0.15 s

    assert took_s < 8 * (time.process_time() - started)
    assert sum(device.kind == "GPU" for device in machine.devices) == 4096
    assert len(route.channels) > 1
