"""Tasks of every sort on resources of every sort, by example."""

import pytest

from simgpu.errors import InvalidValue
from simgpu.simulation import run
from simgpu.units import PS_PER_S
from tests.engines import each_engine
from tests.unit.simulation.sketches import Sketch, spans, story

S = PS_PER_S


@pytest.fixture
def sketch():
    return Sketch()


@each_engine
def test_nothing_takes_no_time(engine, sketch):
    timeline = run(sketch.workload(), engine=engine)

    assert (timeline.makespan_ps, story(timeline), spans(timeline)) == (0, [], [])


@each_engine
def test_a_task_is_not_ready_before_its_release_nor_before_what_it_waits_for(engine, sketch):
    queue = sketch.queue(8)
    slow = sketch.compute(queue, 5)
    sketch.compute(queue, 1, release_ps=3)
    sketch.compute(queue, 1, release_ps=3, after=[slow])
    sketch.compute(queue, 1, release_ps=9, after=[slow])
    timeline = run(sketch.workload(), engine=engine)

    assert timeline.ready_ps.tolist() == [0, 3, 5, 9]
    assert timeline.cause.tolist() == [-1, -1, slow, -1]
    assert spans(timeline) == [(0, 5), (3, 4), (5, 6), (9, 10)]


@each_engine
def test_a_delay_takes_its_time_on_nothing_however_many_there_are(engine, sketch):
    first = sketch.delay(4)
    for _ in range(3):
        sketch.delay(5, after=[first], release_ps=2)
    sketch.delay(0, after=[1, 2, 3])

    assert spans(run(sketch.workload(), engine=engine)) == [(0, 4), (4, 9), (4, 9), (4, 9), (9, 9)]


@each_engine
def test_a_queue_has_as_many_at_work_as_it_has_slots(engine, sketch):
    queue = sketch.queue(2)
    for ps in (5, 2, 2, 2):
        sketch.compute(queue, ps)

    assert spans(run(sketch.workload(), engine=engine)) == [(0, 5), (0, 2), (2, 4), (4, 6)]


@each_engine
def test_a_queue_serves_by_rank_then_by_arrival_then_by_number(engine, sketch):
    queue = sketch.queue()
    sketch.compute(queue, 10, rank=9)
    sketch.compute(queue, 1, rank=1, release_ps=3)
    sketch.compute(queue, 1, rank=1, release_ps=2)
    sketch.compute(queue, 1, rank=1, release_ps=2)
    sketch.compute(queue, 1, rank=-5, release_ps=4)

    assert spans(run(sketch.workload(), engine=engine)) == [(0, 10), (13, 14), (11, 12), (12, 13), (10, 11)]


@each_engine
def test_the_parts_of_a_task_use_the_threads_of_the_pool_and_no_others(engine, sketch):
    queue, other = sketch.queue(2, pool=sketch.pool(2)), sketch.queue(pool=sketch.pool(3))
    sketch.compute(queue, 4, parts=3)
    sketch.compute(queue, 2, parts=2)
    sketch.compute(other, 4, parts=3)

    assert spans(run(sketch.workload(), engine=engine)) == [(0, 8), (0, 8), (0, 4)]


@each_engine
def test_queues_may_share_a_pool_and_without_one_parts_come_one_after_the_other(engine, sketch):
    pool = sketch.pool(2)
    for queue in (sketch.queue(pool=pool), sketch.queue(pool=pool), sketch.queue()):
        sketch.compute(queue, 3, parts=2)

    assert spans(run(sketch.workload(), engine=engine)) == [(0, 3), (0, 6), (0, 6)]


@each_engine
def test_parts_that_take_no_time_take_no_time(engine, sketch):
    queue = sketch.queue(pool=sketch.pool(1))
    sketch.compute(queue, 0, parts=5)
    sketch.compute(queue, 1)

    assert spans(run(sketch.workload(), engine=engine)) == [(0, 0), (0, 1)]


