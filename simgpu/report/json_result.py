"""Results as JSON: keys are stable, and their units end the names. Wall-clock times stand under `wall_clock`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from simgpu.errors import OutOfDeviceMemory
from simgpu.graph import TensorSpec
from simgpu.machine import Machine
from simgpu.metrics import metrics_of
from simgpu.placement import Placement
from simgpu.report.metrics_json import metrics_json
from simgpu.report.summary import DeviceRow, device_rows, main_machine, main_trace, placement_counts, transfers
from simgpu.scenario import Scenario
from simgpu.session import RunResult
from simgpu.trace import Agreement, Trace, time_breakdown

FORMAT = 1
"""Version of the JSON form: grows when a key changes its meaning or goes."""


def result_json(result: RunResult, *, decisions: bool = False, metrics: bool = False) -> dict[str, Any]:
    """Return a run as plain data. With `decisions`, also the device and reason of every operation.

    With `metrics`, also every step of the critical path and the slack of every span.
    """
    trace = main_trace(result)
    rows = device_rows(trace, result.placement, main_machine(result)) if trace is not None else []
    return {
        **placement_json(result.scenario, result.placement, decisions=decisions),
        "simulated_machine": _machine(result.simulated_machine),
        "devices": [_device(row, has_modelled_time=result.predicted is not None) for row in rows],
        "predicted": None if result.predicted is None else _predicted(result.predicted),
        "metrics": None if result.predicted is None else _metrics(result, result.predicted, details=metrics),
        "executed": None if result.executed is None else _executed(result.executed),
        "agreement": None if result.agreement is None else _agreement(result.agreement),
        "out_of_memory": None if result.shortage is None else _shortage(result.shortage, result.shortage_engine),
        "not_executed": result.not_executed or None,
        "outputs": [_output(name, value) for name, value in result.outputs.items()],
    }


def placement_json(scenario: Scenario, placement: Placement, *, decisions: bool = False) -> dict[str, Any]:
    """Return a placement as plain data. With `decisions`, also the device and reason of every operation."""
    options = scenario.placement
    counts = [
        {"device": device, "reason": reason, "operations": count}
        for device, reason, count in placement_counts(placement)
    ]
    data: dict[str, Any] = {
        "format": FORMAT,
        "scenario": {"name": scenario.name, "seed": scenario.seed},
        "machine": _machine(placement.machine),
        "environment": scenario.environment or None,
        "placement": {
            "policy": options.policy,
            "kernels": options.kernels,
            "soft": options.soft,
            "operations": len(placement.devices),
            "counts": counts,
        },
    }
    if decisions:
        data["placement"]["decisions"] = [
            {
                "operation": operation.name,
                "type": operation.type,
                "device": placement.device_of(operation.index),
                "reason": placement.reasons[operation.index],
            }
            for operation in placement.graph
        ]
    return data


def _machine(machine: Machine) -> str:
    """Return a machine in words: `1 host, 2 x t4; 3 devices: CPU:0, GPU:0, GPU:1`."""
    return repr(machine).strip("<>").removeprefix("Machine: ")


def _device(row: DeviceRow, *, has_modelled_time: bool) -> dict[str, Any]:
    data: dict[str, Any] = {
        "device": row.name,
        "kind": row.kind,
        "model": row.model,
        "limit_bytes": row.limit_bytes,
        "peak_bytes": row.peak_bytes,
        "operations": row.operations,
        "memory_events": row.memory_events,
        "ledger_sha256": row.ledger_hash,
    }
    if has_modelled_time:
        data |= {"busy_ps": row.busy_ps, "utilization": round(row.utilization, 6)}
    return data


def _predicted(trace: Trace) -> dict[str, Any]:
    parts = time_breakdown(trace)
    number, size_bytes = transfers(trace)
    return {
        "makespan_ps": trace.makespan_ps,
        "compute_ps": parts.compute_ps,
        "transfer_ps": parts.transfer_ps,
        "launch_ps": parts.launch_ps,
        "waiting_ps": parts.waiting_ps,
        "transfers": number,
        "transferred_bytes": size_bytes,
    }


def _metrics(result: RunResult, trace: Trace, *, details: bool) -> dict[str, Any]:
    metrics = metrics_of(trace, result.placement, machine=result.simulated_machine)
    return metrics_json(metrics, trace, details=details)


def _executed(trace: Trace) -> dict[str, Any]:
    number, size_bytes = transfers(trace)
    return {
        "transfers": number,
        "transferred_bytes": size_bytes,
        "wall_clock": {"makespan_ps": trace.makespan_ps},
        "card_use": None if trace.card_use is None else asdict(trace.card_use),
    }


def _agreement(agreement: Agreement) -> dict[str, Any]:
    return {
        "agree": bool(agreement),
        "operations_compared": agreement.operations_compared,
        "memory_events_compared": agreement.events_compared,
        "difference": agreement.difference,
    }


def _shortage(error: OutOfDeviceMemory, engine: str | None) -> dict[str, Any]:
    shortage = error.shortage
    return {
        "engine": engine,
        "message": str(error),
        "device": shortage.device,
        "operation": shortage.owner,
        "requested_bytes": shortage.requested_bytes,
        "needed_bytes": shortage.needed_bytes,
        "used_bytes": shortage.used_bytes,
        "limit_bytes": shortage.limit_bytes,
        "largest_hole_bytes": shortage.largest_hole_bytes,
        "largest_live": [{"tensor": owner, "size_bytes": size} for owner, size in shortage.largest_live],
    }


def _output(name: str, value: Any) -> dict[str, Any]:
    dtype = value.dtype if isinstance(value, TensorSpec) else str(value.dtype)
    return {"name": name, "shape": [int(dim) for dim in value.shape], "dtype": dtype}
