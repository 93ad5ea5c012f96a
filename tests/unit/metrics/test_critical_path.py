import pytest

from simgpu.errors import InvalidValue
from simgpu.metrics import Step, critical_path
from simgpu.simulation import simulate
from tests.unit.metrics.settings import on_streams, ran, trace_of
from tests.unit.program.settings import Sketch, machine


def steps(*spans, **options):
    """Return the path in short: what, from when to when, after what."""
    path = critical_path(trace_of(*spans, **options))
    return [(f"{step.kind} {step.name}", step.start_ps, step.end_ps, step.after) for step in path.steps]


def test_a_span_that_did_not_wait_comes_after_its_cause():
    a = ran("a", "GPU:0", 0, 0, 10)
    move = ran("a", "GPU:0 -> GPU:1", 10, 10, 30, cause=0)
    b = ran("b", "GPU:1", 30, 30, 70, cause=1)

    assert critical_path(trace_of(a, move, b)).steps == [
        Step("compute", "a", "GPU:0", 0, 10, 0, "nothing"),
        Step("transfer", "a", "GPU:0 -> GPU:1", 10, 30, 1, "dependency"),
        Step("compute", "b", "GPU:1", 30, 70, 2, "dependency"),
    ]


def test_a_span_that_waited_comes_after_the_one_that_had_its_gpu():
    first = ran("first", "GPU:1", 0, 0, 10)
    cause = ran("cause", "GPU:0", 0, 0, 4)
    late = ran("late", "GPU:1", 4, 10, 15, cause=0)

    assert steps(cause, first, late) == [("compute first", 0, 10, "nothing"), ("compute late", 10, 15, "turn")]


def test_the_cpu_devices_of_one_host_share_their_turns():
    spans = ran("a", "CPU:0", 0, 0, 10), ran("elsewhere", "GPU:0", 0, 0, 10), ran("b", "CPU:1", 3, 10, 12)

    assert steps(*spans) == [("compute a", 0, 10, "nothing"), ("compute b", 10, 12, "turn")]


def test_launches_take_turns_by_themselves():
    spans = (
        ran("a", "GPU:0", 0, 0, 10, kind="launch"),
        ran("old", "GPU:0", 0, 0, 10),
        ran("b", "GPU:0", 0, 10, 20, kind="launch"),
        ran("b", "GPU:0", 20, 20, 50, cause=2),
    )

    assert steps(*spans) == [
        ("launch a", 0, 10, "nothing"),
        ("launch b", 10, 20, "turn"),
        ("compute b", 20, 50, "dependency"),
    ]


@pytest.mark.parametrize(
    ("way", "other", "elsewhere"),
    [
        ("CPU:0 -> GPU:0", "GPU:1 -> GPU:0", "CPU:0 -> GPU:1"),
        ("GPU:0 -> CPU:0", "GPU:0 -> GPU:1", "GPU:1 -> CPU:0"),
    ],
)
def test_transfers_into_a_gpu_take_turns_and_so_do_those_out_of_one(way, other, elsewhere):
    spans = ran("x", other, 0, 0, 9), ran("elsewhere", elsewhere, 0, 0, 9), ran("y", way, 5, 9, 12)

    assert steps(*spans) == [("transfer x", 0, 9, "nothing"), ("transfer y", 9, 12, "turn")]


def test_what_waited_for_something_that_slices_of_a_card_share_comes_after_the_transfer_that_ended_then():
    spans = ran("x", "GPU:0 -> CPU:0", 0, 0, 9), ran("a", "CPU:0", 0, 0, 9), ran("y", "GPU:1 -> CPU:0", 5, 9, 12)

    assert steps(*spans) == [("transfer x", 0, 9, "nothing"), ("transfer y", 9, 12, "turn")]


def test_what_waited_on_an_idle_device_comes_after_whatever_ended_then():
    spans = ran("early", "GPU:0", 0, 0, 3), ran("reader", "GPU:1", 0, 0, 9), ran("needs memory", "GPU:0", 3, 9, 12)

    assert steps(*spans) == [("compute reader", 0, 9, "nothing"), ("compute needs memory", 9, 12, "turn")]


