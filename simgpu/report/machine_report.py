"""A machine for people: its devices, its links, and how fast its devices reach each other."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from rich.table import Table

from simgpu.machine import Machine
from simgpu.naming import short_name
from simgpu.report.tables import Part, table
from simgpu.units import short_duration, short_rate, short_size

_MOST_DEVICES = 32
"""Of which routes are shown."""

_Key = tuple[str, str, str, str]


def describe_machine(machine: Machine) -> list[Part]:
    """Return the devices, the links and the routes of a machine."""
    shown = min(len(machine.devices), _MOST_DEVICES)
    which = "" if shown == len(machine.devices) else f" of the first {shown} devices"
    parts: list[Part] = ["", "Devices", _devices(machine)]
    if machine.links:
        parts += ["", "Links", _links(machine)]
    if shown > 1:
        parts += ["", f"Routes between devices{which}", _routes(machine, range(shown))]
    return parts


def _devices(machine: Machine) -> Table:
    rows = [
        (device.name, machine.physical(index).name, machine.model(index).name, short_size(device.memory_limit_bytes))
        for index, device in enumerate(machine.devices)
    ]
    return table(("Device", "Slot", "Model", "Limit"), rows, right=("Limit",))


def _links(machine: Machine) -> Table:
    rows = [
        (
            link.name,
            " - ".join(link.ends),
            short_rate(link.bandwidth_bytes_per_s, digits=4),
            short_duration(link.latency_ps, digits=4),
            link.duplex,
        )
        for link in machine.links
    ]
    return table(("Link", "Ends", "Bandwidth", "Latency", "Duplex"), rows, right=("Bandwidth", "Latency"))


def _routes(machine: Machine, devices: Iterable[int]) -> Table:
    """Return the routes, those of one kind together: alone on it, a transfer has this bandwidth."""
    alike: dict[_Key, list[tuple[int, int]]] = {}
    for source, target in combinations(devices, 2):
        alike.setdefault(_kind_of_route(machine, source, target), []).append((source, target))
    rows = [
        (ends, str(len(pairs)), " - ".join(short_name(machine.devices[end].name) for end in pairs[0]), *figures)
        for (ends, *figures), pairs in alike.items()
    ]
    columns = ("Between", "Pairs", "Such as", "Over", "Bandwidth", "Latency")
    return table(columns, rows, right=("Pairs", "Bandwidth", "Latency"))


def _kind_of_route(machine: Machine, source: int, target: int) -> _Key:
    route = machine.route(source, target)
    if machine.devices[source].physical == machine.devices[target].physical:
        over = "their own memory"
    else:
        over = "1 link" if len(route.channels) == 1 else f"{len(route.channels)} links"
    bandwidth = min(machine.channels[channel].bandwidth_bytes_per_s for channel in route.channels)
    ends = f"{machine.devices[source].kind} - {machine.devices[target].kind}"
    return ends, over, short_rate(bandwidth, digits=4), short_duration(route.latency_ps, digits=4)
