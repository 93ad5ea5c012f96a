"""Tables in the manner of `nvidia-smi`: plain characters, so that they read the same in a terminal and in a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from rich.box import ASCII2
from rich.cells import cell_len
from rich.table import Column, Table
from rich.text import Text

from simgpu.naming import short_name
from simgpu.placement import Placement
from simgpu.report.summary import DeviceRow, placement_counts
from simgpu.units import short_size

_HASH_DIGITS = 12
_SHORTEST_TEXT = 16
"""Characters. What is longer may be folded into lines where a table is too wide; numbers and names never are."""

Part = Table | str
"""A report is a list of tables and of lines of text."""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()) -> Table:
    """Return a table; the columns named in `right` are aligned to the right. Cells are shown as they are."""
    lines, right = [*rows], {*right}
    made = Table(box=ASCII2, header_style="bold")
    for place, column in enumerate(columns):
        is_short = max((len(line[place]) for line in lines), default=0) <= _SHORTEST_TEXT
        justify: Literal["left", "right"] = "right" if column in right else "left"
        made.add_column(column, justify=justify, overflow="fold", no_wrap=column in right or is_short)
    for line in lines:
        made.add_row(*map(Text, line))
    return made


def fitted(whole: Table, width: int) -> list[Table]:
    """Return a table, or, where it is wider than a terminal, several below each other, each with the first column."""
    if _least_width(whole.columns) <= width:
        return [whole]
    first, *others = whole.columns
    groups = [[first]]
    for column in others:
        if len(groups[-1]) > 1 and _least_width([*groups[-1], column]) > width:
            groups.append([first])
        groups[-1].append(column)
    return [_of_columns(group, width) for group in groups]


def _least_width(columns: Sequence[Column]) -> int:
    """Return the width that columns need together, with a line and a space on each side of each."""
    return 1 + sum(3 + _least_width_of_cells(column) for column in columns)


def _least_width_of_cells(column: Column) -> int:
    title = cell_len(str(column.header))
    longest = max(title, *(cell_len(str(cell)) for cell in column.cells), 0)
    return longest if column.no_wrap else min(longest, max(_SHORTEST_TEXT, title))


def _of_columns(columns: Sequence[Column], width: int) -> Table:
    fits = _least_width(columns) <= width  # if not, everything is folded
    made = Table(box=ASCII2, header_style="bold")
    for column in columns:
        made.add_column(column.header, justify=column.justify, overflow="fold", no_wrap=column.no_wrap and fits)
    for cells in zip(*(column.cells for column in columns), strict=True):
        made.add_row(*cells)
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
