"""Reports as plain text, for files."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console

from simgpu.report.tables import Part, fitted

WIDTH = 160


def as_text(parts: Iterable[Part]) -> str:
    """Return tables, cut to `WIDTH` characters, and lines that are never wrapped."""
    file = io.StringIO()
    console = Console(file=file, width=WIDTH, highlight=False, no_color=True)
    for part in parts:
        if isinstance(part, str):
            console.print(part, soft_wrap=True, markup=False, emoji=False)
        else:
            console.print(*fitted(part, console.width))
    return file.getvalue()
