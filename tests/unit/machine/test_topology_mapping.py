"""The mapping form of a topology: what stands for what, and how faults are refused with the path of their key."""

from __future__ import annotations

from typing import Any

import pytest

from simgpu.errors import MachineError, ScenarioError
from simgpu.machine import LinkSpec, Machine, MachineKeyError
from simgpu.scenario import scenario_from_text

LINK = {"bandwidth": "8 GB/s"}


@pytest.mark.parametrize(
    ("parts", "place", "topology"),
    [
        ({"gpus": "4 x 1GiB"}, "host", {"kind": "direct"}),
        ({"gpus": "4 x 1GiB"}, "host", {"kind": "pcie-tree", "switches": 2}),
        ({"gpus": "4 x 1GiB"}, "gpu", {"kind": "nvlink-mesh", "link": LINK}),
        ({"gpus": "4 x 1GiB"}, "gpu", {"kind": "ring", "link": LINK}),
        ({"gpus": "4 x 1GiB"}, "gpu", {"kind": "torus", "shape": [2, 2], "link": LINK}),
        ({"hosts": [{"count": 4, "gpus": "4 x 1GiB"}]}, "network", {"kind": "ring"}),
        ({"hosts": [{"count": 4, "gpus": "4 x 1GiB"}]}, "network", {"kind": "torus", "shape": [2, 2]}),
        ({"hosts": [{"count": 4}]}, "network", {"kind": "fat-tree"}),
        ({"hosts": [{"count": 4}]}, "network", {"kind": "two-level", "leaves": 2, "spines": 1}),
    ],
)
def test_a_topology_alone_stands_for_that_of_its_links(parts, place, topology):
    assert Machine({**parts, "topology": topology}) == Machine({**parts, "topology": {place: topology}})


@pytest.mark.parametrize(
    ("parts", "topology"),
    [
        ({"gpus": "2 x h100-80g", "links": {"gpu": "nvlink4"}}, {"gpu": {"kind": "nvswitch"}}),
        ({"gpus": "2 x t4"}, {"host": {"kind": "direct"}}),
        ({"hosts": [{}, {}]}, {"network": {"kind": "switch"}}),
        ({"box": "hgx-h100-8-x2"}, {}),
    ],
)
def test_what_is_the_default_can_be_said(parts, topology):
    assert Machine({**parts, "topology": topology}) == Machine(parts)


def test_links_and_the_links_of_a_topology_say_the_same():
    parts = {"hosts": [{"count": 2, "gpus": "2 x t4"}]}
    topology = {
        "host": {"kind": "pcie-tree", "switches": 1},
        "gpu": {"kind": "ring"},
        "network": {"kind": "fat-tree"},
    }
    links = {"host": "pcie5-x16", "gpu": "nvlink3", "network": "ib-ndr"}

    there = {place: shape | {"link": links[place]} for place, shape in topology.items()}

    assert Machine({**parts, "topology": there}) == Machine({**parts, "topology": topology, "links": links})


def test_gpus_are_joined_by_the_nvlink_that_they_are_made_for():
    machine = Machine({"gpus": "2 x h100-80g", "topology": {"kind": "nvswitch"}})

    assert machine == Machine({"gpus": "2 x h100-80g", "links": {"gpu": "nvlink4"}})


def test_a_box_keeps_what_is_not_said_anew():
    box = Machine({"box": "2 x dgx-1-v100", "topology": {"gpu": {"kind": "ring", "forwards": False}}})

    assert [name for name in box.switches if "host1" in name] == [f"host1/pcie:{number}" for number in range(4)]
    assert {link.name.partition("nvlink2")[2] for link in box.links if " - " in link.name} == {" x3"}


def test_a_pcie_link_between_gpus_takes_the_fabric_of_a_box_away_but_not_its_tree():
    box = Machine({"box": "dgx-1-v100", "links": {"gpu": "pcie4-x16"}})

    assert {link.name.partition(" ")[2] for link in box.links} == {"pcie4-x16", "pcie3-x16"}
    assert len(box.links) == 8 + 4


def test_an_entry_of_hosts_can_stand_for_several():
    counted = Machine({"hosts": [{"count": 2, "gpus": "t4", "job": "ps", "task": 3}, {}, {"job": "ps"}]})

    assert [(host.job, host.task) for host in counted.hosts] == [("ps", 3), ("ps", 4), ("worker", 0), ("ps", 5)]
    assert Machine({"hosts": [{"count": 2, "gpus": "t4"}]}) == Machine({"hosts": [{"gpus": "t4"}, {"gpus": "t4"}]})


