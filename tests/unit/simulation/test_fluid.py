import pytest

from simgpu.simulation.clock import Clock, Phase
from simgpu.simulation.fluid import Flow, Fluid
from simgpu.units import PS_PER_S

S = PS_PER_S


def ends(capacities, *flows, pipes=(), limits=(), changes=()):
    """Run flows (start, amount, channels) under changes of capacity (time, channel, capacity); return their ends."""
    clock, ended = Clock(), {}
    is_fatpipe = [channel in pipes for channel in range(len(capacities))]
    fluid = Fluid(clock, capacities, is_fatpipe, lambda number: ended.update({number: clock.now_ps}))
    limit = dict(enumerate(limits))
    for number, (start_ps, amount, channels) in enumerate(flows):
        flow = Flow(number, amount, fluid.way(channels), limit.get(number, 0))
        clock.after(start_ps, Phase.LATENCY_OVER + number, fluid.begin, flow)
    for change_ps, *change in changes:
        clock.after(change_ps, Phase.CAPACITY + change[0], lambda change: fluid.change_capacity(*change), change)
    clock.run()
    return [ended[number] for number in range(len(flows))]


def test_a_flow_alone_has_the_whole_channel():
    assert ends([4], (0, 8, (0,))) == [2 * S]


def test_a_flow_moves_at_the_rate_of_its_slowest_channel():
    assert ends([8, 2, 4], (0, 8, (0, 1, 2))) == [4 * S]


def test_equal_flows_end_together():
    assert ends([10], *[(0, 10, (0,))] * 5) == [5 * S] * 5


def test_the_rest_is_shared_anew_when_a_flow_ends():
    assert ends([1], (0, 1, (0,)), (0, 2, (0,)), (0, 3, (0,))) == [3 * S, 5 * S, 6 * S]


def test_a_flow_that_comes_later_takes_its_share_from_then_on():
    assert ends([10], (0, 10, (0,)), (S // 2, 10, (0,))) == [3 * S // 2, 2 * S]


def test_what_one_flow_cannot_use_goes_to_the_others():
    assert ends([12, 2], (0, 2, (0, 1)), (0, 10, (0,))) == [S, S]


def test_shares_are_max_min_fair_and_not_proportional():
    # two flows fill channel 0 with 1 each; the third has the 3 that they leave of channel 1
    assert ends([2, 4], (0, 4, (0,)), (0, 4, (0, 1)), (0, 12, (1,))) == [4 * S, 4 * S, 4 * S]


def test_a_fat_pipe_gives_every_flow_its_full_capacity():
    assert ends([4], *[(0, 4, (0,))] * 3, pipes=[0]) == [S, S, S]


def test_a_flow_over_a_fat_pipe_and_another_channel_is_bound_by_both():
    flows = [(0, 2, (0, 1)), (0, 4, (1,)), (0, 2, (0,))]

    assert ends([2, 6], *flows, pipes=[0]) == [S, S, S]


@pytest.mark.parametrize(("amount", "channels"), [(0, (0,)), (5, ())])
def test_nothing_to_move_and_nowhere_to_move_take_no_time(amount, channels):
    assert ends([1], (7, amount, channels), (0, 1, (0,))) == [7, S]


def test_a_duration_is_rounded_up_to_a_tick():
    assert ends([3], (0, 1, (0,))) == [S // 3 + 1]


@pytest.mark.parametrize("seconds", [1, 10, 1000, 10**6])
def test_a_duration_that_is_whole_is_not_rounded_up_however_long_it_is(seconds):
    for count in range(1, 12):
        assert ends([S], *[(0, seconds * S, (0,))] * count) == [count * seconds * S] * count


def test_a_flow_has_no_more_than_its_limit_and_leaves_the_rest_to_others():
    assert ends([10], (0, 10, (0,)), (0, 8, (0,)), limits=[2]) == [5 * S, S]


def test_a_limit_alone_will_do():
    assert ends([], (0, 10, ()), limits=[2]) == [5 * S]


def test_a_change_of_capacity_is_for_what_is_left():
    assert ends([10], (0, 20, (0,)), changes=[(S, 0, 5), (2 * S, 0, 1)]) == [7 * S]


def test_a_change_of_a_fat_pipe_is_for_every_flow_on_it():
    assert ends([10], (0, 20, (0,)), (0, 15, (0,)), pipes=[0], changes=[(S, 0, 5)]) == [3 * S, 2 * S]


@pytest.mark.parametrize("size", [10**18, 10**18 + 1, 2**62 + 7])
def test_what_moves_alone_ends_to_the_picosecond_however_much_it_is(size):
    assert ends([3], (5, size, (0,))) == [5 - (-size * S // 3)]


def test_the_end_of_one_flow_can_start_the_next():
    clock, ended = Clock(), []

    def next_flow(number):
        ended.append(clock.now_ps)
        if number < 2:
            fluid.begin(Flow(number + 1, 1, fluid.way([0])))

    fluid = Fluid(clock, [1], [False], next_flow)
    fluid.begin(Flow(0, 1, fluid.way([0])))
    clock.run()

    assert ended == [S, 2 * S, 3 * S]


def test_flows_that_end_together_are_told_in_the_order_of_their_numbers():
    clock, told = Clock(), []
    fluid = Fluid(clock, [1], [False], told.append)
    for number in (3, 1, 2):
        fluid.begin(Flow(number, 1, fluid.way([0])))
    clock.run()

    assert told == [1, 2, 3]
