import pytest

from simgpu.simulation import run
from simgpu.simulation.clock import Clock
from simgpu.simulation.private_links import private_routes
from simgpu.units import PS_PER_S
from tests.engines import each_engine
from tests.unit.simulation.sketches import Sketch

S = PS_PER_S


@pytest.fixture
def sketch():
    return Sketch()


def lone_route(sketch, *, latency_ps=1, **about):
    return sketch.route(sketch.channel(10, **about), latency_ps=latency_ps)


def test_a_route_of_one_channel_that_is_on_no_other_is_private(sketch):
    lone_route(sketch)

    assert private_routes(sketch.workload()).tolist() == [True]


def test_routes_over_one_channel_are_private_if_they_have_the_same_latency(sketch):
    one, other = sketch.channel(10), sketch.channel(10)
    for channel, latency_ps in ((one, 5), (one, 5), (other, 5), (other, 6)):
        sketch.route(channel, latency_ps=latency_ps)

    assert private_routes(sketch.workload()).tolist() == [True, True, False, False]


def test_a_channel_of_a_longer_route_is_nobodys_own(sketch):
    lone_route(sketch)
    lone_route(sketch)
    sketch.route(0, 0, latency_ps=1)

    assert private_routes(sketch.workload()).tolist() == [False, True, False]


@pytest.mark.parametrize("about", [{"latency_ps": 0}, {"is_fatpipe": True}])
def test_a_route_without_latency_and_a_fat_pipe_are_not_private(sketch, about):
    lone_route(sketch, **about)

    assert private_routes(sketch.workload()).tolist() == [False]


def test_a_channel_whose_capacity_changes_is_not_private(sketch):
    lone_route(sketch)
    sketch.change(7, 0, 5)

    assert private_routes(sketch.workload()).tolist() == [False]


def test_a_channel_on_which_one_move_has_a_limit_of_its_own_is_not_private(sketch):
    lone_route(sketch)
    lone_route(sketch)
    sketch.move(0, 10, cap=5)
    sketch.move(0, 10)
    sketch.move(1, 10)

    assert private_routes(sketch.workload()).tolist() == [False, True]


def test_a_card_is_not_private(sketch):
    sketch.queue(card=sketch.card())
    sketch.route(0, latency_ps=1)

    assert private_routes(sketch.workload()).tolist() == [False]


def ends(sketch, engine, *moves):
    """Run moves (start, amount) over a private link of 10 bytes a second and a latency of a second."""
    lone_route(sketch, latency_ps=S)
    for start_ps, amount in moves:
        sketch.move(0, amount, release_ps=start_ps)
    assert private_routes(sketch.workload()).all()
    return run(sketch.workload(), engine=engine).end_ps.tolist()


@each_engine
def test_a_move_alone_has_the_whole_link_once_its_latency_has_passed(sketch, engine):
    assert ends(sketch, engine, (0, 10), (10 * S, 20)) == [2 * S, 13 * S]


@each_engine
def test_who_comes_in_while_another_flows_shares_with_it_from_then_on(sketch, engine):
    assert ends(sketch, engine, (0, 10), (S // 2, 10)) == [5 * S // 2, 3 * S]


@each_engine
def test_who_has_less_to_move_ends_first_whoever_came_first(sketch, engine):
    assert ends(sketch, engine, (0, 100), (S, 5), (2 * S, 5)) == [12 * S, 3 * S, 4 * S]


@each_engine
def test_who_comes_in_when_another_ends_does_not_share_with_it(sketch, engine):
    assert ends(sketch, engine, (0, 10), (S, 10), (S, 10)) == [2 * S, 4 * S, 4 * S]


@each_engine
def test_who_starts_before_another_ends_but_comes_in_after_it_waits_for_nobody(sketch, engine):
    assert ends(sketch, engine, (0, 10), (3 * S // 2, 10)) == [2 * S, 7 * S // 2]


@each_engine
def test_many_end_together_and_the_rest_goes_on(sketch, engine):
    assert ends(sketch, engine, *[(0, 10)] * 5, (0, 20)) == [7 * S] * 5 + [8 * S]


@each_engine
def test_what_has_nothing_to_move_takes_its_latency_and_disturbs_nobody(sketch, engine):
    assert ends(sketch, engine, (0, 10), (0, 0)) == [2 * S, S]


@pytest.mark.parametrize("size", [10**6, 10**6 + 1, 10**7 + 7])
@each_engine
def test_what_moves_alone_ends_to_the_picosecond(sketch, engine, size):
    sketch.route(sketch.channel(3 * S), latency_ps=5)
    sketch.move(0, size)

    assert run(sketch.workload(), engine=engine).end_ps.tolist() == [5 - (-size // 3)]


def test_what_moves_alone_ends_to_the_picosecond_however_much_it_is(sketch):
    sketch.route(sketch.channel(3), latency_ps=5)
    sketch.move(0, 2**62 + 7)

    assert run(sketch.workload()).end_ps.tolist() == [5 - (-(2**62 + 7) * S // 3)]


@each_engine
def test_what_would_end_as_it_comes_in_shares_with_all_who_come_in_at_that_instant(sketch, engine):
    sketch.route(sketch.channel(8 * 10**15), latency_ps=5)  # so fast that the shares of two bytes take less than a tick
    for after in ((), (), (0,)):
        sketch.move(0, 1, after=after)

    assert run(sketch.workload(), engine=engine).end_ps.tolist() == [5, 5, 11]


@each_engine
def test_one_that_was_due_now_and_now_is_at_the_end_of_this_instant_is_no_flow_of_a_fluid(sketch, engine):
    private, fluid = sketch.link(8 * 10**15, route_latency_ps=5), sketch.link(10**12)
    sketch.move(private, 5, release_ps=1)
    sketch.move(private, 12_005)
    sketch.move(fluid, 7)

    assert run(sketch.workload(), engine=engine).end_ps.tolist() == [7, 7, 7]


@each_engine
def test_many_that_start_and_end_together_are_told_the_clock_once_each(sketch, engine, monkeypatch):
    told = []
    after = Clock.after
    monkeypatch.setattr(Clock, "after", lambda clock, *about: (told.append(about), after(clock, *about))[1])
    lone_route(sketch)
    for _ in range(1000):
        sketch.move(0, 10)

    assert set(run(sketch.workload(), engine=engine).end_ps.tolist()) == {1000 * S + 1}
    assert len(told) == (1001 if engine == "simpy" else 0)  # the first one of all was alone at first
