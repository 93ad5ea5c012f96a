"""The report of a run for people: the placement and its reasons, the devices, the time, and if the engines agree."""

from __future__ import annotations

from collections.abc import Iterator

from simgpu.graph import TensorSpec
from simgpu.metrics import metrics_of
from simgpu.placement import Placement
from simgpu.report.metrics_report import metrics_report
from simgpu.report.summary import DeviceRow, device_rows, main_machine, main_trace, transfers
from simgpu.report.tables import Part, decision_table, device_table, percent, placement_table
from simgpu.scenario import Scenario
from simgpu.session import RunResult
from simgpu.trace import Agreement, CardUse, Trace, time_breakdown
from simgpu.units import short_duration, short_size

_MOST_DEVICES = 32
_MOST_OUTPUTS = 4


def run_report(result: RunResult, *, decisions: bool = False, metrics: bool = False) -> list[Part]:
    """Return the report of a run. With `decisions`, also the device and reason of every operation.

    With `metrics`, also the critical path, waiting, the bubble and the links.
    """
    parts = [*placement_report(result.scenario, result.placement, decisions=decisions), *_parts(result)]
    trace = main_trace(result)
    if metrics and trace is not None:
        measured = metrics_of(trace, result.placement, machine=main_machine(result))
        parts += ["", *metrics_report(measured, trace.clock)]
    return parts


def placement_report(scenario: Scenario, placement: Placement, *, decisions: bool = False) -> list[Part]:
    """Return the summary of a placement. With `decisions`, also the device and reason of every operation."""
    options = scenario.placement
    notes = [f"{scenario.environment}."] if scenario.environment else []
    how = f"policy {options.policy}, {'soft' if options.soft else 'hard'}, kernels {options.kernels}"
    description = f": {scenario.description}" if scenario.description else ""
    parts: list[Part] = [
        f"{scenario.name or 'scenario'}{description} (seed {scenario.seed})",
        repr(placement.machine).strip("<>"),
        *notes,
        "",
        f"Placement of {len(placement.devices)} operations ({how})",
        placement_table(placement),
        "",
    ]
    return [*parts, "Every operation", decision_table(placement), ""] if decisions else parts


def _parts(result: RunResult) -> Iterator[Part]:
    trace = main_trace(result)
    if trace is None:
        return
    machine = main_machine(result)
    rows = device_rows(trace, result.placement, machine)
    shown = [row for row in rows if len(rows) <= _MOST_DEVICES or row.memory_events or row.operations]
    if machine != result.placement.machine:
        yield f"Simulated on another machine: {repr(machine).strip('<>').removeprefix('Machine: ')}"
    yield f"Devices (utilization of {trace.clock} time)"
    yield device_table(shown)
    if len(shown) < len(rows):
        yield f"{len(rows) - len(shown)} more devices are idle."
    yield ""
    if result.predicted is not None:
        yield from _predicted_time(result, result.predicted)
    if result.not_executed:
        yield f"Not executed: {result.not_executed}."
    if result.executed is not None:
        yield _executed_time(result, result.executed)
        if result.executed.card_use is not None:
            yield _card_use(result.executed.card_use)
    if result.agreement is not None:
        yield _agreement(result.agreement, rows)


def _predicted_time(result: RunResult, trace: Trace) -> Iterator[str]:
    parts, total_ps = time_breakdown(trace), trace.makespan_ps
    told = ", ".join(
        f"{name} {short_duration(ps)} ({percent(ps, total_ps)})"
        for name, ps in (
            ("compute", parts.compute_ps),
            ("transfer", parts.transfer_ps),
            ("waiting", parts.waiting_ps),
            ("launch", parts.launch_ps),
        )
    )
    until = "" if result.predicted_shortage is None else " until memory ran out"
    calibration = result.scenario.simulation.calibration
    source = f", from what was measured on {calibration.device.name}" if calibration else ""
    yield f"Predicted time: {short_duration(total_ps)}{until}{source}."
    yield f"Along the critical chain: {told}."
    number, size_bytes = transfers(trace)
    yield f"Transfers: {number}, {short_size(size_bytes)}."


def _executed_time(result: RunResult, trace: Trace) -> str:
    if result.executed_shortage is not None:
        return "Executed until memory ran out; there are no outputs."
    outputs = [f"{name} {_spec(value)}" for name, value in result.outputs.items()]
    more = f", and {len(outputs) - _MOST_OUTPUTS} more" if len(outputs) > _MOST_OUTPUTS else ""
    wall = f"Executed in {short_duration(trace.makespan_ps)} of wall-clock time on this machine"
    if trace.clock == "virtual":
        wall = f"Executed one by one, which takes the modelled machine {short_duration(trace.makespan_ps)}"
    if result.scenario.execution.storage == "shape":
        wall += ", on shape storage: no values"
    return f"{wall}; outputs: {', '.join(outputs[:_MOST_OUTPUTS]) or 'none'}{more}."


def _card_use(use: CardUse) -> str:
    outside, total, grown = map(short_size, (use.outside_bytes, use.total_bytes, use.grown_bytes))
    return f"Of the card's {total}, {outside} lie outside of all limits, {grown} of them since its first device opened."


def _spec(value: object) -> str:
    if isinstance(value, TensorSpec):
        return str(value)
    dims = ",".join(map(str, getattr(value, "shape", ())))
    return f"{getattr(value, 'dtype', type(value).__name__)}[{dims}]"


def _agreement(agreement: Agreement, rows: list[DeviceRow]) -> str:
    if not agreement:
        return f"The engines DIFFER: {agreement.difference}."
    devices = f"each of {len(rows)} devices" if len(rows) > 1 else "the one device"
    ledger = "ledger hash" if agreement.are_offsets_compared else "memory events, offsets aside (other limits),"
    return (
        f"Both engines agree: same placement of {agreement.operations_compared} operations, and the same {ledger} "
        f"on {devices} ({agreement.events_compared} memory events compared)."
    )