@each_engine
@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_a_move_in_place_takes_no_time_and_what_follows_it_keeps_its_turn(links, engine, sketch):
    queue = sketch.queue()
    last = sketch.compute(queue, 1, after=[2])
    sketch.compute(queue, 1)
    sketch.move(-1, 10**18)
    timeline = run(sketch.workload(), links=links, engine=engine)

    assert spans(timeline) == [(0, 1), (1, 2), (0, 0)]
    assert timeline.cause[last] == 2
    assert story(timeline) == ["2 starts", "2 ends", "0 starts", "0 ends", "1 starts", "1 ends"]


@each_engine
@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_a_route_of_no_channels_takes_its_latency(links, engine, sketch):
    sketch.move(sketch.route(latency_ps=7), 10)
    timeline = run(sketch.workload(), links=links, engine=engine)

    assert (spans(timeline), story(timeline)) == ([(0, 7)], ["0 starts", "0 ends"])


@each_engine
@pytest.mark.parametrize(("links", "cap", "end_ps"), [
    ("fair", 0, 3 + 5),
    ("fifo", 0, (2 + 5) + (1 + 4)),
    ("fair", 2 * S, 3 + 10),
    ("fifo", 2 * S, (2 + 10) + (1 + 10)),
])  # fmt: skip
def test_fair_links_are_crossed_at_once_fifo_links_one_by_one_and_neither_beyond_the_limit(
    links, cap, end_ps, engine, sketch
):
    slow, fast = sketch.channel(4 * S, latency_ps=2), sketch.channel(5 * S, latency_ps=1)
    sketch.move(sketch.route(slow, fast, latency_ps=3), 20, cap=cap)

    assert spans(run(sketch.workload(), links=links, engine=engine)) == [(0, end_ps)]


@each_engine
def test_moves_through_a_gate_go_by_readiness_then_by_number_and_one_that_waits_for_another_holds_nobody_up(
    engine, sketch
):
    out, into, other = sketch.gate(), sketch.gate(), sketch.gate()
    route = sketch.route(latency_ps=10)
    sketch.move(route, 0, in_gate=into)
    sketch.move(route, 0, out_gate=out, in_gate=into, release_ps=2)
    sketch.move(route, 0, out_gate=out, in_gate=other, release_ps=3)
    sketch.move(route, 0, out_gate=out, release_ps=1, after=[0])

    assert spans(run(sketch.workload(), engine=engine)) == [(0, 10), (13, 23), (3, 13), (23, 33)]


@each_engine
def test_all_that_ends_at_an_instant_ends_before_anything_starts_each_in_the_order_of_numbers(engine, sketch):
    first, second = sketch.queues(2)
    sketch.compute(second, 1, after=[3])
    sketch.compute(first, 1, after=[2])
    sketch.compute(second, 2)
    sketch.compute(first, 2)

    assert story(run(sketch.workload(), engine=engine)) == [
        "3 starts",
        "2 starts",
        "2 ends",
        "3 ends",
        "1 starts",
        "0 starts",
        "0 ends",
        "1 ends",
    ]


def launches(sketch):
    """Add a task, another on the same card that waits for it, and one on another card that waits for both."""
    cards = [sketch.queue(card=sketch.card(), launcher=launcher, launch_ps=10) for launcher in range(2)]
    before = sketch.compute(cards[0], 50)
    after = sketch.compute(cards[0], 5, after=[before])
    sketch.compute(cards[1], 5, after=[before, after])
    return sketch.workload()


@each_engine
def test_a_host_launches_ahead_what_waits_for_its_own_card_alone(engine, sketch):
    timeline = run(launches(sketch), engine=engine)

    assert timeline.launchable_ps.tolist() == [0, 10, 65]
    assert timeline.launch_start_ps.tolist() == [0, 10, 65]
    assert timeline.launch_end_ps.tolist() == [10, 20, 75]
    assert timeline.launch_cause.tolist() == [-1, 4 * 0 + 2, 4 * 1 + 1]
    assert spans(timeline) == [(10, 60), (60, 65), (75, 80)]
    assert story(timeline)[:4] == ["0 is launched", "0 starts", "1 is launched", "0 ends"]


