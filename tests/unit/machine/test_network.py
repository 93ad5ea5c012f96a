"""Channels and routes, on machines of the catalog and on small networks made by hand."""

from __future__ import annotations

import dataclasses

import pytest

from simgpu.errors import MachineError
from simgpu.machine import Channel, DeviceModel, Inventory, LinkSpec, Machine, PhysicalDevice, Route
from simgpu.machine.network import Network

CPU = DeviceModel("cpu", "CPU", 1, 10, {"float32": 1}, 0, 0, 1, None, "made up")
GPU = dataclasses.replace(CPU, name="gpu", kind="GPU", memory_bandwidth_bytes_per_s=31)


def network(*links: LinkSpec, devices: str = "ab", cpus: str = "", switches: str = "") -> Network:
    """Make a network of GPUs, CPUs and switches with one-letter names."""
    physical = [PhysicalDevice(name, 0, CPU if name in cpus else GPU) for name in devices + cpus]
    return Network(Inventory((), tuple(physical), (), links, tuple(switches)))


def link(ends: str, name: str = "", latency_ps: int = 0, duplex: str = "full") -> LinkSpec:
    return LinkSpec(name or ends, (ends[0], ends[1]), 100, latency_ps, duplex)  # type: ignore[arg-type]


def names(network: Network, source: int = 0, target: int = 1) -> list[str]:
    return [network.channels[channel].name for channel in network.route(source, target).channels]


def between(machine: Machine, source: str, target: str) -> tuple[list[str], int]:
    route = machine.route(machine.index(source), machine.index(target))
    return [machine.channels[channel].name for channel in route.channels], route.latency_ps


def test_gpus_meet_in_their_host_when_there_is_no_other_link():
    machine = Machine("2 x h100-80g")

    assert between(machine, "CPU:0", "GPU:1") == (["host0/GPU:1 pcie5-x16 in"], 1_000_000)
    assert between(machine, "GPU:1", "CPU:0") == (["host0/GPU:1 pcie5-x16 out"], 1_000_000)
    assert between(machine, "GPU:0", "GPU:1") == (
        ["host0/GPU:0 pcie5-x16 out", "host0/GPU:1 pcie5-x16 in"],
        2_000_000,
    )


def test_gpus_of_a_box_meet_in_its_switch():
    machine = Machine("hgx-h100-8")

    assert between(machine, "GPU:7", "GPU:0") == (["host0/GPU:7 nvlink4 out", "host0/GPU:0 nvlink4 in"], 1_000_000)
    assert between(machine, "GPU:7", "CPU:0") == (["host0/GPU:7 pcie5-x16 out"], 1_000_000)


def test_a_slow_fabric_is_still_preferred_to_a_stop_in_the_host():
    machine = Machine({"gpus": "2 x t4", "links": {"gpu": {"bandwidth": "1 GB/s", "latency": "1 s"}}})

    assert between(machine, "GPU:0", "GPU:1")[0] == ["host0/GPU:0 custom-gpu out", "host0/GPU:1 custom-gpu in"]


def test_gpus_of_two_hosts_meet_over_the_network():
    machine = Machine("hgx-h100-8-x2")

    assert between(machine, "/task:0/GPU:3", "/task:1/GPU:3") == (
        ["host0/GPU:3 pcie5-x16 out", "host0/CPU:0 ib-ndr out", "host1/CPU:0 ib-ndr in", "host1/GPU:3 pcie5-x16 in"],
        3_200_000,
    )


def test_a_full_duplex_link_is_two_channels_and_a_half_duplex_one_is_one():
    both = network(link("ab", latency_ps=7))
    one = network(link("ab", latency_ps=7, duplex="half"))
    pipe = network(link("ab", latency_ps=7, duplex="fatpipe"))
    memories = (Channel("a memory", 15, 0), Channel("b memory", 15, 0))

    assert both.channels == (Channel("ab out", 100, 7), Channel("ab in", 100, 7), *memories)
    assert (both.route(0, 1), both.route(1, 0)) == (Route((0,), 7), Route((1,), 7))
    assert one.channels == (Channel("ab", 100, 7), *memories)
    assert (one.route(0, 1), one.route(1, 0)) == (Route((0,), 7), Route((0,), 7))
    assert pipe.channels == (Channel("ab", 100, 7, is_fatpipe=True), *memories)


def test_the_fewest_links_win_then_the_least_latency_then_the_first_names():
    ring = (link("aX"), link("XY"), link("Yb"))

    assert names(network(*ring, link("aZ", latency_ps=9), link("Zb"), switches="XYZ")) == ["aZ out", "Zb out"]
    assert names(
        network(link("aX"), link("Xb", latency_ps=2), link("aZ", latency_ps=1), link("Zb"), switches="XZ")
    ) == [
        "aZ out",
        "Zb out",
    ]
    assert names(network(link("aZ"), link("Zb"), link("aX"), link("Xb"), switches="XZ")) == ["aX out", "Xb out"]
    assert names(network(link("ab", "second"), link("ab", "first"))) == ["first out"]


def test_no_route_passes_through_another_gpu():
    triangle = network(link("ac"), link("cb"), link("ah"), link("hi"), link("ib"), devices="abc", cpus="hi")

    assert names(triangle) == ["ah out", "hi out", "ib out"]


def test_a_route_stops_in_hosts_only_if_there_is_no_other():
    detour = (link("aX"), link("XY"), link("Yb"))

    assert names(network(link("ah"), link("hb"), *detour, cpus="h", switches="XY")) == ["aX out", "XY out", "Yb out"]


def test_devices_without_a_way_between_them_are_named():
    apart = network(link("ac"), link("cb"), devices="abc")

    with pytest.raises(MachineError) as refused:
        apart.route(0, 1)

    assert str(refused.value) == "no link leads from a to b; add one, or a switch between them"


class Watched(list[object]):
    """Ports that count how often somebody looks at them all."""

    looks = 0

    def __iter__(self):
        self.looks += 1
        return super().__iter__()


def test_a_route_through_a_switch_does_not_look_at_all_of_its_ports():
    star = network(*(link(f"{device}X") for device in "abcdefgh"), devices="abcdefgh", switches="X")
    ports, feeds = Watched(star._ports["X"]), Watched(star._feeds["X"])
    star._ports["X"], star._feeds["X"] = ports, feeds

    assert names(star, 0, 7) == ["aX out", "hX in"]
    assert (ports.looks, feeds.looks) == (0, 0)
