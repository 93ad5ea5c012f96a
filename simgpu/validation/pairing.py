"""Which span of a prediction belongs to which span of the runs."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from simgpu.graph import Graph, Operation
from simgpu.trace import Span, SpanKind, Trace

_Key = tuple[SpanKind, str, str, int]


class Signature(NamedTuple):
    """What the time of an operation depends on: operations that have the same are the same work."""

    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: str
    """JSON, with the keys in order."""

    @staticmethod
    def of(operation: Operation) -> Signature:
        """Return the signature of an operation. Attributes that JSON does not know are written as text."""
        return Signature(
            operation.type,
            tuple(map(str, operation.input_specs)),
            tuple(map(str, operation.output_specs)),
            json.dumps(dict(operation.attributes), sort_keys=True, default=str),
        )

    def __str__(self) -> str:
        return f"{self.type}({', '.join(self.inputs)}) -> {', '.join(self.outputs)}"


class SpanPair(NamedTuple):
    """A span as predicted and as measured. Times are None where one side does not have it.

    `measured_ps` is the median of all runs; starts are those of one run, the one with the median makespan. `signature`
    is None for transfers and their launches.
    """

    kind: SpanKind
    name: str
    resource: str
    signature: Signature | None
    size_bytes: int
    predicted_start_ps: int | None
    predicted_ps: int | None
    measured_start_ps: int | None
    measured_ps: int | None

    @property
    def is_compared(self) -> bool:
        """True if both sides have the span."""
        return self.predicted_ps is not None and self.measured_ps is not None

    @property
    def difference_ps(self) -> int:
        """How much longer it was predicted than measured; 0 where one side does not have it."""
        return 0 if self.predicted_ps is None or self.measured_ps is None else self.predicted_ps - self.measured_ps


def pair_spans(graph: Graph, predicted: Trace, runs: Sequence[Trace]) -> tuple[SpanPair, ...]:
    """Pair the spans of a predicted run with those of measured runs, in the order of the prediction."""
    ours, typical = _numbered(predicted.spans), _numbered(typical_run(runs).spans)
    durations: dict[_Key, list[int]] = {}
    for run in runs:
        for key, span in _numbered(run.spans).items():
            durations.setdefault(key, []).append(span.end_ps - span.start_ps)
    signatures = {it.name: Signature.of(it) for it in graph if it.type not in ("Input", "Variable")}
    devices = {it.operation: it.device for it in predicted.decisions}
    return tuple(
        _pair(
            key,
            signatures.get(key[1]) if _is_of_operation(key, devices) else None,
            ours.get(key),
            typical.get(key),
            durations.get(key),
        )
        for key in dict.fromkeys([*ours, *typical])
    )


def typical_run(runs: Sequence[Trace]) -> Trace:
    """Return the run with the median makespan; of an even number, the quicker of both in the middle."""
    return sorted(runs, key=lambda run: run.makespan_ps)[(len(runs) - 1) // 2]


def _is_of_operation(key: _Key, devices: Mapping[str, str]) -> bool:
    """Tell whether a span is of an operation or its launch. Moves are named by their tensors: as what makes these.

    Those of other devices arrive elsewhere; a fetch is launched on the same device, but later.
    """
    kind, name, resource, number = key
    return kind == "compute" or (kind == "launch" and number == 0 and devices.get(name) == resource)


def _pair(
    key: _Key,
    signature: Signature | None,
    ours: Span | None,
    theirs: Span | None,
    durations_ps: Sequence[int] | None,
) -> SpanPair:
    kind, name, resource, _ = key
    return SpanPair(
        kind,
        name,
        resource,
        signature,
        max(span.size_bytes for span in (ours, theirs) if span is not None),
        None if ours is None else ours.start_ps,
        None if ours is None else ours.end_ps - ours.start_ps,
        None if theirs is None else theirs.start_ps,
        None if durations_ps is None else round(statistics.median(durations_ps)),
    )


def _numbered(spans: Iterable[Span]) -> dict[_Key, Span]:
    """Return spans by what they are; the last entry of a key tells those apart that are alike in all else."""
    seen: Counter[tuple[SpanKind, str, str]] = Counter()
    found: dict[_Key, Span] = {}
    for span in spans:
        what = (span.kind, span.name, span.resource)
        found[*what, seen[what]] = span
        seen[what] += 1
    return found