def test_of_those_that_ended_at_the_same_time_it_is_the_last_one_to_start():
    a, b = ran("a", "CPU:0", 0, 0, 9), ran("b", "CPU:0", 0, 2, 9)

    assert steps(a, b, ran("c", "CPU:0", 5, 9, 12))[-2] == ("compute b", 2, 9, "nothing")


def test_a_wait_that_nothing_explains_is_a_step_before_the_one_that_waited():
    a, b = ran("a", "GPU:0", 0, 0, 5), ran("b", "GPU:1", 5, 8, 10, cause=0)

    assert steps(a, b) == [
        ("compute a", 0, 5, "nothing"),
        ("waiting b", 5, 8, "dependency"),
        ("compute b", 8, 10, "dependency"),
    ]


def test_time_until_a_release_and_the_wait_behind_it_are_steps_of_their_own():
    assert steps(ran("late", "GPU:0", 20, 23, 30)) == [
        ("release late", 0, 20, "nothing"),
        ("waiting late", 20, 23, "nothing"),
        ("compute late", 23, 30, "nothing"),
    ]


def test_in_measured_time_a_span_comes_after_the_last_on_its_place_and_the_engine_takes_the_time_between():
    spans = (
        ran("a", "GPU:0", 0, 2, 10),
        ran("coincidence", "GPU:1", 0, 0, 13),
        ran("b", "GPU:0", 4, 13, 20, cause=0),
    )

    assert steps(*spans, engine="execute") == [
        ("waiting a", 0, 2, "nothing"),
        ("compute a", 2, 10, "nothing"),
        ("waiting b", 10, 13, "turn"),
        ("compute b", 13, 20, "turn"),
    ]


def test_measured_transfers_share_the_threads_that_copy():
    spans = ran("x", "GPU:0 -> CPU:0", 0, 0, 8), ran("y", "CPU:1 -> GPU:1", 2, 9, 12)

    assert steps(*spans, engine="execute")[0] == ("transfer x", 0, 8, "nothing")


def test_what_was_over_before_a_span_was_ready_did_not_hold_it_up():
    spans = ran("old", "GPU:0", 0, 0, 3), ran("cause", "GPU:1", 0, 0, 5), ran("b", "GPU:0", 5, 6, 9, cause=1)

    assert steps(*spans, engine="execute")[:2] == [
        ("compute cause", 0, 5, "nothing"),
        ("waiting b", 5, 6, "dependency"),
    ]


def test_an_operation_that_holds_up_its_queue_is_on_the_path_with_what_it_waits_for():
    placement = on_streams(
        ("long", 40, 0, []), ("first", 0, 1, []), ("head", 0, 1, ["long"]), ("held up", 9, 1, ["first"])
    )
    path = critical_path(simulate(placement, streams=2))

    assert [(step.kind, step.name, step.after) for step in path.steps] == [
        ("launch", "long", "nothing"),
        ("compute", "long", "dependency"),
        ("compute", "head", "dependency"),
        ("compute", "held up", "turn"),
    ]


def test_operations_that_take_no_time_are_on_the_path_in_order():
    sketch = Sketch().add("op0").add("op1", after=["op0"]).add("op2", after=["op1"]).add("end", ps=3, after=["op2"])

    assert [step.name for step in critical_path(simulate(sketch.placed(machine("1 x 1MiB")))).steps] == [
        "op0",
        "op1",
        "op2",
        "end",
    ]


def test_steps_are_added_up_by_kind():
    a, b = ran("a", "GPU:0", 2, 4, 10), ran("a", "GPU:0 -> GPU:1", 10, 10, 30, cause=0)
    path = critical_path(trace_of(a, b))

    assert path.by_kind_ps() == {"compute": 6, "transfer": 20, "launch": 0, "waiting": 2, "release": 2}
    assert path.makespan_ps == 30


def test_without_spans_there_are_no_steps():
    path = critical_path(trace_of())

    assert (path.steps, path.makespan_ps) == ([], 0)


def test_what_is_no_trace_is_refused():
    with pytest.raises(InvalidValue) as caught:
        critical_path([])

    assert (
        str(caught.value) == "trace=[] is not a Trace; give what `simulate` returns, or what `execute` returns second"
    )
