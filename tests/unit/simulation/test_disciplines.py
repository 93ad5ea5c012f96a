"""Which of the operations that wait at a device goes first."""

import numpy as np
import pytest

from simgpu.errors import GraphError, InvalidValue
from simgpu.simulation import DISCIPLINES, simulate
from tests.unit.program.settings import Sketch, computed, launched, machine

ONE = machine("1 x 1MiB")


def waiting(**attributes):
    """Return four operations that wait while another computes; `last` has to wait longest to be ready."""
    sketch = Sketch().add("busy", ps=10).add("half", ps=5, on="/cpu:0")
    sketch.add("last", ps=2, after=["half"], **attributes.get("last", {}))
    for name, ps in (("long", 4), ("short", 1), ("also short", 1)):
        sketch.add(name, ps=ps, after=["tiny"], **attributes.get(name, {}))
    return sketch.add("tiny", ps=1, on="/cpu:0")


def order(sketch, discipline, **options):
    return [
        name
        for name in computed(simulate(sketch.placed(ONE), discipline=discipline, **options))
        if name not in ("busy", "half", "tiny")
    ]


@pytest.mark.parametrize(
    ("discipline", "expected"),
    [
        ("fifo", ["long", "short", "also short", "last"]),
        ("priority", ["long", "short", "also short", "last"]),
        ("shortest", ["short", "also short", "last", "long"]),
        ("longest", ["long", "last", "short", "also short"]),
    ],
)
def test_a_discipline_says_who_goes_first_and_among_equals_who_came_first(discipline, expected):
    assert order(waiting(), discipline) == expected


def test_fifo_is_the_default():
    assert list(computed(simulate(waiting().placed(ONE)))) == list(
        computed(simulate(waiting().placed(ONE), discipline="fifo"))
    )


def test_the_highest_priority_goes_first_and_none_is_0():
    sketch = waiting(last={"priority": 7}, short={"priority": -1})

    assert order(sketch, "priority") == ["last", "long", "also short", "short"]


def test_priorities_are_for_those_who_ask_for_them():
    assert order(waiting(last={"priority": 7}), "fifo") == ["long", "short", "also short", "last"]


def test_what_computes_is_not_interrupted():
    sketch = Sketch().add("slow", ps=10).add("half", ps=5, on="/cpu:0")
    sketch.add("urgent", ps=1, after=["half"], priority=9)

    assert computed(simulate(sketch.placed(ONE), discipline="priority"))["urgent"] == (10, 11)


@pytest.mark.parametrize("priority", [1.5, "high", True, None])
def test_a_priority_is_an_int(priority):
    with pytest.raises(GraphError) as caught:
        order(waiting(long={"priority": priority}), "priority")

    assert str(caught.value) == f"operation 'long' has the priority {priority!r}; it must be an int"


def test_a_function_of_the_operation_and_its_duration_is_a_discipline():
    told = {}

    def backwards(operation, duration_ps):
        told[operation.name] = duration_ps
        return -len(told)

    assert order(waiting(), backwards) == ["also short", "short", "long", "last"]
    assert told == {"busy": 10, "half": 5, "last": 2, "long": 4, "short": 1, "also short": 1, "tiny": 1}


def test_a_rank_may_be_any_whole_number_of_64_bits():
    ranks = {"long": np.int64(-3), "short": 2**63 - 1, "also short": -(2**63) + 1, "last": np.uint8(0)}

    assert order(waiting(), lambda operation, _: ranks.get(operation.name, 0)) == [
        "also short",
        "long",
        "last",
        "short",
    ]


@pytest.mark.parametrize("rank", [0.5, None, "1", 2**63, -(2**63)], ids=str)
def test_another_rank_is_refused_with_the_operation(rank):
    with pytest.raises(GraphError) as caught:
        order(waiting(), lambda *_: rank)

    assert str(caught.value) == f"operation 'busy' has the rank {rank!r}; a discipline gives an int of 64 bits"


def test_operations_are_launched_in_the_order_of_the_discipline_too():
    sketch = Sketch().add("a", ps=30).add("b", ps=20).add("c", ps=10)
    trace = simulate(sketch.placed(machine("1 x 1MiB", launch_ps=5)), discipline="shortest")

    assert launched(trace) == {"c": (0, 5), "b": (5, 10), "a": (10, 15)}
    assert computed(trace) == {"c": (5, 15), "b": (15, 35), "a": (35, 65)}


def test_cpus_have_disciplines_too():
    sketch = Sketch().add("a", ps=3, on="/cpu:0").add("b", ps=2, on="/cpu:0").add("c", ps=1, on="/cpu:0")
    trace = simulate(sketch.placed(machine("cpu", inter_op_threads=1)), discipline="shortest")

    assert computed(trace) == {"c": (0, 1), "b": (1, 3), "a": (3, 6)}


def test_an_unknown_discipline_is_refused_with_those_there_are():
    with pytest.raises(InvalidValue) as caught:
        simulate(Sketch().placed(ONE), discipline="lifo")

    assert str(caught.value) == (
        "discipline='lifo' is not a discipline; choose one of fifo, priority, shortest, longest"
    )


def test_the_catalog_of_disciplines_cannot_be_changed():
    with pytest.raises(TypeError):
        DISCIPLINES["lifo"] = DISCIPLINES["fifo"]
