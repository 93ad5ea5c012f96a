"""Where commands write: tables and lines on stdout, progress on stderr.

Colours and moving bars are for terminals only (and without NO_COLOR); anything else gets plain lines.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from simgpu.report.tables import fitted
from simgpu.session import OnProgress

_WIDTH_OF_FILES = 160
_SECONDS_BETWEEN_LINES = 5.0


class _Console(Console):
    """A console that leaves it to the caller what a broken pipe means; rich would end the process with status 1."""

    def on_broken_pipe(self) -> None:
        """Pass the BrokenPipeError on, which is being handled when this is called."""
        raise


def show(parts: Iterable[Table | str]) -> None:
    """Print tables, cut to the width of a terminal, and lines that are never wrapped."""
    is_terminal = sys.stdout.isatty()
    width = None if is_terminal else _WIDTH_OF_FILES
    console = _Console(file=sys.stdout, force_terminal=is_terminal, width=width, highlight=False)
    for part in parts:
        if isinstance(part, str):
            console.print(part, soft_wrap=True, markup=False, emoji=False)
        else:
            console.print(*fitted(part, console.width))


@contextmanager
def progress() -> Iterator[OnProgress]:
    """Give a callback that shows how far a run is: a bar on a terminal, else a line every few seconds."""
    if not sys.stderr.isatty():
        yield _plain_lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_Console(file=sys.stderr), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def on_progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done)

        yield on_progress


def _plain_lines() -> OnProgress:
    last = time.monotonic()

    def on_progress(stage: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            print(f"simgpu: {stage}: {done} of {total} steps", file=sys.stderr, flush=True)

    return on_progress
