"""The devices that `config` numbers, and what it refuses of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from simgpu.arrays import config_records
from simgpu.arrays.config_choices import LOCAL
from simgpu.arrays.config_records import LogicalDeviceConfiguration, PhysicalDevice, limit_bytes
from simgpu.errors import InvalidValue
from simgpu.machine import LogicalDevice, Machine
from simgpu.naming import LOCALHOST, DeviceSpec
from simgpu.units import format_size

Device = TypeVar("Device", PhysicalDevice, config_records.LogicalDevice)


def number_physical_devices(machine: Machine) -> dict[PhysicalDevice, int]:
    """Return the physical devices of this host by TensorFlow's names, and their positions in the machine."""
    positions: dict[PhysicalDevice, int] = {}
    counts = {"CPU": 0, "GPU": 0}
    for position, device in enumerate(machine.physical_devices):
        if device.host == LOCAL:
            name = f"/physical_device:{device.kind}:{counts[device.kind]}"
            positions[PhysicalDevice(name, device.kind)] = position
            counts[device.kind] += 1
    return positions


def positions_elsewhere(machine: Machine) -> frozenset[int]:
    """Return the positions of the physical devices of other hosts."""
    return frozenset(position for position, device in enumerate(machine.physical_devices) if device.host != LOCAL)


def logical_device(device: LogicalDevice) -> config_records.LogicalDevice:
    """Return TensorFlow's name of a device: short for those of this process, whole for others."""
    spec = device.spec
    is_local = DeviceSpec(spec.job, spec.replica, spec.task) == LOCALHOST
    name = str(DeviceSpec(device_type=spec.device_type, device_index=spec.device_index)) if is_local else device.name
    return config_records.LogicalDevice(name, device.kind)


def of_type(devices: Iterable[Device], device_type: str | None) -> list[Device]:
    """Return the devices of one type, or all of them."""
    return [device for device in devices if device_type in (None, device.device_type)]


def limits_of(device: PhysicalDevice, parts: Iterable[LogicalDeviceConfiguration]) -> tuple[int | None, ...]:
    """Return the limits of parts in bytes; None for those of a CPU."""
    return tuple(None if device.device_type == "CPU" else limit_bytes(part, device) for part in parts)


def check_order(chosen: Sequence[PhysicalDevice], order: Sequence[PhysicalDevice]) -> None:
    """Refuse a list of visible devices that names one twice, or in another order than their own."""
    positions = [order.index(device) for device in chosen]
    names = ", ".join(device.name for device in chosen)
    if len(set(positions)) < len(positions):
        raise InvalidValue(f"visible devices name a device twice: {names}; name each once")
    for device_type in ("CPU", "GPU"):
        found = [order.index(device) for device in of_type(chosen, device_type)]
        if found != sorted(found):
            raise InvalidValue(
                f"visible devices keep their own order, not that of the list: {names}; give them in ascending order, "
                "or renumber them with CUDA_VISIBLE_DEVICES"
            )


def check_parts(device: PhysicalDevice, parts: Sequence[LogicalDeviceConfiguration], memory_bytes: int) -> None:
    """Refuse parts that the device, with so much memory, cannot be cut into."""
    for part in parts:
        if not isinstance(part, LogicalDeviceConfiguration):
            raise InvalidValue(f"{device.name}: {part!r} is no LogicalDeviceConfiguration; give a list of those")
        _check_part(device, part)
    if device.device_type == "CPU":
        return
    asked = sum(limit_bytes(part, device) for part in parts)
    if asked > memory_bytes:
        raise InvalidValue(
            f"{device.name}: its {len(parts)} parts ask for {format_size(asked)}, but the card has "
            f"{format_size(memory_bytes)}; lower the limits"
        )


def _check_part(device: PhysicalDevice, part: LogicalDeviceConfiguration) -> None:
    if part.experimental_priority is not None:
        raise InvalidValue(f"{device.name}: streams have no priority here; leave experimental_priority out")
    if part.experimental_device_ordinal is not None:
        raise InvalidValue(f"{device.name}: parts keep the order of the list; leave experimental_device_ordinal out")
    if device.device_type == "CPU" and part.memory_limit is not None:
        raise InvalidValue(f"{device.name}: parts of a CPU have no memory limit; leave memory_limit out")
    if device.device_type == "GPU" and part.memory_limit is None:
        raise InvalidValue(
            f"{device.name}: every part of a GPU needs a limit: memory_limit=MiB, or text such as '2GiB'"
        )
