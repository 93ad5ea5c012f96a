"""Launches: whose thread launches what, and when. Links have 1 GB/s, so that a byte takes 1,000 ps."""

import pytest

from simgpu.costs import Cost, MoveCost
from simgpu.errors import InvalidValue
from simgpu.simulation import NONE, run, simulate
from simgpu.units import PS_PER_S
from tests.engines import each_engine
from tests.unit.program.settings import Sketch as Graph
from tests.unit.program.settings import computed, launched, machine, moved
from tests.unit.simulation.sketches import Sketch, spans, story

S, US = PS_PER_S, 10**6
LINKS = {"host": {"bandwidth": "1 GB/s"}, "gpu": {"bandwidth": "1 GB/s"}}


class Stated:
    """Costs as they are stated: of operations by name, of moves by the kinds of their ends."""

    def __init__(self, moves, **operations):
        self.moves, self.operations = moves, operations

    def cost(self, operation, device):
        return self.operations.get(operation.name, Cost(5))

    def move(self, size_bytes, source, target):
        ends = ["caller" if end is None else end.kind for end in (source, target)]
        return self.moves.get(" -> ".join(ends), MoveCost())


def test_a_launch_cost_of_an_operation_takes_the_place_of_the_models():
    graph = Graph().add("a", ps=None).add("b", ps=None).add("c", ps=None, on="/cpu:0")
    costs = Stated({}, a=Cost(5, launch_ps=7), b=Cost(5), c=Cost(5, launch_ps=9))
    trace = simulate(graph.placed(machine("1 x 1MiB", launch_ps=10)), costs=costs)

    assert launched(trace) == {"a": (0, 7), "b": (7, 17)}
    assert computed(trace) == {"c": (0, 5), "a": (7, 12), "b": (17, 22)}


def test_an_operation_that_takes_no_time_to_launch_is_not_launched():
    costs = Stated({}, a=Cost(5, launch_ps=0))
    trace = simulate(Graph().add("a", ps=None).placed(machine("1 x 1MiB", launch_ps=10)), costs=costs)

    assert (launched(trace), computed(trace)) == ({}, {"a": (0, 5)})


def passing_on(sketch):
    """Add a task, a move of what it makes and a reader of that, all launched by one host, which takes 10 for each."""
    about = {"launcher": 0, "launch_ps": 10}
    queues = sketch.queues(2, **about)
    made = sketch.compute(queues[0], 50)
    arrived = sketch.move(sketch.link(S), 5, after=[made], **about)
    sketch.compute(queues[1], 1, after=[arrived])
    return sketch.workload()


@each_engine
def test_a_host_launches_moves_ahead_as_it_does_operations(engine):
    timeline = run(passing_on(Sketch()), engine=engine)

    assert timeline.launch_start_ps.tolist() == [0, 10, 20]
    assert timeline.launch_cause.tolist() == [NONE, 4 * 0 + 2, 4 * 1 + 2]
    assert timeline.ready_ps.tolist() == [0, 60, 65]
    assert timeline.cause.tolist() == [NONE, 0, 1]
    assert spans(timeline) == [(10, 60), (60, 65), (65, 66)]


@each_engine
def test_without_running_ahead_it_launches_a_move_when_its_predecessors_have_finished(engine):
    timeline = run(passing_on(Sketch()), launch="sync", engine=engine)

    assert timeline.launchable_ps.tolist() == [0, 60, 75]
    assert timeline.launch_cause.tolist() == [NONE, 4 * 0 + 1, 4 * 1 + 1]
    assert timeline.ready_ps.tolist() == [0, 70, 75]
    assert timeline.cause.tolist() == [NONE, NONE, 1]
    assert spans(timeline) == [(10, 60), (70, 75), (85, 86)]


@each_engine
def test_a_move_that_another_host_launches_waits_for_the_end_of_what_it_moves(engine):
    sketch = Sketch()
    made = sketch.compute(sketch.queue(launcher=0, launch_ps=10), 50)
    sketch.move(sketch.link(S), 5, after=[made], launcher=1, launch_ps=3)

    assert spans(run(sketch.workload(), engine=engine)) == [(10, 60), (63, 68)]


@each_engine
def test_operations_and_moves_are_launched_one_at_a_time_in_the_order_of_rank_time_and_number(engine):
    sketch = Sketch()
    queue, route = sketch.queue(4, launcher=0, launch_ps=2), sketch.link(S)
    sketch.compute(queue, 1, rank=1)
    sketch.move(route, 1, rank=1, launcher=0, launch_ps=3)
    sketch.move(route, 1, launcher=0, launch_ps=4)
    sketch.compute(queue, 1)

    assert run(sketch.workload(), engine=engine).launch_start_ps.tolist() == [6, 8, 0, 4]


@each_engine
def test_a_move_in_place_that_is_launched_happens_at_the_end_of_its_launch(engine):
    sketch = Sketch()
    sketch.queue()
    moved_in_place = sketch.move(NONE, 7, launcher=0, launch_ps=4)
    sketch.delay(1, after=[moved_in_place])
    timeline = run(sketch.workload(), engine=engine)

    assert spans(timeline) == [(4, 4), (4, 5)]
    assert story(timeline)[:3] == ["0 is launched", "0 starts", "0 ends"]


