"""Following the order of another run."""

from dataclasses import replace

import numpy as np
import pytest

from simgpu.errors import InvalidValue, OutOfDeviceMemory
from simgpu.execution import execute
from simgpu.simulation import simulate
from simgpu.trace import Action, compare
from tests.unit.program.settings import AsTold, Sketch, computed, machine

ONE, TWO = machine("1 x 4KiB"), machine("2 x 4KiB")
FOREIGN = "the trace to follow is of another graph or placement; follow one of the same program"


def diamond(*, slow="a"):
    """Return a program whose order on GPU:0 depends on which of a and b is slow."""
    sketch = Sketch().add("a", on="/cpu:0", ps=90 if slow == "a" else 10, sizes=[8])
    sketch.add("b", on="/gpu:1", ps=50, sizes=[8])
    return sketch.add("after a", ps=5, sizes=[512], after=["a"]).add("after b", ps=5, sizes=[1024], after=["b"])


@pytest.mark.parametrize(("slow", "order"), [("a", ["after b", "after a"]), ("b", ["after a", "after b"])])
def test_a_run_starts_and_finishes_everything_in_the_order_of_the_trace(slow, order):
    started = []
    sketch = diamond(slow=slow)
    data = sketch.builder._data
    for name, attributes in zip(data.names, data.attributes, strict=True):
        attributes["does"] = lambda *_, name=name: started.append(name)
    placement = sketch.placed(TWO)
    predicted = simulate(placement)
    _, ran = execute(placement, storage=AsTold(), follow=predicted)

    assert [name for name in started if name.startswith("after")] == order
    assert ran.actions == predicted.actions
    assert compare(predicted, ran)
    assert list(computed(ran)) == list(computed(predicted))


def test_a_run_can_be_followed_by_another_run():
    placement = diamond().placed(TWO)
    _, first = execute(placement, storage="shape")
    _, second = execute(placement, storage="shape", follow=first)

    assert (second.actions, [second.ledger_hash(d) for d in range(3)]) == (
        first.actions,
        [first.ledger_hash(d) for d in range(3)],
    )


def test_values_are_the_same_whatever_order_is_followed():
    def increase(inputs, outputs):
        np.add(inputs[0], 1, out=outputs[0])

    sketch = Sketch().add("x", type="Input", sizes=[2])
    for number in range(12):
        before = f"op{number - 1}" if number else "x"
        sketch.add(f"op{number}", before, on=f"/gpu:{number % 2}", sizes=[2], does=increase)
    placement = sketch.fetch("op11").placed(TWO)
    feeds = {"x": np.uint8([0, 30])}
    outputs, _ = execute(placement, feeds, storage=AsTold(), follow=simulate(placement))

    assert outputs["op11"].tolist() == [12, 42]


def test_the_order_for_another_machine_with_the_same_devices_can_be_followed():
    placement = diamond().placed(TWO)
    larger = machine("2 x 1MiB", links={"host": {"bandwidth": "1 kB/s"}})

    predicted = simulate(placement, machine=larger)
    _, ran = execute(placement, storage="shape", follow=predicted)

    assert compare(predicted, ran)
    assert ran.actions == predicted.actions


@pytest.mark.parametrize(
    "other",
    [
        Sketch().add("a").add("c", "a"),
        Sketch().add("a").add("b", "a", on="/cpu:0"),
        Sketch().add("a"),
    ],
    ids=["another name", "another device", "fewer operations"],
)
def test_a_trace_of_another_program_is_refused(other):
    placement = Sketch().add("a").add("b", "a").placed(ONE)
    with pytest.raises(InvalidValue) as caught:
        execute(placement, storage="shape", follow=simulate(other.placed(ONE)))

    assert str(caught.value) == FOREIGN


def test_a_trace_that_starts_what_is_not_ready_here_is_refused():
    placement = Sketch().add("a").add("b", "a", on="/gpu:1").add("c", "b", on="/cpu:0").placed(TWO)
    other = Sketch().add("a").add("b", "a", on="/gpu:1").add("c", "a", on="/cpu:0").placed(TWO)
    with pytest.raises(InvalidValue) as caught:
        execute(placement, storage="shape", follow=simulate(other))

    assert str(caught.value) == FOREIGN


@pytest.mark.parametrize(
    "actions",
    [
        [Action(0, True)],
        [Action(0, False), Action(0, False)],
        [Action(0, False), Action(0, True), Action(0, True)],
        [Action(1, False)],
        [Action(7, False)],
    ],
    ids=["a finish first", "two starts", "two finishes", "not ready", "no such task"],
)
def test_an_order_that_no_run_can_have_is_refused_at_once(actions):
    placement = Sketch().add("a").add("b", "a").placed(ONE)
    with pytest.raises(InvalidValue) as caught:
        execute(placement, storage="shape", follow=replace(simulate(placement), actions=actions))

    assert str(caught.value) == FOREIGN


def test_a_trace_that_ends_too_early_is_refused():
    placement = Sketch().add("a").add("b", "a").add("c", "b").placed(ONE)
    trace = simulate(placement)
    with pytest.raises(InvalidValue) as caught:
        execute(placement, storage="shape", follow=replace(trace, actions=trace.actions[:3]))

    assert str(caught.value) == "the trace to follow ends with 2 tasks left to run"


def test_out_of_memory_comes_at_the_same_operation_on_every_storage():
    sketch = Sketch().add("a", sizes=[1024], ps=3).add("b", "a", sizes=[2048], ps=3).add("c", "b", sizes=[2048], ps=3)
    placement = sketch.fetch("a").placed(machine("1 x 4KiB", links={"host": {"bandwidth": "1 B/s"}}))
    shortages, traces = [], []
    with pytest.raises(OutOfDeviceMemory) as caught:
        simulate(placement)
    for storage in (AsTold(), "shape"):
        with pytest.raises(OutOfDeviceMemory) as ran:
            execute(placement, storage=storage, follow=caught.value.trace)
        shortages.append(ran.value.shortage)
        traces.append(ran.value.trace)

    assert shortages == [caught.value.shortage] * 2
    assert caught.value.shortage.owner == "c"
    assert [trace.actions for trace in traces] == [caught.value.trace.actions] * 2
    assert [bool(compare(trace, caught.value.trace)) for trace in traces] == [True, True]
