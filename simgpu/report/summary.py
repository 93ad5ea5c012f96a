"""What a report says of a run, as numbers: one row for each device, and the counts of a placement."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from simgpu.machine import Machine
from simgpu.placement import Placement, without_neighbour
from simgpu.session import RunResult
from simgpu.trace import Span, Trace


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One logical device in a run. `peak_bytes` and `busy_ps` are of the trace that `main_trace` names."""

    name: str
    kind: str
    model: str
    limit_bytes: int
    peak_bytes: int
    busy_ps: int
    makespan_ps: int
    operations: int
    memory_events: int
    ledger_hash: str

    @property
    def utilization(self) -> float:
        """Share of the makespan in which the device computed."""
        return self.busy_ps / self.makespan_ps if self.makespan_ps else 0.0


def main_trace(result: RunResult) -> Trace | None:
    """Return the trace that tables are made of: the predicted one if there is one."""
    return result.predicted if result.predicted is not None else result.executed


def main_machine(result: RunResult) -> Machine:
    """Return the machine that `main_trace` is about."""
    return result.simulated_machine if result.predicted is not None else result.placement.machine


def device_rows(trace: Trace, placement: Placement, machine: Machine) -> list[DeviceRow]:
    """Return one row for each logical device, in the machine's order. The machine is the one that the trace is about.

    It has devices of the same names as that of the placement; models and limits may be others.
    """
    operations = Counter(placement.devices)
    makespan_ps = trace.makespan_ps
    return [
        DeviceRow(
            name=device.name,
            kind=device.kind,
            model=machine.model(index).name,
            limit_bytes=device.limit_bytes,
            peak_bytes=trace.peak_bytes(index),
            busy_ps=trace.busy_ps(device.name),
            makespan_ps=makespan_ps,
            operations=operations[index],
            memory_events=len(trace.memory[index]),
            ledger_hash=trace.ledger_hash(index),
        )
        for index, device in enumerate(trace.devices)
    ]


def placement_counts(placement: Placement) -> list[tuple[str, str, int]]:
    """Return (device, reason, operations): devices in the machine's order, the commonest reason first.

    Reasons that name a neighbour are counted together.
    """
    counts = Counter(zip(placement.devices, map(without_neighbour, placement.reasons), strict=True))
    ordered = sorted(counts.items(), key=lambda entry: (entry[0][0], -entry[1], entry[0][1]))
    return [(placement.machine.devices[device].name, reason, count) for (device, reason), count in ordered]


def transfers(trace: Trace) -> tuple[int, int]:
    """Return the number of transfers and the sum of their bytes. Moves within a host's own memory are none."""
    sizes = [span.size_bytes for span in trace.spans if span.kind == "transfer" and not _is_in_place(span)]
    return len(sizes), sum(sizes)


def _is_in_place(span: Span) -> bool:
    """Tell if a tensor went between the caller and `CPU:0`, the memory in which the caller's own tensors lie."""
    source, _, target = span.resource.partition(" -> ")
    others = [end.rpartition("/")[2] for end in (source, target) if end != "caller"]
    return others == ["CPU:0"]
