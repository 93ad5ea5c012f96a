"""Rules of a workload that a machine of the catalog does not come to."""

import pytest

from simgpu.errors import InvalidValue
from simgpu.simulation import NONE, run
from simgpu.units import PS_PER_S
from tests.unit.simulation.sketches import Sketch, spans

S = PS_PER_S
PER_S = 10**12  # a byte takes a picosecond


@pytest.fixture
def sketch():
    return Sketch()


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_a_route_without_channels_takes_its_latency_and_the_time_of_the_bytes_at_their_own_limit(links, sketch):
    route = sketch.route(latency_ps=7)
    first = sketch.move(route, 9)
    sketch.move(route, 9, cap=PER_S // 2)
    sketch.delay(0, after=[first])

    assert spans(run(sketch.workload(), links=links)) == [(0, 7), (0, 7 + 18), (7, 7)]


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_a_route_that_passes_a_channel_twice_uses_it_twice(links, sketch):
    channel = sketch.channel(PER_S)
    sketch.move(sketch.route(channel, channel), 9)

    assert spans(run(sketch.workload(), links=links)) == [(0, 18)]


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_the_speed_of_a_card_changes_at_once_whatever_the_policy_of_links(links, sketch):
    card = sketch.card()
    sketch.compute(sketch.queue(card=card), 30)
    sketch.change(10, card, PER_S // 2)

    assert spans(run(sketch.workload(), links=links)) == [(0, 10 + 2 * 20)]


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_of_several_changes_at_one_time_the_last_one_given_holds(links, sketch):
    channel = sketch.channel(PER_S)
    sketch.move(sketch.route(channel), 2)
    for at_ps, per_s in ((5, 1), (0, PER_S), (0, 3), (0, PER_S // 2)):
        sketch.change(at_ps, channel, per_s)

    assert spans(run(sketch.workload(), links=links)) == [(0, 4)]


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_a_limit_of_its_own_holds_for_a_move_beside_others(links, sketch):
    channel = sketch.channel(PER_S)
    for cap in (PER_S // 4, 0):
        sketch.move(sketch.route(channel), 6, cap=cap)

    assert (
        spans(run(sketch.workload(), links=links))
        == {
            "fair": [(0, 24), (0, 8)],
            "fifo": [(0, 24), (24, 30)],
        }[links]
    )


@pytest.mark.parametrize(
    ("add", "problem"),
    [
        (lambda sketch: sketch.move(NONE, 1, out_gate=0), "task 0 has gates, which only a MOVE on a route has"),
        (lambda sketch: sketch.delay(1, in_gate=1), "task 0 has gates, which only a MOVE on a route has"),
        (lambda sketch: sketch.compute(0, 1, out_gate=1), "task 0 has gates, which only a MOVE on a route has"),
        (lambda sketch: sketch.move(0, 1, out_gate=1, in_gate=1), "task 0 has one gate for out_gate and in_gate"),
        (lambda sketch: sketch.delay(1, launcher=0), "task 0 has a launcher, which only a COMPUTE or a MOVE has"),
    ],
)
def test_a_task_that_cannot_be_meant_is_refused(add, problem, sketch):
    sketch.queue()
    sketch.link(1)
    sketch.gate()
    sketch.gate()
    add(sketch)

    with pytest.raises(InvalidValue, match=problem):
        sketch.workload()
