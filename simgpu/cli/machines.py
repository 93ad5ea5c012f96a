"""`simgpu machines`: the catalog, and what a machine of its parts looks like."""

from __future__ import annotations

import re

from simgpu.cli.console import show
from simgpu.machine import Machine, MachineKeyError
from simgpu.machine.catalog import boxes, parts
from simgpu.machine.refusal import did_you_mean
from simgpu.report import Part, catalog_tables, describe_box, describe_machine, describe_part

_ONE_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")


def show_machines(name: str | None) -> None:
    """Show one part, box or machine, or list the catalog. Raises MachineKeyError for what is none of them."""
    if name is None:
        show([*catalog_tables(), "", "simgpu machines NAME shows one with every figure and its source."])
    else:
        show(_described(name))


def _described(name: str) -> list[Part]:
    known_parts = {part.name: part for part in parts()}
    known_boxes = {box.name: box for box in boxes()}
    wanted = name.strip().lower()
    if wanted in known_parts:
        return describe_part(known_parts[wanted])
    if wanted in known_boxes:
        return describe_box(known_boxes[wanted])
    if wanted != "cpu" and _ONE_NAME.fullmatch(wanted):
        nearest = did_you_mean(name[:60], [*known_parts, *known_boxes])
        raise MachineKeyError(f"the catalog has nothing named {name[:60]!r}; {nearest}")
    machine = Machine(name)
    return [repr(machine).strip("<>"), *describe_machine(machine)]
