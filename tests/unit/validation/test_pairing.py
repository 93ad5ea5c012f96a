from __future__ import annotations

from simgpu.trace import Decision
from simgpu.validation.pairing import Signature, SpanPair, pair_spans, typical_run
from tests.unit.validation.fabricated import GPU, US, chain, graph_of, span, trace_of

RELU = Signature("Relu", ("float32[4,4]",), ("float32[4,4]",), "{}")


def test_durations_are_medians_of_all_runs_and_starts_are_those_of_the_median_run():
    graph = graph_of("Relu", "Neg")
    runs = [chain({"relu": 10, "neg": 2}), chain({"relu": 30, "neg": 1}), chain({"relu": 20, "neg": 9})]
    pairs = pair_spans(graph, chain({"relu": 5, "neg": 7}), runs)

    assert [(it.name, it.predicted_ps, it.measured_start_ps, it.measured_ps) for it in pairs] == [
        ("relu", 5 * US, 0, 20 * US),
        ("neg", 7 * US, 20 * US, 2 * US),
    ]


def test_a_pair_tells_all_that_its_time_depends_on():
    (pair,) = pair_spans(graph_of("Relu"), chain({"relu": 5}), [chain({"relu": 4})])

    assert pair == SpanPair("compute", "relu", GPU.format(0), RELU, 0, 0, 5 * US, 0, 4 * US)
    assert (pair.difference_ps, str(RELU)) == (US, "Relu(float32[4,4]) -> float32[4,4]")


def test_attributes_are_part_of_what_the_time_depends_on():
    (operation,) = [it for it in graph_of("Softmax") if it.type == "Softmax"]

    assert Signature.of(operation).attributes == "{}"
    assert Signature.of(graph_of().operation("x")).attributes == '{"spec": "float32[4,4]"}'


def test_spans_that_only_one_side_has_are_kept_but_not_compared():
    predicted = trace_of(span("launch", "relu", "CPU:0", 0, 3), span("compute", "relu", "GPU:0", 3, 9))
    pairs = pair_spans(graph_of("Relu"), predicted, [trace_of(span("compute", "relu", "GPU:1", 1, 2))])

    assert [(it.kind, it.resource, it.is_compared, it.difference_ps) for it in pairs] == [
        ("launch", "CPU:0", False, 0),
        ("compute", "GPU:0", False, 0),
        ("compute", "GPU:1", False, 0),
    ]


def test_transfers_are_told_apart_by_their_way_and_have_a_size():
    there, back = span("transfer", "x", "caller -> GPU:0", 0, 4, 64), span("transfer", "x", "GPU:0 -> caller", 5, 6, 64)
    pairs = pair_spans(graph_of("Relu"), trace_of(there, back), [trace_of(back, there)])

    assert [(it.resource, it.size_bytes, it.signature, it.measured_ps) for it in pairs] == [
        ("caller -> GPU:0", 64, None, 4 * US),
        ("GPU:0 -> caller", 64, None, US),
    ]


def test_spans_alike_in_all_else_are_paired_in_their_order():
    twice = [span("launch", "relu", "CPU:0", 0, 3), span("launch", "relu", "CPU:0", 4, 5)]
    pairs = pair_spans(graph_of("Relu"), trace_of(*twice), [trace_of(*twice)])

    assert [(it.predicted_ps, it.measured_ps) for it in pairs] == [(3 * US, 3 * US), (US, US)]


def test_of_an_even_number_of_runs_the_quicker_one_in_the_middle_is_typical():
    runs = [chain({"relu": time_us}) for time_us in (40, 10, 30, 20)]

    assert typical_run(runs) is runs[3]
    assert typical_run(runs[:3]) is runs[2]


def test_launches_are_of_operations_or_of_moves_though_both_have_the_same_names():
    at, elsewhere = GPU.format(0), GPU.format(1)
    predicted = trace_of(
        span("launch", "x", at, 0, 1),
        span("launch", "relu", at, 1, 2),
        span("launch", "relu", elsewhere, 3, 4),
        span("launch", "relu", at, 5, 6),
    )
    predicted.decisions = (Decision("x", at, ""), Decision("relu", at, ""))
    pairs = pair_spans(graph_of("Relu"), predicted, [predicted])

    assert [it.signature for it in pairs] == [None, RELU, None, None]
