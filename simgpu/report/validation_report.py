"""A validation for people: how far predictions are off, by class and by workload, and what explains it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from simgpu.naming import short_name
from simgpu.report.tables import Part, table
from simgpu.units import short_duration
from simgpu.validation import ErrorSummary, Outcome, SpanPair, Validation

_MOST_EXPLAINED = 3
_MOST_KINDS = 10
_FURTHEST = 5


def validation_report(validation: Validation, *, explain_all: bool = False) -> Iterator[Part]:
    """Yield the errors, the workloads, and for those furthest off, or for all, where the time went."""
    yield from _heading(validation)
    yield ""
    yield "Errors of predicted makespans: |predicted - measured| / measured; bias is the mean with its sign"
    yield _summary_table(validation)
    yield ""
    yield "Workloads: makespans, and the sum of the times of their operations"
    yield _workload_table(validation.outcomes)
    for outcome in validation.failures:
        yield f"{outcome.workload} FAILED: {outcome.failure}"
    yield from _warnings(validation)
    yield from _kinds_of_work(validation, most=None if explain_all else _MOST_KINDS)
    for outcome in _explained(validation, explain_all=explain_all):
        yield from _explanation(outcome)


def exceeded(validation: Validation, *, mean: float | None, largest: float | None) -> list[str]:
    """Say which of the limits on the errors of all workloads are exceeded. Limits are in percent; None is no limit."""
    found = validation.summary()
    complaints = []
    for what, limit in (("mean", mean), ("largest", largest)):
        if limit is not None and found is None:
            complaints.append(f"there is no {what} error to hold against {limit:g} %: no workload has run")
        elif limit is not None and 100 * getattr(found, what) > limit:
            complaints.append(f"the {what} error, {_percent(getattr(found, what))}, is more than {limit:g} %")
    return complaints


def _heading(validation: Validation) -> Iterator[str]:
    facts, device = validation.facts, validation.facts.get("calibration", {})
    yield f"Predicted and measured: {device.get('name', 'a device')}, {facts.get('storage')} storage"
    yield f"Each workload ran once to warm up, then {facts.get('runs')} times: the median counts"
    yield f"Run {facts.get('date', 'at an unknown time')}; calibrated {device.get('date', 'at an unknown time')}"


def _summary_table(validation: Validation) -> Table:
    rows = [
        (name, *_summary_cells(validation.summary(family), _failed(validation, family)))
        for name, family in (*((family, family) for family in validation.families), ("all", None))
    ]
    columns = ("Class", "Workloads", "Failed", "Mean", "Median", "Largest", "Bias")
    return table(columns, rows, right=columns[1:])


def _failed(validation: Validation, family: str | None) -> int:
    return sum(it.family == family or family is None for it in validation.failures)


def _summary_cells(summary: ErrorSummary | None, failed: int) -> tuple[str, ...]:
    if summary is None:
        return ("0", str(failed), "-", "-", "-", "-")
    sizes = (_percent(size) for size in (summary.mean, summary.median, summary.largest))
    return (str(summary.count), str(failed), *sizes, _signed(summary.bias))


def _workload_table(outcomes: Sequence[Outcome]) -> Table:
    columns = ("Workload", "Class", "Predicted", "Measured", "Spread", "Error", "Ops predicted", "Ops measured")
    rows = [
        (
            it.workload,
            it.family,
            _time(it.predicted_ps),
            _time(it.measured_ps),
            "-" if it.spread is None else _percent(it.spread),
            "FAILED" if it.failure else _signed(it.error),
            *(map(short_duration, it.sums_ps()) if it.runs_ps else ("-", "-")),
        )
        for it in outcomes
    ]
    return table(columns, rows, right=columns[2:])


def _warnings(validation: Validation) -> Iterator[str]:
    warned = [it for it in validation.outcomes if it.warnings]
    if warned:
        first = warned[0]
        yield f"Predictions with warnings: {len(warned)}; the first, of {first.workload}: {first.warnings[0]}"


def _kinds_of_work(validation: Validation, *, most: int | None) -> Iterator[Part]:
    found = validation.kinds_of_work()
    if not found:
        return
    yield ""
    yield f"Sums over all workloads, the largest difference first{'' if most is None else f' (at most {most})'}"
    rows = [
        (
            it.kind,
            it.what,
            str(it.spans),
            short_duration(it.predicted_ps),
            short_duration(it.measured_ps),
            _signed(it.difference_ps / it.measured_ps) if it.measured_ps else "-",
        )
        for it in found[:most]
    ]
    columns = ("Kind", "Work", "Spans", "Predicted", "Measured", "Error")
    yield table(columns, rows, right=columns[2:])


def _explained(validation: Validation, *, explain_all: bool) -> Sequence[Outcome]:
    measured = [it for it in validation.outcomes if it.error is not None]
    if explain_all:
        return measured
    return sorted(measured, key=lambda it: -abs(it.error or 0))[:_MOST_EXPLAINED]


def _explanation(outcome: Outcome) -> Iterator[Part]:
    yield ""
    yield f"{outcome.workload}: {_signed(outcome.error)}. Busy time of devices and ways"
    yield _busy_table(outcome)
    furthest = outcome.furthest(_FURTHEST)
    if furthest:
        yield f"Operations furthest off: {len(furthest)} of {sum(it.kind == 'compute' for it in outcome.pairs)}"
        yield _operation_table(furthest)


def _busy_table(outcome: Outcome) -> Table:
    rows = [
        (
            it.kind,
            it.resource if " -> " in it.resource else short_name(it.resource),
            short_duration(it.predicted_ps),
            short_duration(it.measured_ps),
        )
        for it in outcome.busy
    ]
    return table(("Kind", "Where", "Predicted", "Measured"), rows, right=("Predicted", "Measured"))


def _operation_table(pairs: Sequence[SpanPair]) -> Table:
    rows = [
        (it.name, str(it.signature or "-"), _microseconds(it.predicted_ps), _microseconds(it.measured_ps))
        for it in pairs
    ]
    return table(("Operation", "Work", "Predicted us", "Measured us"), rows, right=("Predicted us", "Measured us"))


def _time(time_ps: int | None) -> str:
    return "-" if time_ps is None else short_duration(time_ps)


def _microseconds(time_ps: int | None) -> str:
    return "-" if time_ps is None else f"{time_ps / 1e6:,.1f}"


def _percent(part: float) -> str:
    return f"{100 * part:.1f} %"


def _signed(part: float | None) -> str:
    return "-" if part is None else f"{100 * part:+.1f} %"
