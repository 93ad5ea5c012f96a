"""Streams: several queues of one GPU, which share its speed. `stream` says which one an operation goes to."""

import pytest

from simgpu.errors import GraphError, InvalidValue
from simgpu.simulation import run, simulate
from tests.engines import each_engine
from tests.unit.program.settings import Sketch, computed, launched, machine
from tests.unit.simulation import sketches

ONE = machine("1 x 1MiB")


def test_operations_of_two_streams_share_the_speed_of_their_gpu():
    sketch = Sketch().add("a", ps=4, stream=0).add("b", ps=6, stream=1).add("c", ps=2, stream=1)

    assert computed(simulate(sketch.placed(ONE), streams=2)) == {"a": (0, 8), "b": (0, 10), "c": (10, 12)}


def test_operations_of_one_stream_come_one_after_the_other_however_many_streams_there_are():
    sketch = Sketch().add("a", ps=4, stream=1).add("b", ps=6, stream=1).add("c", ps=2, stream=1)

    assert computed(simulate(sketch.placed(ONE), streams=4)) == {"a": (0, 4), "b": (4, 10), "c": (10, 12)}


def test_operations_that_choose_no_stream_take_the_first():
    sketch = Sketch().add("a", ps=4).add("b", ps=4).add("c", ps=4, stream=0)

    assert computed(simulate(sketch.placed(ONE), streams=2)) == {"a": (0, 4), "b": (4, 8), "c": (8, 12)}


def test_an_operation_waits_for_one_of_another_stream_as_for_an_event():
    sketch = Sketch().add("a", ps=4, stream=0).add("b", ps=3, stream=1, after=["a"]).add("c", ps=3, stream=0)

    assert computed(simulate(sketch.placed(ONE), streams=2)) == {"a": (0, 4), "b": (4, 10), "c": (4, 10)}


def test_an_operation_that_waits_for_an_event_holds_up_its_stream():
    sketch = Sketch().add("a", ps=40, stream=0).add("b", ps=3, stream=1, after=["a"]).add("c", ps=3, stream=1)
    trace = simulate(sketch.placed(machine("1 x 1MiB", launch_ps=5)), streams=2)

    assert launched(trace) == {"a": (0, 5), "c": (5, 10), "b": (10, 15)}
    assert computed(trace) == {"c": (10, 16), "a": (5, 48), "b": (48, 51)}


def test_one_host_launches_to_all_streams_of_a_gpu_one_operation_at_a_time():
    sketch = Sketch().add("a", ps=100, stream=0).add("b", ps=100, stream=1).add("c", ps=5, stream=2)
    trace = simulate(sketch.placed(machine("1 x 1MiB", launch_ps=10)), streams=3)

    assert launched(trace) == {"a": (0, 10), "b": (10, 20), "c": (20, 30)}
    assert computed(trace) == {"c": (30, 45), "a": (10, 205), "b": (20, 215)}


def test_every_gpu_has_streams_of_its_own():
    sketch = Sketch().add("a", ps=4, stream=1).add("b", ps=4, stream=1, on="/gpu:1")

    assert computed(simulate(sketch.placed(machine("2 x 1MiB")), streams=2)) == {"a": (0, 4), "b": (0, 4)}


@pytest.mark.parametrize(("compute", "ends"), [("shared", (12, 12, 12)), ("exclusive", (8, 8, 4))])
def test_streams_of_slices_share_the_card_or_have_the_speed_of_one_each(compute, ends):
    sketch = Sketch().add("a", ps=4, stream=0).add("b", ps=4, stream=1).add("c", ps=4, on="/gpu:1")
    halves = machine("1 x 1MiB", split={"GPU:0": 2}, compute=compute)
    trace = simulate(sketch.placed(halves), streams=2)

    assert [computed(trace)[name] for name in "abc"] == [(0, end) for end in ends]


def test_operations_of_a_cpu_have_no_use_for_a_stream():
    sketch = Sketch().add("a", ps=4, stream=7, on="/cpu:0").add("b", ps=4, on="/cpu:0")

    assert computed(simulate(sketch.placed(machine("cpu", inter_op_threads=1)))) == {"a": (0, 4), "b": (4, 8)}


def test_a_stream_that_is_not_there_is_refused_with_what_to_do():
    with pytest.raises(GraphError) as caught:
        simulate(Sketch().add("a", ps=4, stream=2).placed(ONE), streams=2)

    assert str(caught.value) == ("operation 'a' is for stream 2, and each GPU has 2; simulate with streams=3")


@pytest.mark.parametrize("stream", [-1, 1.0, True, "1", None])
def test_a_stream_is_a_number(stream):
    with pytest.raises(GraphError) as caught:
        simulate(Sketch().add("a", ps=4, stream=stream).placed(ONE), streams=2)

    assert str(caught.value) == f"operation 'a' has stream {stream!r}; it must be an int of 0 or more"


@pytest.mark.parametrize("streams", [0, 1025, 2.0, True, "2"])
def test_there_are_from_1_to_1024_streams(streams):
    with pytest.raises(InvalidValue) as caught:
        simulate(Sketch().placed(ONE), streams=streams)

    assert str(caught.value) == f"streams={streams!r} is not a number of streams; give an int from 1 to 1024"


@each_engine
def test_queues_on_one_card_share_it_and_a_slower_card_takes_longer(engine):
    sketch = sketches.Sketch()
    for card in (sketch.card(), sketch.card(10**12 // 2)):
        for queue in sketch.queues(2, card=card):
            sketch.compute(queue, 10, parts=3)

    assert sketches.spans(run(sketch.workload(), engine=engine)) == [(0, 60), (0, 60), (0, 120), (0, 120)]


@each_engine
@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_a_card_that_slows_down_does_so_for_what_is_on_it(links, engine):
    sketch = sketches.Sketch()
    card = sketch.card()
    sketch.compute(sketch.queue(card=card), 100)
    sketch.change(40, card, 10**12 // 4)
    sketch.change(80, card, 10**12)

    assert sketches.spans(run(sketch.workload(), links=links, engine=engine)) == [(0, 130)]
