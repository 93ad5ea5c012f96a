"""Numbers logical devices as TensorFlow does: per task, physical devices in order, each one's slices in theirs."""

from __future__ import annotations

from collections.abc import Sequence

from simgpu.machine.hardware import DeviceKind, Host, Inventory, LogicalDevice, PhysicalDevice, Slice
from simgpu.naming import DeviceSpec


def number_devices(
    hosts: Sequence[Host], physical_devices: Sequence[PhysicalDevice], slices: Sequence[Sequence[Slice]]
) -> tuple[LogicalDevice, ...]:
    """Return the logical devices of all slices, in the order of the physical devices that they are cut from."""
    numbered: dict[tuple[int, DeviceKind], int] = {}
    devices = []
    for physical, (device, parts) in enumerate(zip(physical_devices, slices, strict=True)):
        for part in parts:
            index = numbered.get((device.host, device.kind), 0)
            numbered[device.host, device.kind] = index + 1
            spec = _spec(hosts[device.host], device.kind, index)
            devices.append(LogicalDevice(str(spec), device.kind, physical, part.memory_limit_bytes, part.compute, spec))
    return tuple(devices)


def number_physical_devices(inventory: Inventory) -> list[DeviceSpec]:
    """Return the name that each physical device would have as one logical device."""
    whole = [(Slice(device.model.memory_bytes),) for device in inventory.physical_devices]
    return [device.spec for device in number_devices(inventory.hosts, inventory.physical_devices, whole)]


def slices_of(inventory: Inventory) -> list[list[Slice]]:
    """Return the slices of each physical device, in order: the inverse of `number_devices`."""
    slices: list[list[Slice]] = [[] for _ in inventory.physical_devices]
    for device in inventory.devices:
        slices[device.physical].append(Slice(device.memory_limit_bytes, device.compute))
    return slices


def _spec(host: Host, kind: DeviceKind, index: int) -> DeviceSpec:
    return DeviceSpec(job=host.job, replica=host.replica, task=host.task, device_type=kind, device_index=index)
