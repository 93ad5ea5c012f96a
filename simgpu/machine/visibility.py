"""Hides and renumbers GPUs as the CUDA driver does for `CUDA_VISIBLE_DEVICES` and `CUDA_DEVICE_ORDER`.

The rules are those of the CUDA Programming Guide, chapter on environment variables; where it is silent, what drivers
were seen to do (PyTorch's `torch.cuda._parse_visible_devices` has the same):

* A comma-separated list of indices, or of UUIDs or beginnings of them that fit one card only. The first entry says
  which of the two; an entry of the other kind is invalid.
* The cards are numbered anew in the order of the list. The first invalid entry ends it: what follows is ignored.
* The same card twice: the driver fails, and no GPU is visible. So it is with an empty list, and with `-1`.
* An index is read as C's `strtoul` does: `1gpu` is 1. MIG devices are not simulated; their names are invalid.
* Indices count cards in the order `FASTEST_FIRST` (default) or `PCI_BUS_ID`. NVIDIA does not say what makes a card
  fast; taken are: peak float32, then memory bandwidth, then the lower PCI bus id.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from simgpu.errors import MachineError
from simgpu.machine.hardware import Inventory, LinkSpec, PhysicalDevice
from simgpu.machine.logical import number_devices, slices_of
from simgpu.machine.refusal import show

ORDERS = ("FASTEST_FIRST", "PCI_BUS_ID")

_INDEX = re.compile(r"\s*\+?([0-9]+)")


def select_visible(cards: Sequence[PhysicalDevice], visible: str | None, order: str | None) -> list[PhysicalDevice]:
    """Return the cards of one host that a process sees, in its numbering. None: the variable is not set."""
    cards = _ordered(cards, order)
    if visible is None:
        return [*cards]
    entries = visible.split(",")
    is_by_uuid = entries[0].strip().startswith("GPU-")
    chosen: list[PhysicalDevice] = []
    for entry in entries:
        card = _by_uuid(cards, entry.strip()) if is_by_uuid else _by_index(cards, entry)
        if card is None:
            break
        if card in chosen:
            return []
        chosen.append(card)
    return chosen


def limit_inventory(inventory: Inventory, visible: str | None, order: str | None, hosts: Collection[int]) -> Inventory:
    """Return the inventory with the visible cards of these hosts, in order, and all of the others. Slices stay cut."""
    if not isinstance(visible, str | None):
        raise MachineError(f"CUDA_VISIBLE_DEVICES is text, such as '0,1', or None if not set; not {show(visible)}")
    kept: list[PhysicalDevice] = []
    for host, devices in groupby(inventory.physical_devices, key=lambda device: device.host):
        cpu, *cards = devices
        kept += [cpu, *(select_visible(cards, visible, order) if host in hosts else cards)]
    slices = dict(zip(inventory.physical_devices, slices_of(inventory), strict=True))
    return replace(
        inventory,
        physical_devices=tuple(kept),
        devices=number_devices(inventory.hosts, kept, [slices[device] for device in kept]),
        links=_links_between({device.name for device in kept} | {*inventory.switches}, inventory.links),
    )


def _links_between(nodes: set[str], links: Iterable[LinkSpec]) -> tuple[LinkSpec, ...]:
    return tuple(link for link in links if nodes.issuperset(link.ends))


def _ordered(cards: Sequence[PhysicalDevice], order: str | None) -> list[PhysicalDevice]:
    if order is not None and order not in ORDERS:
        raise MachineError(f"CUDA_DEVICE_ORDER is {' or '.join(ORDERS)}, not {show(order)}")
    by_bus = sorted(cards, key=lambda card: card.pci_bus_id)
    return by_bus if order == "PCI_BUS_ID" else sorted(by_bus, key=_slowness)


def _slowness(card: PhysicalDevice) -> tuple[int, int]:
    return -card.model.peak_for("float32"), -card.model.memory_bandwidth_bytes_per_s


def _by_index(cards: Sequence[PhysicalDevice], entry: str) -> PhysicalDevice | None:
    match = _INDEX.match(entry)
    digits = match[1].lstrip("0") or "0" if match else ""
    is_there = match is not None and len(digits) < 10 and int(digits) < len(cards)
    return cards[int(digits)] if is_there else None


def _by_uuid(cards: Sequence[PhysicalDevice], beginning: str) -> PhysicalDevice | None:
    fitting = [card for card in cards if beginning.startswith("GPU-") and card.uuid.startswith(beginning)]
    return fitting[0] if len(fitting) == 1 else None
