"""Builds the data of a machine from its blueprint: devices with their names and addresses, links and switches.

Each host is a star: every GPU has its own link to the host, and one more to a switch between the GPUs where the
blueprint has a `gpu_link`. Several hosts meet in one network switch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from simgpu.machine import catalog
from simgpu.machine.blueprint import Blueprint, HostPlan
from simgpu.machine.hardware import DeviceModel, Host, Inventory, LinkSpec, LinkType, PhysicalDevice, Slice
from simgpu.machine.logical import number_devices

_NETWORK_SWITCH = "network"
_BUSES_PER_DOMAIN, _FIRST_BUS = 240, 0x10


def assemble(plan: Blueprint) -> Inventory:
    """Build a machine with every device whole. The split of the blueprint is not applied."""
    hosts = tuple(_host(position, host) for position, host in enumerate(plan.hosts))
    physical_devices = tuple(
        device for position, host in enumerate(plan.hosts) for device in _physical_devices(position, host)
    )
    whole = [(Slice(device.model.memory_bytes),) for device in physical_devices]
    return Inventory(
        hosts=hosts,
        physical_devices=physical_devices,
        devices=number_devices(hosts, physical_devices, whole),
        links=tuple(_links(plan, hosts, physical_devices)),
        switches=tuple(_switches(plan, hosts)),
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


def _links(plan: Blueprint, hosts: Sequence[Host], devices: Sequence[PhysicalDevice]) -> Iterator[LinkSpec]:
    for device in devices:
        host = hosts[device.host].name
        if device.kind == "GPU":
            yield _link(plan.host_link or catalog.link(device.model.host_link), device.name, f"{host}/CPU:0")
        if device.kind == "GPU" and plan.gpu_link and _has_switch(plan.hosts[device.host]):
            yield _link(plan.gpu_link, device.name, f"{host}/switch")
        if device.kind == "CPU" and len(hosts) > 1:
            yield _link(plan.network, device.name, _NETWORK_SWITCH)


def _link(link: LinkType, end: str, other: str) -> LinkSpec:
    """Return a link named after its first end, which has only one of this type."""
    return LinkSpec(
        name=f"{end} {link.name}",
        ends=(end, other),
        bandwidth_bytes_per_s=link.bandwidth_bytes_per_s,
        latency_ps=link.latency_ps,
        duplex=link.duplex,
    )


def _switches(plan: Blueprint, hosts: Sequence[Host]) -> Iterator[str]:
    for host, host_plan in zip(hosts, plan.hosts, strict=True):
        if plan.gpu_link and _has_switch(host_plan):
            yield f"{host.name}/switch"
    if len(hosts) > 1:
        yield _NETWORK_SWITCH


def _has_switch(host: HostPlan) -> bool:
    return len(host.gpus) > 1
