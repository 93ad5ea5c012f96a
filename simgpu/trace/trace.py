"""What happened in a run: spans on devices and links, memory events, and the decisions behind them.

Both engines give a `Trace`, so whatever is asked of one can be asked of the other. Writers of file formats are in
`report`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from simgpu.trace.card_use import CardUse
from simgpu.trace.table import Table

SpanKind = Literal["compute", "launch", "transfer"]
EngineName = Literal["execute", "simulate"]
NO_CAUSE = -1
TRACE_WANTED = "a Trace; give what `simulate` returns, or what `execute` returns second"
"""What is said of an argument that is no Trace."""


class Decision(NamedTuple):
    """Where an operation was placed, and why."""

    operation: str
    device: str
    reason: str


class Span(NamedTuple):
    """Something that took time on a device or a route. Times in picoseconds from the start of the run.

    `cause` is the number of the span whose end made this one ready, or `NO_CAUSE`; between `ready_ps` and `start_ps`
    it waited for its turn.
    """

    kind: SpanKind
    name: str
    resource: str
    ready_ps: int
    start_ps: int
    end_ps: int
    cause: int
    size_bytes: int = 0


class MemoryEvent(NamedTuple):
    """A block granted or taken back by the ledger of one device. `size_bytes` is as the ledger counts it."""

    time_ps: int
    is_allocation: bool
    owner: str
    offset: int
    size_bytes: int


class Action(NamedTuple):
    """A task of the program that started or finished: the order in which a run can be followed."""

    task: int
    is_finish: bool


@dataclass(frozen=True, slots=True)
class DeviceSummary:
    """A logical device as a trace remembers it."""

    name: str
    kind: str
    limit_bytes: int


@dataclass(slots=True)
class Trace:
    """The record of one run. `memory[d]` belongs to `devices[d]`.

    `card_use` is what of a real card was used at the end, before the devices were closed; None where there was none.
    """

    engine: EngineName
    clock: str
    devices: tuple[DeviceSummary, ...]
    decisions: Sequence[Decision]
    spans: Sequence[Span] = field(default_factory=list)
    memory: Sequence[Sequence[MemoryEvent]] = field(default_factory=list)
    actions: Sequence[Action] = field(default_factory=list)
    card_use: CardUse | None = None

    @property
    def makespan_ps(self) -> int:
        """Time from the start of the run to the end of its last span."""
        return max((end_ps for (end_ps,) in _values(self.spans, Span, "end_ps")), default=0)

    def peak_bytes(self, device: int) -> int:
        """Largest number of bytes in use at one time on a device."""
        used = peak = 0
        events = _values(self.memory[device], MemoryEvent, "is_allocation", "size_bytes")
        for is_allocation, size_bytes in events:
            used += size_bytes if is_allocation else -size_bytes
            peak = max(peak, used)
        return peak

    def busy_ps(self, resource: str, kind: SpanKind = "compute") -> int:
        """Time during which at least one span of a kind was on a resource."""
        return self.busy_by_resource_ps(kind).get(resource, 0)

    def busy_by_resource_ps(self, kind: SpanKind = "compute") -> dict[str, int]:
        """Time during which at least one span of a kind was on a resource, for each that had any."""
        intervals: dict[str, list[tuple[int, int]]] = {}
        for span in self.spans:
            if span.kind == kind:
                intervals.setdefault(span.resource, []).append((span.start_ps, span.end_ps))
        return {resource: covered_ps(spans) for resource, spans in intervals.items()}

    def ledger_hash(self, device: int) -> str:
        """Digest of all memory events of a device, in order, with owners and offsets but without times."""
        digest = hashlib.sha256()
        what = ("is_allocation", "owner", "offset", "size_bytes")
        for is_allocation, owner, offset, size_bytes in _values(self.memory[device], MemoryEvent, *what):
            digest.update(f"{is_allocation:d} {owner} {offset} {size_bytes}\n".encode())
        return digest.hexdigest()


def _values(rows: Sequence[Any], kind: type[Any], *names: str) -> Iterator[tuple[Any, ...]]:
    """Yield some fields of each row; those of a table without making its rows."""
    if isinstance(rows, Table):
        return rows.values(*map(kind._fields.index, names))
    return (tuple(getattr(row, name) for name in names) for row in rows)


def covered_ps(intervals: Iterable[tuple[int, int]]) -> int:
    """Return the length of the union of intervals."""
    total, reached = 0, -1
    for start, end in sorted(intervals):
        total += max(0, end - max(start, reached)) if reached >= 0 else end - start
        reached = max(reached, end)
    return total
