import pytest

from simgpu.simulation.clock import Clock
from simgpu.simulation.sharing import FairShare
from simgpu.units import PS_PER_S

S = PS_PER_S


def ends(capacities, *flows, unshared=()):
    """Run flows (start, amount, resources); return the end of each."""
    clock = Clock()
    share = FairShare(clock, capacities, frozenset(unshared))
    ended = {}
    for number, (start_ps, amount, resources) in enumerate(flows):

        def start(number=number, amount=amount, resources=resources):
            share.start(amount, resources, lambda: ended.update({number: clock.now_ps}))

        clock.after(start_ps, start)
    clock.run()
    return [ended[number] for number in range(len(flows))]


def test_a_flow_alone_has_the_whole_resource():
    assert ends([4], (0, 8, (0,))) == [2 * S]


def test_a_flow_moves_at_the_rate_of_its_slowest_resource():
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
    # two flows fill resource 0 with 1 each; the third has the 3 that they leave of resource 1
    assert ends([2, 4], (0, 4, (0,)), (0, 4, (0, 1)), (0, 12, (1,))) == [4 * S, 4 * S, 4 * S]


def test_an_unshared_resource_gives_every_flow_its_full_capacity():
    assert ends([4], *[(0, 4, (0,))] * 3, unshared=[0]) == [S, S, S]


def test_a_flow_over_an_unshared_and_a_shared_resource_is_bound_by_both():
    flows = [(0, 2, (0, 1)), (0, 4, (1,)), (0, 2, (0,))]

    assert ends([2, 6], *flows, unshared=[0]) == [S, S, S]


@pytest.mark.parametrize(("amount", "resources"), [(0, (0,)), (5, ())])
def test_nothing_to_move_and_nowhere_to_move_take_no_time(amount, resources):
    assert ends([1], (7, amount, resources), (0, 1, (0,))) == [7, S]


def test_a_duration_is_rounded_up_to_a_tick():
    assert ends([3], (0, 1, (0,))) == [S // 3 + 1]


@pytest.mark.parametrize("seconds", [1, 10, 1000, 10**6])
def test_a_duration_that_is_whole_is_not_rounded_up_however_long_it_is(seconds):
    for count in range(1, 12):
        assert ends([S], *[(0, seconds * S, (0,))] * count) == [count * seconds * S] * count


def test_the_end_of_one_flow_can_start_the_next():
    clock, ended = Clock(), []
    share = FairShare(clock, [1])

    def next_flow():
        ended.append(clock.now_ps)
        if len(ended) < 3:
            share.start(1, (0,), next_flow)

    share.start(1, (0,), next_flow)
    clock.run()

    assert ended == [S, 2 * S, 3 * S]


def test_flows_that_end_together_are_told_in_the_order_of_their_start():
    clock, told = Clock(), []
    share = FairShare(clock, [1])
    for name in "cab":
        share.start(1, (0,), lambda name=name: told.append(name))
    clock.run()

    assert told == ["c", "a", "b"]
