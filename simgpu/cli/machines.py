"""`simgpu machines`: the catalog."""

from __future__ import annotations

from simgpu.cli.console import show
from simgpu.machine import MachineKeyError
from simgpu.machine.catalog import boxes, parts
from simgpu.machine.refusal import did_you_mean
from simgpu.report import catalog_tables, describe_box, describe_part


def show_machines(name: str | None) -> None:
    """Show one part or box, or list them all. Raises MachineKeyError for a name that is not in the catalog."""
    if name is None:
        show([*catalog_tables(), "", "simgpu machines NAME shows one with every figure and its source."])
        return
    known_parts = {part.name: part for part in parts()}
    known_boxes = {box.name: box for box in boxes()}
    wanted = name.lower()
    if wanted in known_parts:
        show(describe_part(known_parts[wanted]))
    elif wanted in known_boxes:
        show(describe_box(known_boxes[wanted]))
    else:
        raise MachineKeyError(
            f"the catalog has nothing named {name[:60]!r}; {did_you_mean(name[:60], [*known_parts, *known_boxes])}"
        )