def test_a_box_can_be_several():
    assert Machine({"box": "3 x t4-4"}) == Machine("3 x t4-4")


def test_a_machine_with_another_seed_is_another_machine():
    seeds = [Machine({"hosts": [{}, {}], **given}) for given in ({}, {"ecmp_seed": 0}, {"ecmp_seed": 1})]

    assert [machine.inventory.ecmp_seed for machine in seeds] == [None, 0, 1]
    assert len(set(seeds)) == 3
    assert seeds[2].split({"CPU:0": 2}).inventory.ecmp_seed == 1
    assert seeds[2].visible("0").inventory.ecmp_seed == 1


FOUR = {"gpus": "4 x 1GiB"}
HOSTS = {"hosts": [{"count": 4}]}
NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("parts", "topology", "message", "path"),
    [
        (FOUR, "ring", "topology: 'ring' is not a mapping", ()),
        (FOUR, {"kind": "rign"}, "topology.kind: there is no topology named 'rign'; did you mean 'ring'?", ("kind",)),
        (FOUR, {"kind": ["ring"]}, "topology.kind: ['ring'] is not text", ("kind",)),
        (FOUR, {"kind": "fat-tree"}, "topology.kind: 'fat-tree' joins hosts, but here is one; give 'hosts', or several "
         "boxes", ("kind",)),
        (FOUR, {"gpus": {}}, "topology.gpus: unknown key 'gpus'; did you mean 'gpu'?", ("gpus",)),
        (FOUR, {"gpu": []}, "topology.gpu: [] is not a mapping", ("gpu",)),
        (FOUR, {"gpu": {}}, "topology.gpu: a topology needs a 'kind': nvswitch, nvlink-mesh, nvlink-pairs, ring, torus",
         ("gpu",)),
        (FOUR, {"gpu": {"kind": "fat-tree"}}, "topology.gpu.kind: 'fat-tree' is not one of nvswitch, nvlink-mesh, "
         "nvlink-pairs, ring, torus", ("gpu", "kind")),
        (FOUR, {"kind": "ring", "shape": [4]}, "topology.shape: unknown key 'shape'; known are kind, link, forwards, "
         "lanes, across_hosts", ("shape",)),
        (HOSTS, {"kind": "ring", "lanes": 2}, "topology.lanes: unknown key 'lanes'; known are kind, link, "
         "forwards", ("lanes",)),
        (FOUR, {"kind": "ring"}, "topology: the catalog does not know which link joins generic-1GiB; add link: "
         "nvlink3, or another, or {bandwidth: 50 GB/s}", ()),
        ({"gpus": "a100-40g + h100-80g"}, {"kind": "ring"}, "topology: the catalog does not know which link joins "
         "a100-40g and h100-80g; add link: nvlink3, or another, or {bandwidth: 50 GB/s}", ()),
        (FOUR, {"kind": "ring", "link": "pcie4-x16"}, "topology.link: the catalog has no gpu link named 'pcie4-x16'; "
         "known are nvlink2, nvlink3, nvlink4", ("link",)),
        (FOUR, {"kind": "ring", "link": LINK, "forwards": 1}, "topology.forwards: 1 is neither true nor false",
         ("forwards",)),
        (FOUR, {"kind": "ring", "link": LINK, "lanes": 0}, "topology.lanes: 0 is not a number of lanes from 1 to 64",
         ("lanes",)),
        (FOUR, {"kind": "ring", "link": "nvlink2", "lanes": 4}, "topology.lanes: 2 links of 4 lanes for each GPU are "
         "more than the 6 lanes of nvlink2; take fewer, or another link", ("lanes",)),
        ({"gpus": "8 x v100-16g"}, {"kind": "nvlink-mesh"}, "topology.kind: 7 links of at least one lane for each GPU "
         "are more than the 6 lanes of nvlink2; take fewer, or another link", ("kind",)),
        ({"gpus": "65 x 1GiB"}, {"kind": "nvlink-mesh", "link": LINK}, "topology.kind: a full mesh joins at most 64 "
         "GPUs; here are 65, which needs 2080 links; take nvswitch, ring or torus", ("kind",)),
        (FOUR, {"kind": "torus", "link": LINK}, "topology: 'torus' needs 'shape', such as shape: [4, 4]", ()),
        (FOUR, {"kind": "torus", "link": LINK, "shape": 4}, "topology.shape: 4 is not a list", ("shape",)),
        (FOUR, {"kind": "torus", "link": LINK, "shape": []}, "topology.shape: a list of 1 to 6 numbers is needed here; "
         "this one has 0", ("shape",)),
        (FOUR, {"kind": "torus", "link": LINK, "shape": [1] * 7}, "topology.shape: a list of 1 to 6 numbers is needed "
         "here; this one has 7", ("shape",)),
        (FOUR, {"kind": "torus", "link": LINK, "shape": [4, 0]}, "topology.shape[1]: 0 is not a side from 1 to 4096",
         ("shape", 1)),
        (FOUR, {"kind": "torus", "link": LINK, "shape": [2, 3]}, "topology.shape: a torus of 2 x 3 has 6 places, but "
         "here are 4 nodes", ("shape",)),
        (HOSTS, {"network": {"kind": "torus", "shape": [4096] * 6}}, "topology.network.shape: a torus of 4096 x 4096 x "
         "4096 x 4096 x 4096 x 4096 has 4722366482869645213696 places, but here are 4 nodes", ("network", "shape")),
        (FOUR, {"kind": "nvlink-pairs", "link": LINK}, "topology: 'nvlink-pairs' needs 'pairs', such as pairs: "
         "[0-1, 2-3]", ()),
        (FOUR, {"kind": "nvlink-pairs", "link": LINK, "pairs": "0-1"}, "topology.pairs: '0-1' is not a list of pairs "
         "such as 0-1, or a mapping from them to their lanes", ("pairs",)),
        (FOUR, {"kind": "nvlink-pairs", "link": LINK, "pairs": ["0-1", "1-0"]}, "topology.pairs[1]: 0 and 1 are joined "
         "already; name each pair once", ("pairs", 1)),
        (FOUR, {"kind": "nvlink-pairs", "link": LINK, "pairs": ["1-1"]}, "topology.pairs[0]: '1-1' is no pair of two "
         "GPUs, such as 0-1", ("pairs", 0)),
        (FOUR, {"kind": "nvlink-pairs", "link": LINK, "pairs": {"0-1": "two"}}, 'topology.pairs["0-1"]: \'two\' is not '
         "a number of lanes from 1 to 64", ("pairs", "0-1")),
        (FOUR, {"kind": "nvlink-pairs", "link": LINK, "pairs": {1: 2}}, 'topology.pairs["1"]: 1 is not text',
         ("pairs", "1")),
        (FOUR, {"kind": "nvlink-pairs", "link": LINK, "pairs": ["0-4"]}, "topology.pairs: 0-4: there is no GPU 4 to "
         "join: the GPUs are 0 to 3", ("pairs",)),
        (FOUR, {"kind": "nvlink-pairs", "link": "nvlink2", "pairs": {"0-1": 4, "0-2": 3}}, "topology.pairs: the links "
         "of GPU 0 take 7 lanes, but nvlink2 has 6; take fewer, or another link", ("pairs",)),
        ({"gpus": "8 x 1GiB"}, {"kind": "nvlink-pairs", "link": "nvlink2", "pairs": [f"0-{n}" for n in range(1, 8)]},
         "topology.pairs: the links of GPU 0 take 7 lanes, but nvlink2 has 6; take fewer, or another link",
         ("pairs",)),
        (FOUR, {"kind": "pcie-tree"}, "topology: 'pcie-tree' needs 'switches', such as switches: 2", ()),
        (FOUR, {"kind": "pcie-tree", "switches": 0}, "topology.switches: 0 is not a number of switches from 1 to 4096",
         ("switches",)),
        (FOUR, {"kind": "pcie-tree", "switches": 5}, "topology.switches: 5 switches are more than the 4 GPUs of a host "
         "to share out", ("switches",)),
        (FOUR, {"kind": "pcie-tree", "switches": [2, 1]}, "topology.switches[1]: 1 is less than the 2 switches above, "
         "each with one or more below it; list levels from the top down", ("switches", 1)),
        (FOUR, {"kind": "pcie-tree", "switches": 2, "uplink": "nvlink4"}, "topology.uplink: the catalog has no host "
         "link named 'nvlink4'; known are pcie3-x16, pcie4-x16, pcie5-x16", ("uplink",)),
        (HOSTS, {"kind": "fat-tree", "k": 3}, "topology.k: 3 ports are odd, but a switch of a fat-tree has as many up "
         "as down; take 2 or 4", ("k",)),
        (HOSTS, {"kind": "fat-tree", "k": 2}, "topology.k: a fat-tree of 2-port switches has room for 2 hosts, but "
         "here are 4; take k: 4", ("k",)),
        (HOSTS, {"kind": "fat-tree", "k": 10**9}, "topology.k: 1000000000 is not a number of ports from 1 to 128",
         ("k",)),
        (HOSTS, {"kind": "two-level", "leaves": 2}, "topology: 'two-level' needs 'spines', such as spines: 2", ()),
        (HOSTS, {"kind": "two-level", "leaves": 5, "spines": 2}, "topology.leaves: 5 leaves are more than the 4 hosts "
         "to share out", ("leaves",)),
        ({"hosts": [{"count": 512}]}, {"kind": "two-level", "leaves": 512, "spines": 256}, "topology.spines: 512 "
         "leaves with 256 uplinks each are more than 65536 links; lower one of them", ("spines",)),
        (HOSTS, {"kind": "two-level", "leaves": 2, "spines": 257}, "topology.spines: 257 is not a number of spines "
         "from 1 to 256", ("spines",)),
        (HOSTS, {"kind": "two-level", "leaves": 2, "spines": 2, "uplink": "ib-ndr", "oversubscription": 2},
         "topology.oversubscription: 'uplink' already says what 'oversubscription' would; give one of them",
         ("oversubscription",)),
    ],
)  # fmt: skip
def test_a_topology_that_cannot_be_meant_is_refused_with_the_path_of_its_key(parts, topology, message, path):
    with pytest.raises(MachineKeyError) as refused:
        Machine({**parts, "topology": topology})

    assert (str(refused.value), refused.value.path) == (message, ("topology", *path))


