"""Runs of a workload that has been predicted, and what they say of the prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simgpu.session import make_feeds
from simgpu.storage import Storage
from simgpu.trace import SpanKind, Trace
from simgpu.validation.outcome import BusyPair, Outcome
from simgpu.validation.pairing import pair_spans, typical_run
from simgpu.validation.predicting import Prediction, words_of
from simgpu.validation.warm import kept_warm

Execute = Callable[..., tuple[dict[str, Any], Trace]]
"""`simgpu.execute`, or what stands in for it."""

_KINDS: tuple[SpanKind, ...] = ("compute", "transfer", "launch")


def measure(prediction: Prediction, storage: Storage, *, runs: int, seed: int, execute: Execute) -> Outcome:
    """Run a workload once to warm up, then so many times, and compare. What fails is the failure of this one alone."""
    workload, trace = prediction.workload, prediction.trace
    if prediction.placement is None or trace is None:
        return _failed(prediction, prediction.failure)
    try:
        feeds = make_feeds(prediction.placement.graph, seed)
        with kept_warm(storage) as warm:
            traces = [execute(prediction.placement, feeds, storage=warm)[1] for _ in range(1 + runs)][1:]
    except Exception as error:  # the others are to be measured all the same
        return _failed(prediction, f"not run: {words_of(error)}")
    return Outcome(
        workload=workload.name,
        family=workload.family,
        predicted_ps=trace.makespan_ps,
        runs_ps=tuple(it.makespan_ps for it in traces),
        warnings=prediction.warnings,
        busy=_busy(trace, typical_run(traces)),
        pairs=pair_spans(prediction.placement.graph, trace, traces),
    )


def _failed(prediction: Prediction, failure: str) -> Outcome:
    workload, trace = prediction.workload, prediction.trace
    return Outcome(
        workload=workload.name,
        family=workload.family,
        predicted_ps=None if trace is None else trace.makespan_ps,
        failure=failure,
        warnings=prediction.warnings,
    )


def _busy(predicted: Trace, measured: Trace) -> tuple[BusyPair, ...]:
    found = []
    for kind in _KINDS:
        ours, theirs = predicted.busy_by_resource_ps(kind), measured.busy_by_resource_ps(kind)
        found += [
            BusyPair(kind, resource, ours.get(resource, 0), theirs.get(resource, 0))
            for resource in sorted({*ours, *theirs})
        ]
    return tuple(found)
