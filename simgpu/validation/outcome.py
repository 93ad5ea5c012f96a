"""What came of a validation: predictions beside measurements, and how far apart they are.

An error is (predicted - measured) / measured: positive where the prediction is too slow.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from simgpu.trace import SpanKind
from simgpu.validation.pairing import SpanPair


@dataclass(frozen=True, slots=True)
class BusyPair:
    """Time during which a resource had at least one span of a kind, as predicted and as measured in the median run."""

    kind: SpanKind
    resource: str
    predicted_ps: int
    measured_ps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One workload. `runs_ps` are the makespans of the measured runs; `failure` says why there are none.

    `warnings` are those that the prediction gave, such as of operations beyond what was calibrated.
    """

    workload: str
    family: str
    predicted_ps: int | None = None
    runs_ps: tuple[int, ...] = ()
    failure: str = ""
    warnings: tuple[str, ...] = ()
    busy: tuple[BusyPair, ...] = ()
    pairs: tuple[SpanPair, ...] = ()

    @property
    def measured_ps(self) -> int | None:
        """The median makespan of the runs; None if there are none."""
        return round(statistics.median(self.runs_ps)) if self.runs_ps else None

    @property
    def spread(self) -> float | None:
        """How far the slowest run is from the quickest, as a part of the median."""
        return (max(self.runs_ps) - min(self.runs_ps)) / self.measured_ps if self.measured_ps else None

    @property
    def error(self) -> float | None:
        """The error of the predicted makespan; None for what failed."""
        if self.failure or self.predicted_ps is None or not self.measured_ps:
            return None
        return (self.predicted_ps - self.measured_ps) / self.measured_ps

    def sums_ps(self, kind: SpanKind = "compute") -> tuple[int, int]:
        """Return the sum of predicted times, and that of measured ones, of spans that both sides have."""
        compared = [it for it in self.pairs if it.kind == kind and it.is_compared]
        return sum(it.predicted_ps or 0 for it in compared), sum(it.measured_ps or 0 for it in compared)

    def furthest(self, count: int = 5, kind: SpanKind = "compute") -> list[SpanPair]:
        """Return the spans whose times differ most, the largest difference first."""
        compared = [it for it in self.pairs if it.kind == kind and it.is_compared]
        return sorted(compared, key=lambda it: -abs(it.difference_ps))[:count]


MOVES = "moves"
"""Stands for the type of operation where moves are launched."""


class KindOfWork(NamedTuple):
    """All spans of one kind for one type of operation, or for transfers on one way, that both sides have."""

    kind: SpanKind
    what: str
    spans: int
    predicted_ps: int
    measured_ps: int

    @property
    def difference_ps(self) -> int:
        """How much longer all of them were predicted than measured."""
        return self.predicted_ps - self.measured_ps


@dataclass(frozen=True, slots=True)
class ErrorSummary:
    """Errors of several workloads: mean, median and largest of the absolute ones, and the mean of the signed ones."""

    count: int
    mean: float
    median: float
    largest: float
    bias: float

    @staticmethod
    def of(outcomes: Sequence[Outcome]) -> ErrorSummary | None:
        """Sum up those that have an error; None if none has."""
        errors = [it.error for it in outcomes if it.error is not None]
        if not errors:
            return None
        sizes = [abs(error) for error in errors]
        return ErrorSummary(
            len(errors), statistics.fmean(sizes), statistics.median(sizes), max(sizes), statistics.fmean(errors)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Predictions of one calibration beside runs on the device that it is of.

    `facts` say what was measured: the device and versions, when, on which storage. `predicted_sha256` is the digest of
    the file of predictions, as it was before the first run; empty if none was written.
    """

    facts: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]
    predicted_sha256: str = ""

    @property
    def families(self) -> tuple[str, ...]:
        """The families of workloads, in the order of the workloads."""
        return tuple(dict.fromkeys(it.family for it in self.outcomes))

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The workloads that could not be predicted or not be run."""
        return tuple(it for it in self.outcomes if it.failure)

    def summary(self, family: str | None = None) -> ErrorSummary | None:
        """Sum up the errors of a family, or of all; None if there are none."""
        return ErrorSummary.of([it for it in self.outcomes if family in (None, it.family)])

    def kinds_of_work(self) -> list[KindOfWork]:
        """Sum up spans over all workloads, the largest difference first: what a cost model is to be refined for."""
        found: dict[tuple[SpanKind, str], list[SpanPair]] = {}
        for outcome in self.outcomes:
            for pair in outcome.pairs:
                if pair.is_compared:
                    found.setdefault((pair.kind, _what(pair)), []).append(pair)
        sums = [
            KindOfWork(
                kind,
                what,
                len(pairs),
                sum(it.predicted_ps or 0 for it in pairs),
                sum(it.measured_ps or 0 for it in pairs),
            )
            for (kind, what), pairs in found.items()
        ]
        return sorted(sums, key=lambda it: -abs(it.difference_ps))


def _what(pair: SpanPair) -> str:
    if pair.signature is not None:
        return pair.signature.type
    return MOVES if pair.kind == "launch" else pair.resource