@each_engine
def test_on_a_queue_what_was_launched_has_rank_0_among_the_others(engine):
    sketch = Sketch()
    queue = sketch.queue()
    sketch.compute(queue, 10)
    sketch.compute(queue, 1, rank=1)
    sketch.compute(queue, 1, rank=5, launcher=0, launch_ps=3)
    sketch.compute(queue, 1, rank=-1)

    assert spans(run(sketch.workload(), engine=engine)) == [(1, 11), (12, 13), (11, 12), (0, 1)]


def test_the_host_launches_transfers_for_the_gpu_where_they_arrive_or_else_leave():
    graph = Graph().add("x", type="Input", on="/gpu:0", sizes=[1000]).add("a", "x", ps=None, sizes=[2000])
    graph.add("b", "a", ps=None, on="/gpu:1").add("c", "a", ps=None, on="/cpu:0", sizes=[1000]).fetch("a", "c")
    costs = Stated(dict.fromkeys(["caller -> GPU", "GPU -> GPU", "GPU -> CPU", "GPU -> caller"], MoveCost(10)))
    trace = simulate(graph.placed(machine("2 x 1MiB", links=LINKS)), costs=costs)
    spans = [(span.kind, span.name, span.resource[-5:], span.start_ps, span.end_ps) for span in trace.spans]
    causes = {trace.spans[span.cause].kind for span in trace.spans if span.name == "x" and span.kind == "transfer"}

    assert [it[1:] for it in spans if it[0] == "launch"] == [
        ("x", "GPU:0", 0, 10),
        ("a", "GPU:1", US + 15, US + 25),
        ("a", "GPU:0", US + 15, US + 25),
        ("a", "GPU:0", US + 25, US + 35),
    ]
    assert causes == {"launch"}


@pytest.mark.parametrize(("launchers", "second"), [("device", (0, 10)), ("host", (10, 20))])
def test_the_gpus_of_a_host_may_share_the_thread_that_launches(launchers, second):
    graph = Graph().add("a", ps=5).add("b", ps=5, on="/gpu:1")
    trace = simulate(graph.placed(machine("2 x 1MiB", launch_ps=10)), launchers=launchers)

    assert launched(trace) == {"a": (0, 10), "b": second}


def test_gpus_of_two_hosts_never_share_it():
    graph = Graph().add("a", ps=5).add("b", ps=5, on="/job:worker/task:1/gpu:0")
    on = machine(hosts=[{"gpus": "1 x 1MiB", "job": "worker"}, {"gpus": "1 x 1MiB", "job": "worker"}], launch_ps=10)

    assert launched(simulate(graph.placed(on), launchers="host")) == {"a": (0, 10), "b": (0, 10)}


def timed(time_ps, links, on, size=1000):
    graph = Graph().add("a", on="/gpu:0", sizes=[size]).add("b", "a", on="/gpu:1")
    (times,) = moved(
        simulate(graph.placed(on), costs=Stated({"GPU -> GPU": MoveCost(0, time_ps)}), links=links)
    ).values()
    return times[1] - times[0]


@pytest.mark.parametrize(("links", "least_ps"), [("fair", US), ("fifo", 2 * US)])
@pytest.mark.parametrize("time_ps", [None, 0, US, 4 * US, 10 * US])
def test_a_transfer_alone_takes_the_time_that_its_cost_states_or_what_the_links_take(links, least_ps, time_ps):
    takes_ps = max(least_ps, time_ps or 0)

    assert timed(time_ps, links, machine("2 x 1MiB", links=LINKS)) == takes_ps


def test_a_transfer_of_nothing_takes_its_latency():
    assert timed(US, "fair", machine("2 x 1MiB", links=LINKS), size=0) == 0


def test_a_transfer_within_one_memory_takes_the_time_that_its_cost_states():
    graph = Graph().add("x", type="Input", on="/cpu:0", sizes=[8]).add("a", "x", ps=None, on="/cpu:0")
    trace = simulate(graph.placed(machine("cpu")), costs=Stated({"caller -> CPU": MoveCost(time_ps=9)}))

    assert (moved(trace), computed(trace)) == ({"x: caller -> CPU:0": (0, 9)}, {"a": (9, 14)})


def test_a_model_whose_transfers_cost_no_cost_is_refused():
    graph = Graph().add("a", ps=None, sizes=[8]).fetch("a")
    with pytest.raises(InvalidValue) as caught:
        simulate(graph.placed(machine("1 x 1MiB")), costs=Stated({"GPU -> caller": 7}))

    assert str(caught.value) == (
        "8 B from /job:localhost/replica:0/task:0/device:GPU:0 to the caller cost 7; `move` of a cost model must give "
        "a MoveCost"
    )


def test_under_fifo_only_the_faster_hops_of_a_transfer_are_slowed_down_to_make_up_its_time():
    hosts = [{"gpus": "1 x 1MiB", "job": "worker"}] * 2
    on = machine(hosts=hosts, links={"host": {"bandwidth": "2 GB/s"}, "network": {"bandwidth": "500 MB/s"}})
    graph = Graph().add("a", on="/task:0/gpu:0", sizes=[1000]).add("b", "a", on="/task:1/gpu:0")
    costs = Stated({"GPU -> GPU": MoveCost(time_ps=6 * US)})  # by links 0.5 + 2 + 2 + 0.5; with 1 GB/s 1 + 2 + 2 + 1
    trace = simulate(graph.placed(on), costs=costs, links="fifo")

    assert list(moved(trace).values()) == [(0, 6 * US)]
