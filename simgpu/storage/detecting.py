"""What there is: the machine of this computer, with its real GPUs."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from simgpu.errors import ExecutionError, MachineError
from simgpu.machine import Inventory, Machine
from simgpu.machine.hardware import DeviceModel, PhysicalDevice, Slice
from simgpu.machine.logical import number_devices
from simgpu.storage.catalog import need_cupy

_PARTS = (
    # part of the name that CUDA gives, name in the catalog
    ("H100 80GB HBM3", "h100-80g"),
    ("H100 PCIe", "h100-pcie-80g"),
    ("H200", "h200-141g"),
    ("A100-SXM4-80GB", "a100-80g"),
    ("A100-SXM4-40GB", "a100-40g"),
    ("V100-SXM2-32GB", "v100-32g"),
    ("V100-SXM2-16GB", "v100-16g"),
    ("Tesla T4", "t4"),
)


def detect() -> Machine:
    """Return the machine of this computer: its CPUs, and each GPU that the process sees, whole.

    A card that the catalog knows has its figures, any other those of a generic one; memory, multiprocessors, PCI bus id
    and UUID are what CUDA says. Without CuPy or a GPU, it is a machine without GPUs. Speeds of CPUs and links are those
    of the catalog: `calibrate` measures them.
    """
    cards = _cards()
    threads = os.cpu_count() or 1
    parts = {"gpus": [_line(card) for card in cards]} if cards else {"host": "cpu-2c"}
    return _with_facts(Machine({**parts, "inter_op_threads": threads, "intra_op_threads": threads}), cards)


def _cards() -> list[dict[str, Any]]:
    """Return what CUDA says of each card; nothing where there is no CuPy, driver or card."""
    try:
        need_cupy()
        from simgpu.storage.cuda_driver import all_cards

        return all_cards()
    except (ImportError, ExecutionError):
        return []


def _line(card: dict[str, Any]) -> str:
    for part, name in _PARTS:
        if part in card["name"]:
            try:
                Machine(f"1 x {name}")
            except MachineError:
                break
            return f"1 x {name}"
    return f"1 x {card['memory_bytes'] // 2**20}MiB"


def _with_facts(machine: Machine, cards: list[dict[str, Any]]) -> Machine:
    """Put in the place of what the catalog says of a card what the card says of itself."""
    inventory: Inventory = machine.inventory
    left = iter(cards)
    physical = tuple(
        _told(device, next(left)) if device.kind == "GPU" else _with_memory(device)
        for device in inventory.physical_devices
    )
    slices = [(Slice(device.model.memory_bytes),) for device in physical]
    devices = number_devices(inventory.hosts, physical, slices)
    return Machine.from_inventory(replace(inventory, physical_devices=physical, devices=devices))


def _with_memory(cpu: PhysicalDevice) -> PhysicalDevice:
    """Give a host the memory of this computer, where the system tells it."""
    try:
        memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return cpu
    return replace(cpu, model=replace(cpu.model, memory_bytes=memory_bytes))


def _told(device: PhysicalDevice, card: dict[str, Any]) -> PhysicalDevice:
    model: DeviceModel = replace(
        device.model, title=card["name"], memory_bytes=card["memory_bytes"], cores=card["multiprocessors"]
    )
    return replace(device, model=model, pci_bus_id=card["pci_bus_id"], uuid=card["uuid"])