@pytest.mark.parametrize("ratio", [0, -1, NAN, INFINITE, 1001, 10**400, True, "2", None, [2]])
def test_an_oversubscription_is_a_number_in_bounds(ratio):
    topology = {"kind": "two-level", "leaves": 2, "spines": 2, "oversubscription": ratio}

    with pytest.raises(MachineKeyError, match="is no oversubscription: a number above 0 and up to 1000") as refused:
        Machine({**HOSTS, "topology": topology})

    assert refused.value.path == ("topology", "oversubscription")


FIGURES = [("bandwidth", value) for value in (0, -1, NAN, INFINITE, "0 GB/s", "inf", "-5 GB/s", None, True, 2**70)]
FIGURES += [("latency", value) for value in (-1, NAN, INFINITE, "-5us", "fast", 2**70)]


@pytest.mark.parametrize(("figure", "value"), FIGURES)
@pytest.mark.parametrize(
    ("parts", "topology", "key"),
    [
        (FOUR, {"kind": "ring"}, "link"),
        (FOUR, {"kind": "pcie-tree", "switches": 2}, "link"),
        (FOUR, {"kind": "pcie-tree", "switches": 2}, "uplink"),
        (HOSTS, {"kind": "fat-tree"}, "link"),
        (HOSTS, {"kind": "two-level", "leaves": 2, "spines": 2}, "uplink"),
    ],
)
def test_a_link_with_an_absurd_figure_is_refused(parts, topology, key, figure, value):
    link = {"bandwidth": "8 GB/s", figure: value}

    with pytest.raises(MachineKeyError) as refused:
        Machine({**parts, "topology": {**topology, key: link}})

    assert refused.value.path == ("topology", key, figure)


