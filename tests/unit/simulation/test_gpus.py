"""GPUs: one operation at a time, launches, and slices of one card."""

import pytest

from simgpu.simulation import simulate
from simgpu.trace import NO_CAUSE, Span, TimeBreakdown, time_breakdown
from simgpu.units import PS_PER_S
from tests.unit.program.settings import GPU0, Sketch, computed, launched, machine

S = PS_PER_S
ONE, TWO = machine("1 x 1MiB"), machine("2 x 1MiB")


def test_a_gpu_takes_one_operation_at_a_time_in_the_order_of_the_graph():
    sketch = Sketch().add("b", ps=5).add("a", ps=3).add("c", ps=2)

    assert computed(simulate(sketch.placed(ONE))) == {"b": (0, 5), "a": (5, 8), "c": (8, 10)}


def test_two_gpus_work_at_the_same_time():
    sketch = Sketch().add("a", ps=5).add("b", ps=3, on="/gpu:1")

    assert computed(simulate(sketch.placed(TWO))) == {"a": (0, 5), "b": (0, 3)}


def test_what_is_ready_first_goes_first_whatever_its_number():
    sketch = Sketch().add("late", ps=1, after=["slow"]).add("early", ps=1, after=["quick"]).add("busy", ps=10)
    sketch.add("slow", ps=6, on="/gpu:1").add("quick", ps=4, on="/cpu:0")

    assert computed(simulate(sketch.placed(TWO))) == {
        "quick": (0, 4),
        "slow": (0, 6),
        "busy": (0, 10),
        "early": (10, 11),
        "late": (11, 12),
    }


def test_of_what_is_ready_at_the_same_time_the_lowest_number_goes_first():
    sketch = Sketch().add("z", ps=1, after=["p"]).add("y", ps=1, after=["q"]).add("busy", ps=4)
    sketch.add("q", ps=4, on="/cpu:0").add("p", ps=4, on="/gpu:1")

    assert list(computed(simulate(sketch.placed(TWO))).items())[-2:] == [("z", (4, 5)), ("y", (5, 6))]


def test_what_is_ready_after_a_feed_that_takes_no_time_has_its_turn_in_order():
    sketch = Sketch().add("x", type="Input", on="/cpu:0", sizes=[8])
    sketch.add("first", "x", ps=5, on="/cpu:0").add("second", ps=5, on="/cpu:0")
    trace = simulate(sketch.placed(machine("cpu", inter_op_threads=1)))

    assert computed(trace) == {"first": (0, 5), "second": (5, 10)}


def test_moves_that_take_no_time_happen_in_the_order_of_the_graph():
    sketch = Sketch()
    for name in "xyz":
        sketch.add(name, type="Input", on="/cpu:0", sizes=[8])
    trace = simulate(sketch.fetch("z", "y", "x").placed(ONE))

    assert [(span.name, span.resource) for span in trace.spans] == [
        *((name, "caller -> CPU:0") for name in "xyz"),
        *((name, "CPU:0 -> caller") for name in "zyx"),
    ]
    assert [event.offset for event in trace.memory[0] if event.is_allocation] == [0, 512, 1024]


def test_the_host_launches_the_next_operation_while_the_device_computes():
    sketch = Sketch().add("a", ps=25).add("b", ps=5).add("c", ps=40)
    trace = simulate(sketch.placed(machine("1 x 1MiB", launch_ps=10)))

    assert launched(trace) == {"a": (0, 10), "b": (10, 20), "c": (20, 30)}
    assert computed(trace) == {"a": (10, 35), "b": (35, 40), "c": (40, 80)}


def test_a_device_that_is_faster_than_its_launches_waits_for_them():
    sketch = Sketch().add("a", ps=5).add("b", ps=5).add("c", ps=5)
    trace = simulate(sketch.placed(machine("1 x 1MiB", launch_ps=10)))

    assert computed(trace) == {"a": (10, 15), "b": (20, 25), "c": (30, 35)}


def test_the_host_runs_ahead_of_the_device():
    sketch = Sketch().add("a", ps=50).add("b", ps=5, after=["a"]).add("c", ps=5, after=["b"])
    trace = simulate(sketch.placed(machine("1 x 1MiB", launch_ps=10)))

    assert trace.spans == [
        Span("launch", "a", GPU0, 0, 0, 10, NO_CAUSE),
        Span("launch", "b", GPU0, 10, 10, 20, 0),
        Span("launch", "c", GPU0, 20, 20, 30, 1),
        Span("compute", "a", GPU0, 10, 10, 60, 0),
        Span("compute", "b", GPU0, 60, 60, 65, 3),
        Span("compute", "c", GPU0, 65, 65, 70, 4),
    ]
    assert time_breakdown(trace) == TimeBreakdown(compute_ps=60, transfer_ps=0, launch_ps=10, waiting_ps=0)


