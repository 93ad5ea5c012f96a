"""The metrics of a run for people: where its time went, and what its devices and links did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from rich.table import Table

from simgpu.metrics import CriticalPath, DeviceUse, LinkUse, Metrics
from simgpu.naming import short_name
from simgpu.report.tables import Part, percent, table
from simgpu.units import short_duration, short_size

_MOST_STEPS = 10
_MOST_ROWS = 32


def metrics_report(metrics: Metrics, clock: str) -> Iterator[Part]:
    """Yield what `--metrics` adds to a report."""
    path = metrics.critical_path
    told = ", ".join(
        f"{kind} {short_duration(ps)} ({percent(ps, metrics.makespan_ps)})"
        for kind, ps in path.by_kind_ps().items()
        if ps
    )
    yield f"Critical path ({clock} time): {told or 'no time'}."
    yield f"The longest of its {len(path.steps)} steps:"
    yield _step_table(path)
    yield f"Slack: {np.count_nonzero(metrics.slack_ps == 0)} of {len(metrics.slack_ps)} spans have none."
    yield from _devices(metrics)
    yield from _links(metrics)


def _devices(metrics: Metrics) -> Iterator[Part]:
    used, bubble = [it for it in metrics.devices if it.operations], metrics.bubble
    if not used:
        return
    yield ""
    yield f"Waiting, in sum over operations{_part(used)}"
    yield _device_table(used[:_MOST_ROWS])
    yield (
        f"Bubble: {len(bubble.devices)} devices idle for {100 * bubble.pipeline:.1f} % from the first operation to the "
        f"last, for {100 * bubble.inner:.1f} % from the first to the last of each."
    )


def _links(metrics: Metrics) -> Iterator[Part]:
    busiest = sorted(metrics.links, key=lambda link: -link.utilization)
    if not busiest:
        return
    yield ""
    yield f"Links with transfers{_part(busiest)}"
    yield _link_table(busiest[:_MOST_ROWS])


def _part(rows: Sequence[object]) -> str:
    return f" (the first {_MOST_ROWS} of {len(rows)})" if len(rows) > _MOST_ROWS else ""


def _step_table(path: CriticalPath) -> Table:
    steps = sorted(path.steps, key=lambda step: step.start_ps - step.end_ps)[:_MOST_STEPS]
    rows = [
        (
            step.kind,
            step.name,
            _short(step.resource),
            short_duration(step.end_ps - step.start_ps),
            percent(step.end_ps - step.start_ps, path.makespan_ps),
            step.after,
        )
        for step in steps
    ]
    return table(("Kind", "Name", "Where", "Time", "Share", "After"), rows, right=("Time", "Share"))


def _device_table(used: Sequence[DeviceUse]) -> Table:
    rows = [
        (
            short_name(it.name),
            short_duration(it.waiting_ps),
            f"{it.mean_queue:.2f}",
            str(it.longest_queue),
            short_duration(it.launch_waiting_ps),
            short_duration(it.idle_ps),
        )
        for it in used
    ]
    columns = ("Device", "Waiting", "Mean queue", "Longest queue", "Launches waiting", "Idle between")
    return table(columns, rows, right=columns[1:])


def _link_table(used: Sequence[LinkUse]) -> Table:
    rows = [
        (
            it.name,
            str(it.transfers),
            short_size(it.size_bytes),
            f"{100 * it.utilization:.1f} %",
            short_duration(it.busy_ps),
            short_duration(it.waiting_ps),
        )
        for it in used
    ]
    columns = ("Link", "Transfers", "Bytes", "Utilization", "Busy", "Waiting")
    return table(columns, rows, right=columns[1:])


def _short(resource: str) -> str:
    return resource if " -> " in resource else short_name(resource)
