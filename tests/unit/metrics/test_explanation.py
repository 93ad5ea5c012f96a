from simgpu.metrics import Difference, WayDifference, explain
from simgpu.trace import Trace
from tests.unit.metrics.settings import ran, trace_of

FIRST = trace_of(
    ran("a", "GPU:0", 0, 0, 10),
    ran("a", "GPU:0 -> GPU:1", 10, 10, 30, cause=0),
    ran("b", "GPU:1", 30, 30, 70, cause=1),
    ran("aside", "CPU:0", 0, 0, 5),
)
SECOND = trace_of(
    ran("a", "GPU:0", 5, 8, 20),
    ran("aside", "GPU:0", 0, 20, 26),
    ran("a", "GPU:0 -> CPU:0", 20, 20, 80, cause=0),
    ran("b", "CPU:0", 80, 80, 110, cause=2),
)


def contributions(first: Trace, second: Trace) -> dict[tuple[str, str], int]:
    return {(row.kind, row.name): row.contribution_ps for row in explain(first, second).spans}


def test_contributions_are_what_lies_on_the_critical_paths_and_the_largest_come_first():
    explanation = explain(FIRST, SECOND)

    assert explanation.spans == [
        Difference("transfer", "a", "", "GPU:0 -> CPU:0", 60, 60, 0, 20),
        Difference("transfer", "a", "GPU:0 -> GPU:1", "", -20, -20, 0, -10),
        Difference("compute", "b", "GPU:1", "CPU:0", -10, -10, 0, 50),
        Difference("compute", "a", "GPU:0", "GPU:0", 10, 2, 3, 8),  # with its release and its wait
        Difference("compute", "aside", "CPU:0", "GPU:0", 0, 1, 20, 20),
    ]


def test_contributions_add_up_to_the_difference_of_the_makespans():
    explanation = explain(FIRST, SECOND)

    assert (explanation.first_makespan_ps, explanation.second_makespan_ps, explanation.difference_ps) == (70, 110, 40)
    assert sum(row.contribution_ps for row in explanation.spans) == 40


def test_ways_have_what_their_transfers_have_together():
    more = trace_of(*FIRST.spans, ran("c", "GPU:0 -> GPU:1", 30, 32, 75))

    assert explain(FIRST, more).ways == (WayDifference("GPU:0 -> GPU:1", 75 - 20, 1, 100, 43, 2),)
    assert explain(FIRST, SECOND).ways == (
        WayDifference("GPU:0 -> CPU:0", 60, 1, 100, 60, 0),
        WayDifference("GPU:0 -> GPU:1", -20, -1, -100, -20, 0),
    )


def test_a_launch_and_a_tensor_of_the_same_name_are_not_the_operation():
    launched = trace_of(ran("a", "GPU:0", 0, 0, 5, kind="launch"), ran("a", "GPU:0", 5, 5, 15, cause=0))

    assert contributions(FIRST, launched) == {
        ("compute", "b"): -40,
        ("transfer", "a"): -20,
        ("launch", "a"): 5,
        ("compute", "a"): 0,
        ("compute", "aside"): 0,
    }


def test_a_run_differs_from_itself_in_nothing():
    explanation = explain(FIRST, FIRST)

    assert {row[4:] for row in explanation.spans} == {(0, 0, 0, 0)}
    assert explanation.ways == (WayDifference("GPU:0 -> GPU:1", 0, 0, 0, 0, 0),)


def test_a_run_without_spans_lacks_everything():
    assert [row.contribution_ps for row in explain(FIRST, trace_of()).spans] == [-40, -20, -10, 0]
    assert explain(trace_of(), trace_of()).spans == []
