"""What holds for every prediction and every runs: nothing is lost, and files give back what was written."""

from __future__ import annotations

import statistics
from collections import Counter

import hypothesis.strategies as st
from hypothesis import given

from simgpu.trace import NO_CAUSE, Span, Trace
from simgpu.validation import BusyPair, ErrorSummary, Outcome, Validation, read_validation, write_validation
from simgpu.validation.pairing import pair_spans, typical_run
from tests.unit.validation.fabricated import graph_of

NAMES = ("relu", "neg", "x")
GRAPH = graph_of("Relu", "Neg")
TIMES = st.integers(0, 10**12)


@st.composite
def spans(draw) -> Span:
    kind = draw(st.sampled_from(("compute", "launch", "transfer")))
    start = draw(TIMES)
    resource = draw(st.sampled_from(("GPU:0", "GPU:1", "GPU:0 -> GPU:1")))
    return Span(kind, draw(st.sampled_from(NAMES)), resource, start, start, start + draw(TIMES), NO_CAUSE)


traces = st.builds(lambda found: Trace("execute", "real", (), (), found), st.lists(spans(), max_size=8))
runs = st.lists(traces, min_size=1, max_size=4)
outcomes = st.builds(
    Outcome,
    workload=st.text(max_size=5),
    family=st.sampled_from(("a", "b")),
    predicted_ps=st.none() | TIMES,
    runs_ps=st.lists(TIMES, max_size=4).map(tuple),
    failure=st.sampled_from(("", "not run: it fell")),
    warnings=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    busy=st.lists(st.builds(BusyPair, st.just("compute"), st.just("GPU:0"), TIMES, TIMES), max_size=2).map(tuple),
    pairs=st.builds(lambda predicted, measured: pair_spans(GRAPH, predicted, measured), traces, runs),
)


@given(traces, runs)
def test_each_span_is_in_one_pair(predicted, measured):
    pairs = pair_spans(GRAPH, predicted, measured)
    found = [
        Counter((it.kind, it.name, it.resource) for it in pairs if getattr(it, side) is not None)
        for side in ("predicted_start_ps", "measured_start_ps")
    ]

    assert found == [
        Counter((it.kind, it.name, it.resource) for it in trace.spans) for trace in (predicted, typical_run(measured))
    ]


@given(traces, st.integers(1, 4))
def test_a_run_as_predicted_has_no_error(trace, count):
    pairs = pair_spans(GRAPH, trace, [trace] * count)

    assert [it.difference_ps for it in pairs] == [0] * len(trace.spans)
    assert all(it.is_compared and it.predicted_start_ps == it.measured_start_ps for it in pairs)


@given(runs)
def test_the_typical_run_is_one_of_those_in_the_middle(measured):
    makespans = [run.makespan_ps for run in measured]

    assert typical_run(measured) in measured
    assert typical_run(measured).makespan_ps == statistics.median_low(makespans)


@given(st.lists(outcomes, max_size=5))
def test_a_summary_lies_between_its_errors(found):
    summary = ErrorSummary.of(found)
    sizes = [abs(it.error) for it in found if it.error is not None]

    assert (summary is None) == (not sizes)
    if summary is not None:
        assert min(sizes) <= summary.median <= summary.largest == max(sizes)
        assert abs(summary.bias) <= summary.mean * (1 + 1e-9)


@given(st.lists(outcomes, max_size=3))
def test_files_give_back_what_was_written(tmp_path_factory, found):
    path = tmp_path_factory.mktemp("validation") / "validation.json"
    made = Validation(facts={"runs": 3}, outcomes=tuple(found), predicted_sha256="0123")
    write_validation(made, path)

    assert read_validation(path) == made
