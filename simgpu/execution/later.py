"""Times of what was launched: known only when the devices have finished."""

from __future__ import annotations

from simgpu.storage import Mark, Moments, Storage
from simgpu.trace import NO_CAUSE, Span


class HappensLater:
    """The spans of a run for which only the launch has a time yet.

    A launched task has two spans: its launch, on the host's clock, and behind it the task itself. `origin` is the mark
    of the moment at which the run's time starts.
    """

    def __init__(self, storage: Storage, spans: list[Span]) -> None:
        self.origin: Mark | None = None
        self._storage = storage
        self._spans = spans
        self._moments: dict[int, Moments] = {}

    def note(self, moments: Moments) -> None:
        """Note when the span happens that is written next."""
        self._moments[len(self._spans)] = moments

    def resolve(self) -> None:
        """Write into all spans when they happened, and what they waited for: their launch, or what was before it."""
        for number, span in enumerate(self._spans):
            moments = self._moments.get(number)
            if moments is not None:
                self._spans[number] = self._happened(span, moments)
            elif span.kind != "launch" and span.cause != NO_CAUSE:
                ready_ps = min(self._spans[span.cause].end_ps, span.start_ps)
                self._spans[number] = span._replace(ready_ps=ready_ps)

    def _happened(self, span: Span, moments: Moments) -> Span:
        start_ps, end_ps = (self._storage.between_ps(self.origin, moment) for moment in moments)
        launch = self._spans[span.cause]
        cause = span.cause
        if launch.cause != NO_CAUSE and self._spans[launch.cause].end_ps > launch.end_ps:
            cause = launch.cause
        start_ps = max(0, start_ps)
        ready_ps = min(self._spans[cause].end_ps, start_ps)
        return span._replace(ready_ps=ready_ps, start_ps=start_ps, end_ps=max(start_ps, end_ps), cause=cause)