@pytest.mark.parametrize(
    ("mapping", "message", "path"),
    [
        ({"gpus": "2 x h100-80g", "links": {"gpu": "pcie4-x16"}, "topology": {"kind": "nvswitch"}}, "links.gpu: over "
         "PCIe GPUs meet in their host, but 'topology' joins them; name another link, or leave this one out",
         ("links", "gpu")),
        ({**HOSTS, "ecmp_seed": -1}, "ecmp_seed: -1 is not a whole number from 0", ("ecmp_seed",)),
        ({**HOSTS, "ecmp_seed": 1.5}, "ecmp_seed: 1.5 is not a whole number from 0", ("ecmp_seed",)),
        ({**HOSTS, "ecmp_seed": True}, "ecmp_seed: True is not a whole number from 0", ("ecmp_seed",)),
        ({"hosts": [{"count": 0}]}, "hosts[0].count: 0 is not a number of hosts from 1 to 4096", ("hosts", 0, "count")),
        ({"hosts": [{"count": 4000}, {"count": 97}]}, "hosts: 4097 hosts are more than the 4096 that a machine "
         "can have", ("hosts",)),
        ({"hosts": [{"count": 4}, {"task": 3}]}, "hosts[1].task: an earlier host is task 3 of job 'worker' already",
         ("hosts", 1, "task")),
        ({"hosts": [{"task": 3}, {"task": 1, "count": 4}]}, "hosts[1].task: an earlier host is task 3 of job 'worker' "
         "already", ("hosts", 1, "task")),
        ({"box": "513 x dgx-1-v100"}, "box: 4104 GPUs are more than the 4096 that a machine can have", ("box",)),
        ({"box": "2 x dgx1"}, "box: the catalog has no box named 'dgx1'; did you mean 'dgx-1-v100'?", ("box",)),
    ],
)  # fmt: skip
def test_what_goes_with_topologies_is_refused_with_the_path_of_its_key(mapping, message, path):
    with pytest.raises(MachineKeyError) as refused:
        Machine(mapping)

    assert (str(refused.value), refused.value.path) == (message, path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{kind: torus, shape: [2, 3], link: nvlink3}", "f.yaml:3:34: machine.topology.shape: a torus of 2 x 3 has 6 "
         "places, but here are 4 nodes"),
        ("{kind: ring, link: {bandwidth: .inf}}", "f.yaml:3:44: '.inf' is not finite; "),
        ("{kind: ring, link: {bandwidth: 0}}", "f.yaml:3:44: machine.topology.link.bandwidth: rate: 0 must be more "),
        ("{kind: ring, link: {bandwidth: 1, latency: -5us}}", "f.yaml:3:56: machine.topology.link.latency: duration: "),
        ("{kind: ring, lnk: nvlink3}", "f.yaml:3:26: machine.topology.lnk: unknown key 'lnk'; did you mean 'link' "),
        ("{gpu: {kind: rings}}", "f.yaml:3:26: machine.topology.gpu.kind: 'rings' is not one of nvswitch, "),
        ("{network: {kind: fat-tree, k: 5}}", "f.yaml:3:43: machine.topology.network.k: 5 ports are odd, but "),
        ("{kind: nvlink-pairs, link: nvlink3, pairs: {0-1: 13}}", "f.yaml:3:56: machine.topology.pairs: the links of "
         "GPU 0 take 13 lanes, but nvlink3 has 12; "),
    ],
)  # fmt: skip
def test_a_scenario_file_is_told_line_and_column(line, message):
    text = f"machine:\n  gpus: 4 x 1GiB\n  topology: {line}\nmodel: {{onnx: resnet50}}\n"

    with pytest.raises(ScenarioError) as refused:
        scenario_from_text(text, "f.yaml")

    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bandwidth_bytes_per_s": 0}, "bandwidth_bytes_per_s is a whole number from 1 to 2**63 - 1, not 0"),
        ({"bandwidth_bytes_per_s": INFINITE}, "bandwidth_bytes_per_s is a whole number from 1 to 2**63 - 1, not inf"),
        ({"bandwidth_bytes_per_s": True}, "bandwidth_bytes_per_s is a whole number from 1 to 2**63 - 1, not True"),
        ({"latency_ps": -1}, "latency_ps is a whole number from 0 to 2**63 - 1, not -1"),
        ({"latency_ps": NAN}, "latency_ps is a whole number from 0 to 2**63 - 1, not nan"),
        ({"duplex": "both"}, "duplex is one of full, half, fatpipe, not 'both'"),
    ],
)
def test_a_link_made_by_hand_is_held_to_the_same_figures(changes, message):
    fields: dict[str, Any] = {"name": "ab", "ends": ("a", "b"), "bandwidth_bytes_per_s": 1, "latency_ps": 0} | changes

    with pytest.raises(MachineError) as refused:
        LinkSpec(**fields)

    assert str(refused.value) == f"link 'ab': {message}"


def test_a_link_made_by_hand_has_two_ends():
    with pytest.raises(MachineError) as refused:
        LinkSpec("aa", ("a", "a"), 1, 0)

    assert str(refused.value) == "link 'aa' leads from a to itself; give it two ends"
