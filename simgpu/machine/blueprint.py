"""What was asked for, before it is built: hosts with their parts, links by type, the split as it was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from simgpu.machine import catalog
from simgpu.machine.catalog.reader import Box
from simgpu.machine.hardware import DeviceModel, LinkType
from simgpu.machine.refusal import MachineKeyError, Path
from simgpu.machine.topology import PcieTree, Star, Topology

MOST_DEVICES = 4096
"""The most GPUs, and the most hosts, that one machine can have."""

_SMALL_HOST, _SERVER_HOST, _NETWORK = "cpu-2c", "cpu-2s-8480", "eth-100g"


@dataclass(frozen=True, slots=True)
class HostPlan:
    """One host to build: its task and its parts. Thread counts of None mean one for each core."""

    job: str
    task: int
    cpu: DeviceModel
    gpus: tuple[DeviceModel, ...]
    inter_op_threads: int | None = None
    intra_op_threads: int | None = None


@dataclass(frozen=True, slots=True)
class Topologies:
    """How the three kinds of links are arranged. `across_hosts` joins the GPUs of all hosts, not those of each."""

    host: PcieTree = field(default_factory=PcieTree)
    gpu: Topology = field(default_factory=lambda: Star("switch"))
    network: Topology = field(default_factory=Star)
    across_hosts: bool = False


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A whole machine to build.

    `gpu_link` joins GPUs, None: they meet in the host. `host_link` replaces the PCIe slot that each card is made for.
    `split` and `compute` are those of `Machine.split`, `ecmp_seed` that of `Inventory`.
    """

    hosts: tuple[HostPlan, ...]
    network: LinkType
    gpu_link: LinkType | None = None
    host_link: LinkType | None = None
    topologies: Topologies = Topologies()
    ecmp_seed: int | None = None
    split: Mapping[object, object] = field(default_factory=dict, hash=False)
    compute: object = "shared"


def plan_one_host(gpus: Sequence[DeviceModel], cpu: DeviceModel | None = None) -> Blueprint:
    """Plan one host, `/job:localhost/task:0`, with these GPUs on PCIe."""
    host = HostPlan("localhost", 0, cpu or usual_host(gpus), tuple(gpus))
    return Blueprint((host,), network=usual_network())


def plan_box(box: Box, gpus: tuple[DeviceModel, ...], count: int = 1) -> Blueprint:
    """Plan `count` boxes; several hosts are tasks of the job `worker`, joined by the network of the box."""
    number = box.hosts * count
    job = "worker" if number > 1 else "localhost"
    cpu = catalog.host(box.host)
    return Blueprint(
        tuple(HostPlan(job, task, cpu, gpus) for task in range(number)),
        network=catalog.link(box.network),
        gpu_link=catalog.link(box.gpu_link) if box.gpu_link else None,
    )


def usual_host(gpus: Sequence[DeviceModel]) -> DeviceModel:
    """Return the host where none is named: a two-socket server for real cards, else a small one of 2 cores."""
    is_small = all(gpu.name.startswith("generic") for gpu in gpus)
    return catalog.host(_SMALL_HOST if is_small else _SERVER_HOST)


def usual_network() -> LinkType:
    """Return the network where none is named: 100-Gbit Ethernet."""
    return catalog.link(_NETWORK)


def check_extent(hosts: int, gpus: int, path: Path = ()) -> None:
    """Refuse a machine beyond the limits."""
    for what, number in (("hosts", hosts), ("GPUs", gpus)):
        if number > MOST_DEVICES:
            raise MachineKeyError(f"{number} {what} are more than the {MOST_DEVICES} that a machine can have", path)
