"""Tables in the manner of `nvidia-smi`: plain characters, so that they read the same in a terminal and in a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import ASCII2
from rich.table import Table
from rich.text import Text

from simgpu.naming import short_name
from simgpu.placement import Placement
from simgpu.report.summary import DeviceRow, placement_counts
from simgpu.units import short_size

_HASH_DIGITS = 12


Part = Table | str
"""A report is a list of tables and of lines of text."""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()) -> Table:
    """Return a table; the columns named in `right` are aligned to the right. Cells are shown as they are."""
    made = Table(box=ASCII2, header_style="bold")
    right = set(right)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*map(Text, row))
    return made


def device_table(rows: Sequence[DeviceRow]) -> Table:
    """Return limits, peaks, utilization, and the digest of the ledger: `-` where nothing was allocated."""
    columns = ("Device", "Model", "Operations", "Limit", "Peak", "Peak %", "Utilization", "Ledger")
    cells = [
        (
            short_name(row.name),
            row.model,
            str(row.operations),
            short_size(row.limit_bytes),
            short_size(row.peak_bytes),
            percent(row.peak_bytes, row.limit_bytes),
            percent(row.busy_ps, row.makespan_ps),
            row.ledger_hash[:_HASH_DIGITS] if row.memory_events else "-",
        )
        for row in rows
    ]
    right = ("Operations", "Limit", "Peak", "Peak %", "Utilization")
    return table(columns, cells, right=right)


def placement_table(placement: Placement) -> Table:
    """Return how many operations are on each device, by reason."""
    rows = [(short_name(device), reason, str(count)) for device, reason, count in placement_counts(placement)]
    return table(("Device", "Reason", "Operations"), rows, right=("Operations",))


def decision_table(placement: Placement) -> Table:
    """Return the device of every operation, and why."""
    rows = [
        (
            operation.name,
            operation.type,
            short_name(placement.device_of(operation.index)),
            placement.why(operation.index),
        )
        for operation in placement.graph
    ]
    return table(("Operation", "Type", "Device", "Reason"), rows)


def percent(part: int, whole: int) -> str:
    """Write a share: `93.1 %`; `-` of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "-"