@each_engine
def test_a_host_that_does_not_run_ahead_launches_what_is_ready(engine, sketch):
    timeline = run(launches(sketch), launch="sync", engine=engine)

    assert timeline.launchable_ps.tolist() == [0, 60, 75]
    assert timeline.launch_cause.tolist() == [-1, 4 * 0 + 1, 4 * 1 + 1]
    assert spans(timeline) == [(10, 60), (70, 75), (85, 90)]


@each_engine
def test_nothing_is_launched_before_its_release(engine, sketch):
    queue = sketch.queue(launcher=0, launch_ps=2)
    before = sketch.compute(queue, 1)
    sketch.compute(queue, 1, release_ps=30, after=[before])

    assert run(sketch.workload(), engine=engine).launch_start_ps.tolist() == [0, 30]


@each_engine
def test_without_a_launch_cost_nothing_is_launched(engine, sketch):
    sketch.compute(sketch.queue(launcher=0), 1)
    timeline = run(sketch.workload(), engine=engine)

    assert (timeline.launch_end_ps.tolist(), spans(timeline)) == ([-1], [(0, 1)])


@each_engine
def test_a_link_that_slows_down_does_so_at_once_if_fair_and_for_the_next_one_if_fifo(engine, sketch):
    channel = sketch.channel(4 * S)
    for _ in range(2):
        sketch.move(sketch.route(channel), 8)
    sketch.change(1, channel, S)
    workload = sketch.workload()

    assert spans(run(workload, engine=engine)) == [(0, 13), (0, 13)]
    assert spans(run(workload, links="fifo", engine=engine)) == [(0, 2), (2, 10)]


@each_engine
@pytest.mark.parametrize("links", ["fair", "fifo"])
@pytest.mark.parametrize("size", [10**18, 10**18 + 1, 2**62 + 7])
def test_a_transfer_of_quintillions_of_bytes_ends_to_the_picosecond(size, links, engine, sketch):
    per_s = 7 * 10**12
    sketch.move(sketch.link(per_s), size, release_ps=5)

    assert spans(run(sketch.workload(), links=links, engine=engine)) == [(5, 5 - (-size * S // per_s))]


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_times_beyond_64_bits_are_exact_too(links, sketch):
    first = sketch.move(sketch.link(1), 10**18)
    sketch.delay(1, after=[first])

    assert spans(run(sketch.workload(), links=links, engine="simpy")) == [(0, 10**30), (10**30, 10**30 + 1)]


@each_engine
def test_thousands_of_cards_work_at_the_same_time(engine, sketch):
    for launcher in range(4096):
        queue = sketch.queue(card=sketch.card(), launcher=launcher, launch_ps=3)
        sketch.compute(queue, 10 + launcher)
    timeline = run(sketch.workload(), engine=engine)

    assert spans(timeline) == [(3, 13 + launcher) for launcher in range(4096)]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"links": "lifo"}, "links='lifo' is not a link policy; choose one of fair, fifo"),
        ({"launch": "eager"}, "launch='eager' is not a mode of launching; choose one of sync, async"),
        ({"engine": "simgrid"}, "engine='simgrid' is not an engine; choose one of simpy, compiled, auto"),
    ],
    ids=str,
)
def test_an_option_that_there_is_not_is_refused(option, words, sketch):
    with pytest.raises(InvalidValue) as caught:
        run(sketch.workload(), **option)

    assert str(caught.value) == words


def test_timelines_are_equal_by_what_they_hold():
    def lasting(ps):
        sketch = Sketch()
        sketch.delay(ps)
        return run(sketch.workload())

    assert lasting(5) == lasting(5)
    assert lasting(5) != lasting(6)
    assert lasting(5) != "a timeline"
