"""Where the time of a run went, along the chain of spans that ended last."""

from __future__ import annotations

from dataclasses import dataclass

from simgpu.errors import check_type
from simgpu.trace.trace import NO_CAUSE, TRACE_WANTED, Span, Trace


@dataclass(frozen=True, slots=True)
class TimeBreakdown:
    """The makespan split along its critical chain, in picoseconds. The four parts add up to the makespan.

    `waiting_ps` is time that the chain spent ready, but behind others in a queue.
    """

    compute_ps: int
    transfer_ps: int
    launch_ps: int
    waiting_ps: int

    @property
    def makespan_ps(self) -> int:
        """The sum of the parts."""
        return self.compute_ps + self.transfer_ps + self.launch_ps + self.waiting_ps


def critical_chain(trace: Trace) -> list[Span]:
    """Return the chain of spans, first to last, each made ready by the one before, that ends with the makespan."""
    if not trace.spans:
        return []
    chain = [max(trace.spans, key=lambda span: span.end_ps)]
    while chain[-1].cause != NO_CAUSE:
        chain.append(trace.spans[chain[-1].cause])
    return chain[::-1]


def time_breakdown(trace: Trace) -> TimeBreakdown:
    """Split the makespan into compute, transfer, launch and waiting along the critical chain."""
    check_type(trace, Trace, "trace", TRACE_WANTED)
    spent = {"compute": 0, "transfer": 0, "launch": 0}
    waiting, reached = 0, 0
    for span in critical_chain(trace):
        waiting += span.start_ps - reached
        spent[span.kind] += span.end_ps - span.start_ps
        reached = span.end_ps
    return TimeBreakdown(spent["compute"], spent["transfer"], spent["launch"], waiting)
