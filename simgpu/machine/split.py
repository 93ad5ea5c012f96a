"""Cuts physical devices into logical ones with hard memory limits, which together never exceed the card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from simgpu.errors import DeviceNameError
from simgpu.machine.blueprint import MOST_DEVICES
from simgpu.machine.given import Given, as_amount, as_choice, as_count, as_list, as_mapping, check_keys
from simgpu.machine.hardware import COMPUTES, Compute, Inventory, PhysicalDevice, Slice
from simgpu.machine.logical import number_devices, number_physical_devices, slices_of
from simgpu.machine.refusal import MachineKeyError, Path, listed, show
from simgpu.naming import DeviceSpec, short_name
from simgpu.units import format_size, parse_size

GRAIN_BYTES = 512
"""Equal parts are whole multiples of this, the unit in which memory is handed out."""

_FORMS = "a list of sizes, a number of equal parts, or a mapping with 'limits' and 'compute'"


def split_inventory(inventory: Inventory, requests: Given, compute: object = "shared") -> Inventory:
    """Return the inventory with the named physical devices cut anew. Refuses limits that a card cannot hold."""
    sharing = as_choice(compute, COMPUTES, ("compute",))
    if not requests:
        return inventory
    names = number_physical_devices(inventory)
    slices: list[Sequence[Slice]] = [*slices_of(inventory)]
    cut_by: dict[int, object] = {}
    for key, request in requests.items():
        path: Path = ("split", key if isinstance(key, str) else show(key))
        for physical in _matching(key, names, path):
            if physical in cut_by:
                reason = f"{inventory.physical_devices[physical].name} is split by {show(cut_by[physical])} already"
                raise MachineKeyError(f"{reason}; name each device once", path)
            cut_by[physical] = key
            slices[physical] = _cut(inventory.physical_devices[physical], request, sharing, path)
    devices = number_devices(inventory.hosts, inventory.physical_devices, slices)
    return replace(inventory, devices=devices)


def _matching(key: object, names: Sequence[DeviceSpec], path: Path) -> list[int]:
    """Return the positions of the physical devices that a name, whole or partial, is for."""
    if not isinstance(key, str):
        raise MachineKeyError(f"{show(key)} is not the name of a device, such as 'GPU:0'", path)
    try:
        asked = DeviceSpec.parse(key)
    except DeviceNameError as error:
        raise MachineKeyError(str(error), path) from error
    found = [position for position, name in enumerate(names) if asked.device_type and asked.matches(name)]
    if not found:
        there = listed(short_name(str(name)) for name in names)
        raise MachineKeyError(f"the machine has no physical device {show(key)}; it has {there}", path)
    return found


def _cut(device: PhysicalDevice, request: object, compute: Compute, path: Path) -> tuple[Slice, ...]:
    limits = request
    limits_path = path
    if not isinstance(request, int | str | Sequence):
        fields = as_mapping(request, path, _FORMS)
        check_keys(fields, ("limits", "compute"), path)
        compute = as_choice(fields.get("compute", compute), COMPUTES, (*path, "compute"))
        limits, limits_path = fields.get("limits", 1), (*path, "limits")
    return tuple(Slice(limit, compute) for limit in _limits(device, limits, limits_path))


def _limits(device: PhysicalDevice, request: object, path: Path) -> list[int]:
    if isinstance(request, int):
        return _equal_parts(device, as_count(request, path, most=MOST_DEVICES, what="a number of parts"), path)
    sizes = as_list(request, path, _FORMS)
    limits = [_limit(size, (*path, position)) for position, size in enumerate(sizes)]
    if not limits:
        raise MachineKeyError("a split has at least one part; this list is empty", path)
    memory_bytes = device.model.memory_bytes
    if sum(limits) > memory_bytes:
        raise MachineKeyError(_excess(device, limits), path)
    return limits


def _limit(size: object, path: Path) -> int:
    limit = as_amount(parse_size, size, path)
    if limit == 0:
        raise MachineKeyError("a memory limit is more than 0 B; leave the part out instead", path)
    if limit < GRAIN_BYTES:
        reason = f"a memory limit of {limit} B is less than {GRAIN_BYTES} B, the unit in which memory is handed out"
        raise MachineKeyError(f"{reason}; a plain number means bytes: write a unit, such as '{limit}GiB'", path)
    return limit


def _equal_parts(device: PhysicalDevice, parts: int, path: Path) -> list[int]:
    """Return equal limits, rounded down to whole grains; one part is the whole device."""
    memory_bytes = device.model.memory_bytes
    limit = memory_bytes if parts == 1 else memory_bytes // parts // GRAIN_BYTES * GRAIN_BYTES
    if limit == 0:
        reason = f"{format_size(memory_bytes)} cannot be cut into {parts} parts of at least {GRAIN_BYTES} B"
        raise MachineKeyError(f"{device.name} ({device.model.name}): {reason}", path)
    return [limit] * parts


def _excess(device: PhysicalDevice, limits: Sequence[int]) -> str:
    shown = " + ".join(format_size(limit) for limit in limits[:4]) + (" + ..." if len(limits) > 4 else "")
    parts = "part asks" if len(limits) == 1 else "parts ask"
    return (
        f"{device.name} ({device.model.name}) has {format_size(device.model.memory_bytes)} of memory, but its "
        f"{len(limits)} {parts} for {format_size(sum(limits))} ({shown}); lower the limits, or take a larger device"
    )
