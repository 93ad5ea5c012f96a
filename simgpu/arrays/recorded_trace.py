"""From what happened in a runtime to a `Trace`, as both engines give it."""

from __future__ import annotations

from collections.abc import Sequence

from simgpu.arrays.recorded import Computed, Copied, Entry, Granted, Returned
from simgpu.arrays.versions import RecordedOperation
from simgpu.machine import LogicalDevice
from simgpu.naming import short_name
from simgpu.trace import NO_CAUSE, Decision, DeviceSummary, MemoryEvent, Span, SpanKind, Trace

_PS_PER_NS = 1000


class RecordedTrace:
    """Writes spans and memory events; times count from `start_ns`."""

    def __init__(self, devices: Sequence[LogicalDevice], start_ns: int) -> None:
        self._devices = devices
        self._start_ns = start_ns
        self._spans: list[Span] = []
        self._memory: list[list[MemoryEvent]] = [[] for _ in devices]
        self._owners: list[dict[int, str]] = [{} for _ in devices]  # offset of a live block -> its owner

    def take(self, entry: Entry, name: str) -> None:
        """Follow one entry. `name` is that of the operation or tensor that it is about."""
        match entry:
            case Computed():
                self._spans.append(self._span("compute", name, entry.resource, entry))
            case Copied():
                self._spans.append(self._copy_span(name, entry))
            case Granted() if entry.block.size_bytes:
                self._owners[entry.device][entry.block.offset] = entry.owner
                self._remember(entry, entry.owner, is_allocation=True)
            case Returned() if entry.block.size_bytes:
                self._remember(entry, self._owners[entry.device].pop(entry.block.offset), is_allocation=False)

    def finished(self, operations: Sequence[RecordedOperation]) -> Trace:
        """Return the trace so far. `operations` are those of the graph; their reasons become the decisions."""
        return Trace(
            engine="execute",
            clock="real",
            devices=tuple(
                DeviceSummary(device.name, device.kind, device.memory_limit_bytes) for device in self._devices
            ),
            decisions=tuple(Decision(made.name, made.device, made.reason) for made in operations),
            spans=list(self._spans),
            memory=[list(events) for events in self._memory],
        )

    def _copy_span(self, name: str, entry: Copied) -> Span:
        ends = [self._devices[end.memory].name for end in (entry.source, entry.target)]
        if ends[0] == ends[1]:
            return self._span("compute", name, ends[0], entry)
        span = self._span("transfer", name, " -> ".join(map(short_name, ends)), entry)
        return span._replace(size_bytes=entry.source.spec.nbytes)

    def _span(self, kind: SpanKind, name: str, resource: str, entry: Computed | Copied) -> Span:
        start_ps, end_ps = self._ps(entry.start_ns), self._ps(entry.end_ns)
        return Span(kind, name, resource, start_ps, start_ps, end_ps, NO_CAUSE)

    def _remember(self, entry: Granted | Returned, owner: str, *, is_allocation: bool) -> None:
        event = MemoryEvent(self._ps(entry.time_ns), is_allocation, owner, *entry.block)
        self._memory[entry.device].append(event)

    def _ps(self, time_ns: int) -> int:
        return max(0, time_ns - self._start_ns) * _PS_PER_NS
