"""What errors are, worked out by hand."""

from __future__ import annotations

import pytest

from simgpu.validation import ErrorSummary, Outcome, Validation
from simgpu.validation.pairing import Signature, SpanPair


def outcome(name: str, predicted_ps: int, *runs_ps: int, family: str = "a", failure: str = "") -> Outcome:
    return Outcome(workload=name, family=family, predicted_ps=predicted_ps, runs_ps=runs_ps, failure=failure)


def pair(name: str, predicted_ps: int | None, measured_ps: int | None, kind: str = "compute") -> SpanPair:
    return SpanPair(kind, name, "GPU:0", None, 0, 0, predicted_ps, 0, measured_ps)


def test_an_error_is_positive_where_the_prediction_is_too_slow():
    slow, quick = outcome("slow", 150, 90, 100, 130), outcome("quick", 50, 100)

    assert (slow.measured_ps, slow.error, slow.spread) == (100, 0.5, 0.4)
    assert (quick.measured_ps, quick.error, quick.spread) == (100, -0.5, 0.0)


@pytest.mark.parametrize(
    "failed",
    [
        outcome("not run", 150),
        outcome("failed", 150, 100, failure="not run: no memory"),
        Outcome(workload="", family=""),
    ],
)
def test_what_failed_has_no_error(failed):
    assert failed.error is None


def test_a_summary_is_of_absolute_errors_and_its_bias_of_signed_ones():
    found = ErrorSummary.of([outcome("", 150, 100), outcome("", 75, 100), outcome("", 100, 100), outcome("", 1)])

    assert found == ErrorSummary(count=3, mean=0.25, median=0.25, largest=0.5, bias=0.25 / 3)
    assert ErrorSummary.of([outcome("", 1)]) is None


def test_families_are_summed_up_alone_and_together():
    made = Validation(
        facts={},
        outcomes=(
            outcome("x", 200, 100, family="b"),
            outcome("y", 100, 100),
            outcome("z", 150, failure="not run: no memory"),
        ),
    )

    assert made.families == ("b", "a")
    assert [made.summary(family).mean for family in ("b", "a", None)] == [1.0, 0.0, 0.5]
    assert [it.workload for it in made.failures] == ["z"]


def test_only_spans_that_both_sides_have_are_summed_up_and_the_furthest_come_first():
    pairs = (pair("a", 10, 11), pair("b", None, 5), pair("c", 30, 20), pair("d", 7, 40), pair("e", 1, 9, "transfer"))
    made = Outcome(workload="", family="", pairs=pairs)

    assert made.sums_ps() == (47, 71)
    assert made.sums_ps("transfer") == (1, 9)
    assert [it.name for it in made.furthest()] == ["d", "c", "a"]
    assert [it.name for it in made.furthest(1)] == ["d"]


def test_spans_are_summed_up_by_kind_and_type_or_way_over_all_workloads():
    relu, add = (Signature(type, (), (), "{}") for type in ("Relu", "Add"))
    first = (
        pair("a", 10, 11)._replace(signature=relu),
        pair("b", None, 5)._replace(signature=relu),
        pair("c", 30, 20)._replace(signature=add),
        pair("a", 1, 9, "transfer")._replace(resource="GPU:0 -> GPU:1"),
        pair("a", 5, 4, "launch")._replace(signature=relu),
    )
    second = (pair("z", 40, 10)._replace(signature=relu), pair("z", 7, 5, "launch"))
    outcomes = tuple(Outcome(workload="", family="", pairs=pairs) for pairs in (first, second))

    assert Validation(facts={}, outcomes=outcomes).kinds_of_work() == [
        ("compute", "Relu", 2, 50, 21),
        ("compute", "Add", 1, 30, 20),
        ("transfer", "GPU:0 -> GPU:1", 1, 1, 9),
        ("launch", "moves", 1, 7, 5),
        ("launch", "Relu", 1, 5, 4),
    ]
