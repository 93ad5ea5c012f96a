"""What happened: spans, memory events and decisions, of either engine."""

from simgpu.trace.agreement import Agreement, compare
from simgpu.trace.breakdown import TimeBreakdown, critical_chain, time_breakdown
from simgpu.trace.card_use import CardUse
from simgpu.trace.table import Table
from simgpu.trace.trace import (
    NO_CAUSE,
    TRACE_WANTED,
    Action,
    Decision,
    DeviceSummary,
    EngineName,
    MemoryEvent,
    Span,
    SpanKind,
    Trace,
    covered_ps,
)

__all__ = [
    "NO_CAUSE",
    "TRACE_WANTED",
    "Action",
    "Agreement",
    "CardUse",
    "Decision",
    "DeviceSummary",
    "EngineName",
    "MemoryEvent",
    "Span",
    "SpanKind",
    "Table",
    "TimeBreakdown",
    "Trace",
    "compare",
    "covered_ps",
    "critical_chain",
    "time_breakdown",
]
