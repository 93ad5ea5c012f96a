"""What a program chose before its runtime started, and the machine that comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from simgpu.arrays.default_limit import default_limit_bytes
from simgpu.errors import MachineError
from simgpu.machine import Host, Inventory, Machine, PhysicalDevice
from simgpu.machine.hardware import Slice
from simgpu.machine.logical import number_devices, slices_of
from simgpu.memory import UNIT_BYTES

Reserve = int | Literal["tensorflow"]
LOCAL = 0
"""The host whose devices a program configures: its own, the first. Others stay as they are described."""


@dataclass(frozen=True, slots=True)
class Choices:
    """Devices are positions in the machine's physical devices.

    `parts` has the limits of those that are cut; for the CPU, None for each part. `threads` are those of the host,
    inter-op and intra-op; None or 0 leaves its own. `reserve` is left out of cards that are not cut.
    """

    visible: frozenset[int]
    parts: Mapping[int, tuple[int | None, ...]] = field(default_factory=dict)
    threads: tuple[int | None, int | None] = (None, None)
    reserve: Reserve = 0


def configured_machine(machine: Machine, choices: Choices) -> Machine:
    """Return the machine as its program wants it. Raises MachineError if nothing is left of its CPU."""
    inventory = machine.inventory
    slices: list[Sequence[Slice]] = [
        _slices(position, device, given, choices)
        for position, (device, given) in enumerate(zip(inventory.physical_devices, slices_of(inventory), strict=True))
    ]
    kept = [position for position in range(len(slices)) if position in choices.visible]
    if not any(slices[position] for position in kept if _is_local_cpu(inventory, position)):
        raise MachineError(
            "no CPU is left to this program: it is not visible, or cut into no parts; every program needs one, so keep "
            "it in set_visible_devices and give it a part"
        )
    return Machine.from_inventory(_limited(inventory, kept, slices, choices))


def _limited(
    inventory: Inventory, kept: Sequence[int], slices: Sequence[Sequence[Slice]], choices: Choices
) -> Inventory:
    physical = tuple(inventory.physical_devices[position] for position in kept)
    hosts = (_with_threads(inventory.hosts[LOCAL], choices.threads), *inventory.hosts[LOCAL + 1 :])
    nodes = {device.name for device in physical} | {*inventory.switches}
    return replace(
        inventory,
        hosts=hosts,
        physical_devices=physical,
        devices=number_devices(hosts, physical, [slices[position] for position in kept]),
        links=tuple(link for link in inventory.links if nodes.issuperset(link.ends)),
    )


def _slices(position: int, device: PhysicalDevice, given: Sequence[Slice], choices: Choices) -> Sequence[Slice]:
    """Return the parts of a device: as chosen, as the machine was described, or one part less the reserve."""
    if position in choices.parts:
        limits = choices.parts[position]
        equal = device.model.memory_bytes // max(len(limits), 1) // UNIT_BYTES * UNIT_BYTES
        return [Slice(equal if limit is None else limit) for limit in limits]
    is_whole = len(given) == 1 and given[0].memory_limit_bytes == device.model.memory_bytes
    if device.kind != "GPU" or not is_whole or choices.reserve == 0:
        return given
    own = None if choices.reserve == "tensorflow" else choices.reserve
    limit = default_limit_bytes(device.model.memory_bytes, device.model.compute_capability, own)
    return [replace(given[0], memory_limit_bytes=limit)]


def _is_local_cpu(inventory: Inventory, position: int) -> bool:
    device = inventory.physical_devices[position]
    return device.host == LOCAL and device.kind == "CPU"


def _with_threads(host: Host, threads: tuple[int | None, int | None]) -> Host:
    inter, intra = threads
    return replace(
        host,
        inter_op_threads=inter or host.inter_op_threads,
        intra_op_threads=intra or host.intra_op_threads,
    )
