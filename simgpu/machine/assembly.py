"""Builds the data of a machine from its blueprint: devices with their names and addresses, links and switches.

What joins the GPUs of a host, its GPUs to the host, and the hosts is for the topologies of the blueprint to say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from simgpu.machine import catalog
from simgpu.machine.blueprint import Blueprint, HostPlan
from simgpu.machine.hardware import DeviceModel, Host, Inventory, LinkSpec, LinkType, PhysicalDevice, Slice
from simgpu.machine.logical import number_devices
from simgpu.machine.topology import Wiring

_NETWORK, _ALL_GPUS = "network", "gpus"
_BUSES_PER_DOMAIN, _FIRST_BUS = 240, 0x10


def assemble(plan: Blueprint) -> Inventory:
    """Build a machine with every device whole. The split of the blueprint is not applied."""
    hosts = tuple(_host(position, host) for position, host in enumerate(plan.hosts))
    physical_devices = tuple(
        device for position, host in enumerate(plan.hosts) for device in _physical_devices(position, host)
    )
    wirings = [*_wirings(plan, physical_devices)]
    whole = [(Slice(device.model.memory_bytes),) for device in physical_devices]
    return Inventory(
        hosts=hosts,
        physical_devices=physical_devices,
        devices=number_devices(hosts, physical_devices, whole),
        links=_in_order(chain.from_iterable(wiring.links for wiring in wirings), physical_devices),
        switches=tuple(chain.from_iterable(wiring.switches for wiring in wirings)),
        ecmp_seed=plan.ecmp_seed,
    )


def _host(position: int, plan: HostPlan) -> Host:
    cores = plan.cpu.cores
    return Host(
        name=f"host{position}",
        job=plan.job,
        replica=0,
        task=plan.task,
        inter_op_threads=plan.inter_op_threads or cores,
        intra_op_threads=plan.intra_op_threads or cores,
    )


def _physical_devices(host: int, plan: HostPlan) -> Iterator[PhysicalDevice]:
    yield PhysicalDevice(f"host{host}/CPU:0", host, plan.cpu)
    for slot, model in enumerate(plan.gpus):
        name = f"host{host}/GPU:{slot}"
        yield PhysicalDevice(name, host, model, _pci_bus_id(slot), _uuid(name, model))


def _pci_bus_id(slot: int) -> str:
    """Return a made-up bus id in the form of nvidia-smi, ascending with the slot."""
    domain, bus = divmod(slot, _BUSES_PER_DOMAIN)
    return f"{domain:08X}:{bus + _FIRST_BUS:02X}:00.0"


def _uuid(name: str, model: DeviceModel) -> str:
    """Return a made-up UUID in the form of nvidia-smi, always the same for the same slot and model."""
    digits = hashlib.sha256(f"{name} {model.name}".encode()).hexdigest()
    return "GPU-" + "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


def _wirings(plan: Blueprint, devices: Sequence[PhysicalDevice]) -> Iterator[Wiring]:
    """Yield the wiring of each host, then of what joins them."""
    cpus = [device.name for device in devices if device.kind == "CPU"]
    gpus: list[dict[str, LinkType]] = [{} for _ in plan.hosts]
    for device in devices:
        if device.kind == "GPU":
            gpus[device.host][device.name] = plan.host_link or catalog.link(device.model.host_link)
    for number, (cpu, slots) in enumerate(zip(cpus, gpus, strict=True)):
        yield plan.topologies.host.wire(slots, cpu, f"host{number}")
        if plan.gpu_link and slots and not plan.topologies.across_hosts:
            yield plan.topologies.gpu.wire([*slots], plan.gpu_link, f"host{number}")
    if plan.gpu_link and any(gpus) and plan.topologies.across_hosts:
        yield plan.topologies.gpu.wire([*chain.from_iterable(gpus)], plan.gpu_link, _ALL_GPUS)
    if len(cpus) > 1:
        yield plan.topologies.network.wire(cpus, plan.network, _NETWORK)


def _in_order(links: Iterable[LinkSpec], devices: Sequence[PhysicalDevice]) -> tuple[LinkSpec, ...]:
    """Return the links by the device at their first end, then those between switches."""
    position = {device.name: number for number, device in enumerate(devices)}
    return tuple(sorted(links, key=lambda link: position.get(link.ends[0], len(position))))
