"""Two traces side by side, for people and for programs: do they agree, and what explains the difference in time."""

from __future__ import annotations

from itertools import islice
from typing import Any

from rich.table import Table

from simgpu.metrics import Difference, Explanation, WayDifference
from simgpu.naming import short_name
from simgpu.report.tables import Part, table
from simgpu.trace import Agreement, Trace
from simgpu.units import short_duration

_MOST_ROWS = 10


def comparison_report(first: Trace, second: Trace, agreement: Agreement, why: Explanation) -> list[Part]:
    """Return lines and tables about two traces; every difference is the second less the first."""
    told = "agree" if agreement else f"DIFFER: {agreement.difference}"
    events = f"{agreement.events_compared} memory events"
    parts: list[Part] = [
        f"First: {_named(first)}; second: {_named(second)}.",
        f"Difference: {_signed(why.difference_ps)}{_percent(why)}.",
        f"Placement of {agreement.operations_compared} operations, {events}: they {told}.",
    ]
    if any(it.contribution_ps for it in why.spans):
        parts += ["", "What explains it, along the critical paths", _span_table(why)]
    if any(way.contribution_ps or way.transfers for way in why.ways):
        parts += ["", "Ways of transfers", _way_table(why)]
    return parts


def comparison_json(first: Trace, second: Trace, agreement: Agreement, why: Explanation) -> dict[str, Any]:
    """Return the same as plain data, with every operation, launch and transfer that differs."""
    return {
        "first": {"engine": first.engine, "clock": first.clock, "makespan_ps": why.first_makespan_ps},
        "second": {"engine": second.engine, "clock": second.clock, "makespan_ps": why.second_makespan_ps},
        "difference_ps": why.difference_ps,
        "agreement": {
            "agrees": bool(agreement),
            "operations_compared": agreement.operations_compared,
            "events_compared": agreement.events_compared,
            "difference": agreement.difference or None,
        },
        "spans": [it._asdict() for it in why.spans if it.contribution_ps or it.duration_ps or it.waiting_ps],
        "ways": [{name: getattr(way, name) for name in WayDifference.__slots__} for way in why.ways],
    }


def _named(trace: Trace) -> str:
    return f"{trace.engine} ({trace.clock} time), {short_duration(trace.makespan_ps)}"


def _percent(why: Explanation) -> str:
    return f" ({100 * why.difference_ps / why.first_makespan_ps:+.1f} %)" if why.first_makespan_ps else ""


def _signed(ps: int) -> str:
    return f"{'-' if ps < 0 else '+'}{short_duration(abs(ps))}"


def _span_table(why: Explanation) -> Table:
    rows = [
        (
            it.kind,
            it.name,
            _place(it),
            _signed(it.contribution_ps),
            _signed(it.duration_ps),
            _signed(it.waiting_ps),
        )
        for it in islice(why.spans, _MOST_ROWS)
        if it.contribution_ps
    ]
    return table(("Kind", "Name", "Where", "On the path", "Time", "Waiting"), rows, right=_FIGURES)


_FIGURES = ("On the path", "Time", "Waiting")


def _place(it: Difference) -> str:
    first, second = (resource if " -> " in resource else resource and short_name(resource) for resource in it[2:4])
    return first if first == second else f"{first or 'nowhere'}, then {second or 'nowhere'}"


def _way_table(why: Explanation) -> Table:
    rows = [
        (
            way.name,
            f"{way.transfers:+d}",
            _signed(way.contribution_ps),
            _signed(way.duration_ps),
            _signed(way.waiting_ps),
        )
        for way in why.ways[:_MOST_ROWS]
    ]
    return table(("Way", "Transfers", *_FIGURES), rows, right=("Transfers", *_FIGURES))
