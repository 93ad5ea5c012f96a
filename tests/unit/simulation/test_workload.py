"""What a workload is made of, and what it refuses to be made of."""

import re

import numpy as np
import pytest

from simgpu.errors import InvalidValue
from simgpu.simulation import NONE, Resources, follower_arrays, ints
from tests.unit.simulation.sketches import Sketch

FOLLOWER_STARTS = "follower_starts must have 4 entries, from 0 up to 2, none less than the one before it"


def sketch():
    """Return one of everything: three tasks, the last of which follows the others."""
    made = Sketch()
    queue, route, gate = made.queue(card=made.card()), made.link(10), made.gate()
    made.compute(queue, 5)
    made.move(route, 7, out_gate=gate)
    made.delay(3, after=[0, 1])
    return made


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": ints(0, 1, 3)}, "kind must lie in 0..2, not in 0..3"),
        ({"kind": ints(0, 1, -1)}, "kind must lie in 0..2, not in -1..1"),
        ({"amount": ints(5, 7)}, "amount has 2 entries for 3 tasks"),
        ({"in_gate": ints()}, "in_gate has 0 entries for 3 tasks"),
        ({"amount": ints(5, -7, 3)}, "amount[1] is -7; it must be 0 or more"),
        ({"parts": ints(1, 1, 0)}, "parts[2] is 0; it must be 1 or more"),
        ({"release_ps": ints(-1, 0, 0)}, "release_ps[0] is -1; it must be 0 or more"),
        ({"rate_cap": ints(0, -2, 0)}, "rate_cap[1] is -2; it must be 0 or more"),
        ({"rate_cap": ints(9, 0, 0), "queue_card": ints(NONE)},
         "task 0 has a rate_cap, which of COMPUTE only one on a card has"),
        ({"where": ints(NONE, 0, 0)}, "where of COMPUTE must lie in 0..0, not in -1..-1"),
        ({"where": ints(0, 1, 0)}, "where of MOVE must lie in -1..0, not in 1..1"),
        ({"out_gate": ints(NONE, 1, NONE)}, "out_gate must lie in -1..0, not in -1..1"),
        ({"in_gate": ints(NONE, 0, NONE)}, "task 1 has one gate for out_gate and in_gate"),
        ({"out_gate": ints(NONE, NONE, 0)}, "task 2 has gates, which only a MOVE on a route has"),
        ({"in_gate": ints(0, NONE, NONE)}, "task 0 has gates, which only a MOVE on a route has"),
        ({"followers": ints(2, 3)}, "followers must lie in 0..2, not in 2..3"),
        ({"follower_starts": ints(0, 1, 2)}, FOLLOWER_STARTS),
        ({"follower_starts": ints(0, 1, 2, 3)}, FOLLOWER_STARTS),
        ({"follower_starts": ints(1, 1, 2, 2)}, FOLLOWER_STARTS),
        ({"follower_starts": ints(0, 2, 1, 2)}, FOLLOWER_STARTS),
        ({"amount": np.array([5, float("nan"), 3])}, "amount is an array of float64; it must be an array of int64"),
        ({"rank": np.zeros(3, np.int32)}, "rank is an array of int32; it must be an array of int64"),
        ({"rank": [0, 0, 0]}, "rank is a list; it must be an array of int64"),
        ({"queue_slots": ints(0)}, "queue_slots[0] is 0; it must be 1 or more"),
        ({"queue_slots": ints(1, 1)}, "these must have one length: queue_slots 2, queue_pool 1, queue_card 1"),
        ({"queue_pool": ints(0)}, "queue_pool must lie in -1..-1, not in 0..0"),
        ({"queue_pool": ints(0), "pool_threads": ints(1)}, "queue 0 has both a pool and a card"),
        ({"queue_card": ints(2)}, "queue_card must lie in -1..1, not in 2..2"),
        ({"launcher": ints(-2, 0, NONE)}, "launcher must lie in -1..3, not in -2..0"),
        ({"launcher": ints(0, 4, NONE)}, "launcher must lie in -1..3, not in -1..4"),
        ({"launcher": ints(0, 0, 0)}, "task 2 has a launcher, which only a COMPUTE or a MOVE has"),
        ({"launch_ps": ints(0, -1, 0)}, "launch_ps[1] is -1; it must be 0 or more"),
        ({"pool_threads": ints(3, 0)}, "pool_threads[1] is 0; it must be 1 or more"),
        ({"channel_per_s": ints(10**12, 0)}, "channel_per_s[1] is 0; it must be 1 or more"),
        ({"channel_latency_ps": ints(0, -5)}, "channel_latency_ps[1] is -5; it must be 0 or more"),
        ({"channel_is_fatpipe": ints(0)}, "these must have one length: channel_per_s 2, channel_latency_ps 2, "
         "channel_is_fatpipe 1"),
        ({"route_latency_ps": ints(-5)}, "route_latency_ps[0] is -5; it must be 0 or more"),
        ({"route_channels": ints(2)}, "route_channels must lie in 0..1, not in 2..2"),
        ({"route_starts": ints(0)},
         "route_starts must have 2 entries, from 0 up to 1, none less than the one before it"),
        ({"gate_places": ints(0)}, "gate_places[0] is 0; it must be 1 or more"),
        ({"change_ps": ints(1)}, "these must have one length: change_ps 1, change_channel 0, change_per_s 0"),
        ({"change_ps": ints(-1), "change_channel": ints(0), "change_per_s": ints(1)},
         "change_ps[0] is -1; it must be 0 or more"),
        ({"change_ps": ints(1), "change_channel": ints(2), "change_per_s": ints(1)},
         "change_channel must lie in 0..1, not in 2..2"),
        ({"change_ps": ints(1), "change_channel": ints(0), "change_per_s": ints(0)},
         "change_per_s[0] is 0; it must be 1 or more"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_words(wrong, words):
    with pytest.raises(InvalidValue, match=f"^{re.escape(words)}$"):
        sketch().workload(**wrong)


def test_what_fits_is_taken():
    workload = sketch().workload()

    assert len(workload) == 3
    assert workload.predecessor_counts().tolist() == [0, 0, 2]
    assert [workload.followers_of(task).tolist() for task in range(3)] == [[2], [2], []]
    assert workload.resources.routes == 1


def test_two_routes_may_share_channels():
    made = sketch()
    made.route(1, 0)
    made.route(0, 1)

    assert made.workload().resources.routes == 3


def test_nothing_at_all_is_a_workload():
    workload = Sketch().workload()

    assert (len(workload), workload.resources.routes, workload.predecessor_counts().tolist()) == (0, 0, [])


def test_resources_compare_by_identity():
    assert Resources() != Resources()


def test_pairs_in_any_order_and_number_become_followers():
    starts, followers = follower_arrays(4, ints(2, 0, 0, 2, 0), ints(3, 2, 1, 3, 1))

    assert (starts.tolist(), followers.tolist()) == ([0, 2, 2, 3, 3], [1, 2, 3])


@pytest.mark.parametrize("tasks", [0, 3])
def test_without_pairs_nobody_follows(tasks):
    starts, followers = follower_arrays(tasks, ints(), ints())

    assert (starts.tolist(), followers.tolist()) == ([0] * (tasks + 1), [])