def test_the_host_waits_for_what_comes_from_elsewhere():
    sketch = Sketch().add("other", ps=30, on="/gpu:1").add("a", ps=5, after=["other"]).add("b", ps=5, after=["a"])
    trace = simulate(sketch.placed(machine("2 x 1MiB", launch_ps=10)))

    assert launched(trace) == {"other": (0, 10), "a": (40, 50), "b": (50, 60)}
    assert computed(trace) == {"other": (10, 40), "a": (50, 55), "b": (60, 65)}


def test_without_running_ahead_a_launch_comes_after_what_its_operation_waits_for():
    sketch = Sketch().add("a", ps=5).add("b", ps=5, after=["a"])
    trace = simulate(sketch.placed(machine("1 x 1MiB", launch_ps=10)), launch="sync")

    assert trace.spans == [
        Span("launch", "a", GPU0, 0, 0, 10, NO_CAUSE),
        Span("compute", "a", GPU0, 10, 10, 15, 0),
        Span("launch", "b", GPU0, 15, 15, 25, 1),
        Span("compute", "b", GPU0, 25, 25, 30, 2),
    ]
    assert time_breakdown(trace) == TimeBreakdown(compute_ps=10, transfer_ps=0, launch_ps=20, waiting_ps=0)


def test_each_gpu_is_launched_to_on_its_own_and_a_cpu_not_at_all():
    sketch = Sketch().add("a", ps=5).add("b", ps=5, on="/gpu:1").add("c", ps=5, on="/cpu:0")
    trace = simulate(sketch.placed(machine("2 x 1MiB", launch_ps=10)))

    assert launched(trace) == {"a": (0, 10), "b": (0, 10)}
    assert computed(trace) == {"c": (0, 5), "a": (10, 15), "b": (10, 15)}


def test_memory_is_taken_when_the_operation_starts_and_not_when_it_is_launched():
    sketch = Sketch().add("a", ps=25, sizes=[8]).add("b", ps=5, sizes=[8])
    trace = simulate(sketch.placed(machine("1 x 1MiB", launch_ps=10)))

    assert [(event.time_ps, event.is_allocation, event.owner) for event in trace.memory[1]] == [
        (10, True, "a"),
        (35, False, "a"),
        (35, True, "b"),
        (40, False, "b"),
    ]


def staggered(seconds=1):
    """Return an operation on GPU:0 from the start and one on GPU:1 half a second later."""
    sketch = Sketch().add("half", ps=S // 2, on="/cpu:0")
    return sketch.add("a", ps=seconds * S).add("b", ps=seconds * S, on="/gpu:1", after=["half"])


@pytest.mark.parametrize(
    ("compute", "a", "b"),
    [("shared", (0, 3 * S // 2), (S // 2, 2 * S)), ("exclusive", (0, S), (S // 2, 3 * S // 2))],
)
def test_slices_of_a_card_share_its_speed_or_have_it_each(compute, a, b):
    trace = simulate(staggered().placed(machine("1 x 1MiB", split={"GPU:0": 2}, compute=compute)))

    assert computed(trace) == {"half": (0, S // 2), "a": a, "b": b}


def test_whole_cards_do_not_share():
    assert computed(simulate(staggered().placed(TWO)))["b"] == (S // 2, 3 * S // 2)


def test_only_slices_that_are_busy_share():
    sketch = Sketch().add("a", ps=4, on="/gpu:0").add("b", ps=4, on="/gpu:0").add("c", ps=2, on="/gpu:2")
    trace = simulate(sketch.placed(machine("1 x 1MiB", split={"GPU:0": 4}, compute="shared")))

    assert computed(trace) == {"c": (0, 4), "a": (0, 6), "b": (6, 10)}


def test_slices_of_two_cards_share_with_their_siblings_alone():
    sketch = Sketch().add("a", ps=4, on="/gpu:0").add("b", ps=4, on="/gpu:1").add("c", ps=4, on="/gpu:2")
    split = {"GPU:0": 2, "GPU:1": 2}
    trace = simulate(sketch.placed(machine("2 x 1MiB", split=split, compute="shared")))

    assert computed(trace) == {"c": (0, 4), "a": (0, 8), "b": (0, 8)}


def test_three_slices_with_ten_seconds_of_work_each_need_thirty():
    sketch = Sketch()
    for number in range(3):
        sketch.add(f"op{number}", ps=10 * S, on=f"/gpu:{number}")
    trace = simulate(sketch.placed(machine("1 x 1MiB", split={"GPU:0": 3}, compute="shared")))

    assert set(computed(trace).values()) == {(0, 30 * S)}


def test_operations_that_take_no_time_all_happen_at_once_and_in_order():
    sketch = Sketch().add("op0")
    for number in range(1, 50):
        sketch.add(f"op{number}", after=[f"op{number - 1}"])
    sketch.add("end", ps=3, after=["op49"])

    assert list(computed(simulate(sketch.placed(ONE))).items()) == [
        *((f"op{number}", (0, 0)) for number in range(50)),
        ("end", (0, 3)),
    ]
