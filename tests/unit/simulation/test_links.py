"""Transfers on links of 1 GB/s, so that a byte takes 1,000 ps."""

import pytest

from simgpu.simulation import simulate
from simgpu.trace import TimeBreakdown, time_breakdown
from tests.unit.program.settings import Sketch, computed, machine, moved

NS = 1000
US = 1000 * NS


def two_gpus(*, duplex="full", latency="0 ps"):
    """Return two cards that meet in their host, each behind a link of its own."""
    return machine("2 x 1MiB", links={"host": {"bandwidth": "1 GB/s", "latency": latency, "duplex": duplex}})


def to_gpu(*sizes, on="/gpu:0"):
    """Return a program that moves tensors t0, t1, ... from the host to a card, all at the same time."""
    sketch = Sketch().add("t", on="/cpu:0", sizes=sizes)
    return sketch.add("reader", *(f"t:{slot}" for slot in range(len(sizes))), on=on)


def transfers(sketch, on, links):
    return moved(simulate(sketch.placed(on), links=links, copy_engines=False))


def test_fair_transfers_share_a_link_and_pay_its_latency_once():
    assert transfers(to_gpu(1000, 3000), two_gpus(latency="7 ps"), "fair") == {
        "t: CPU:0 -> GPU:0": (0, 2 * US + 7),
        "t:1: CPU:0 -> GPU:0": (0, 4 * US + 7),
    }


def test_fifo_transfers_hold_a_link_one_after_the_other_latency_included():
    assert transfers(to_gpu(1000, 3000), two_gpus(latency="7 ps"), "fifo") == {
        "t: CPU:0 -> GPU:0": (0, US + 7),
        "t:1: CPU:0 -> GPU:0": (US + 7, 4 * US + 14),
    }


def test_fair_is_the_default():
    sketch, on = to_gpu(1000, 3000), two_gpus()
    ends = {"t: CPU:0 -> GPU:0": (0, 2 * US), "t:1: CPU:0 -> GPU:0": (0, 4 * US)}

    assert moved(simulate(sketch.placed(on), copy_engines=False)) == transfers(sketch, on, "fair") == ends


def test_an_operation_starts_when_its_last_tensor_has_arrived():
    placement = to_gpu(1000, 3000).add("end", ps=5, after=["reader"]).placed(two_gpus())
    trace = simulate(placement, copy_engines=False)

    assert computed(trace)["end"] == (4 * US, 4 * US + 5)
    assert time_breakdown(trace) == TimeBreakdown(compute_ps=5, transfer_ps=4 * US, launch_ps=0, waiting_ps=0)


def both_ways():
    sketch = Sketch().add("up", on="/gpu:0", sizes=[1000]).add("down", on="/cpu:0", sizes=[1000])
    return sketch.add("reads up", "up", on="/cpu:0").add("reads down", "down", on="/gpu:0")


@pytest.mark.parametrize(
    ("duplex", "links", "up", "down"),
    [
        ("full", "fair", (0, US), (0, US)),
        ("full", "fifo", (0, US), (0, US)),
        ("half", "fair", (0, 2 * US), (0, 2 * US)),
        ("half", "fifo", (0, US), (US, 2 * US)),
        ("fatpipe", "fair", (0, US), (0, US)),
        ("fatpipe", "fifo", (0, US), (0, US)),
    ],
)
def test_the_directions_of_a_half_duplex_link_share_it_and_others_do_not(duplex, links, up, down):
    assert transfers(both_ways(), two_gpus(duplex=duplex), links) == {
        "up: GPU:0 -> CPU:0": up,
        "down: CPU:0 -> GPU:0": down,
    }


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_on_a_fat_pipe_every_transfer_has_the_full_bandwidth(links):
    assert transfers(to_gpu(1000, 3000, 2000), two_gpus(duplex="fatpipe", latency="7 ps"), links) == {
        "t: CPU:0 -> GPU:0": (0, US + 7),
        "t:1: CPU:0 -> GPU:0": (0, 3 * US + 7),
        "t:2: CPU:0 -> GPU:0": (0, 2 * US + 7),
    }


@pytest.mark.parametrize(("links", "end_ps"), [("fair", US + 14), ("fifo", 2 * US + 14)])
def test_over_two_hops_a_transfer_cuts_through_if_fair_and_is_stored_and_forwarded_if_fifo(links, end_ps):
    sketch = Sketch().add("t", sizes=[1000]).add("reader", "t", on="/gpu:1")

    assert transfers(sketch, two_gpus(latency="7 ps"), links) == {"t: GPU:0 -> GPU:1": (0, end_ps)}


def test_the_hops_of_fifo_transfers_overlap():
    sketch = Sketch().add("t", sizes=[1000, 2000, 1000]).add("reader", "t", "t:1", "t:2", on="/gpu:1")

    assert transfers(sketch, two_gpus(), "fifo") == {
        "t: GPU:0 -> GPU:1": (0, 2 * US),
        "t:1: GPU:0 -> GPU:1": (US, 5 * US),
        "t:2: GPU:0 -> GPU:1": (3 * US, 6 * US),
    }


def test_fifo_transfers_are_served_in_the_order_of_their_arrival_at_each_hop():
    sketch = Sketch().add("far", sizes=[1000]).add("near", on="/cpu:0", sizes=[3000, 1000])
    sketch.add("reader", "far", "near", "near:1", on="/gpu:1")

    assert transfers(sketch, two_gpus(), "fifo") == {
        "near: CPU:0 -> GPU:1": (0, 3 * US),
        "near:1: CPU:0 -> GPU:1": (3 * US, 4 * US),
        "far: GPU:0 -> GPU:1": (0, 5 * US),
    }


def test_fair_transfers_that_meet_on_a_later_hop_share_it():
    sketch = Sketch().add("far", sizes=[1000]).add("near", on="/cpu:0", sizes=[3000])
    sketch.add("reader", "far", "near", on="/gpu:1")

    assert transfers(sketch, two_gpus(), "fair") == {
        "far: GPU:0 -> GPU:1": (0, 2 * US),
        "near: CPU:0 -> GPU:1": (0, 4 * US),
    }


def test_what_a_transfer_leaves_is_free_before_the_next_one_on_the_link_starts():
    link = {"bandwidth": "1 GB/s", "duplex": "half"}
    sketch = Sketch().add("up", sizes=[1024]).add("down", on="/cpu:0", sizes=[3584])
    sketch.add("reads up", "up", on="/cpu:0").add("reads down", "down")
    trace = simulate(sketch.placed(machine("1 x 4KiB", links={"host": link})), links="fifo")

    assert [(event.time_ps, event.is_allocation, event.owner) for event in trace.memory[1]][:3] == [
        (0, True, "up"),
        (1024 * NS, False, "up"),
        (1024 * NS, True, "down"),
    ]


def test_cards_behind_a_switch_meet_there():
    links = {"gpu": {"bandwidth": "10 GB/s", "latency": "7 ps"}, "host": {"bandwidth": "1 GB/s"}}
    sketch = Sketch().add("t", sizes=[1000]).add("reader", "t", on="/gpu:1").add("host", "t", on="/cpu:0")

    assert transfers(sketch, machine("2 x 1MiB", links=links), "fair") == {
        "t: GPU:0 -> GPU:1": (0, 100 * NS + 14),
        "t: GPU:0 -> CPU:0": (0, US),
    }


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_slices_of_one_card_copy_at_half_the_bandwidth_of_its_memory(links):
    sketch = Sketch().add("t", sizes=[1000]).add("reader", "t", on="/gpu:1")

    assert transfers(sketch, machine("1 x 1MiB", split={"GPU:0": 2}), links) == {"t: GPU:0 -> GPU:1": (0, 4 * NS)}


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_no_bytes_take_the_latency_alone(links):
    assert transfers(to_gpu(0), two_gpus(latency="7 ps"), links) == {"t: CPU:0 -> GPU:0": (0, 7)}


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_a_duration_is_rounded_up_to_a_picosecond(links):
    thirds = machine("1 x 1MiB", links={"host": {"bandwidth": "3 GB/s"}})

    assert transfers(to_gpu(1), thirds, links) == {"t: CPU:0 -> GPU:0": (0, 334)}


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_feeds_and_fetches_go_over_the_link_between_card_and_host(links):
    sketch = Sketch().add("x", type="Input", sizes=[1000]).add("y", "x", ps=5, sizes=[2000]).fetch("y")

    assert transfers(sketch, two_gpus(latency="7 ps"), links) == {
        "x: caller -> GPU:0": (0, US + 7),
        "y: GPU:0 -> caller": (US + 12, 3 * US + 19),
    }


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_feeds_and_fetches_of_the_host_take_no_time(links):
    sketch = Sketch().add("x", type="Input", on="/cpu:0", sizes=[1000]).add("y", "x", ps=5, on="/cpu:0", sizes=[8])

    assert transfers(sketch.fetch("y"), two_gpus(latency="7 ps"), links) == {
        "x: caller -> CPU:0": (0, 0),
        "y: CPU:0 -> caller": (5, 5),
    }


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_a_transfer_overlaps_with_what_both_devices_compute(links):
    sketch = Sketch().add("t", ps=5, sizes=[1000]).add("same", ps=9).add("other", ps=7, on="/gpu:1")
    trace = simulate(sketch.add("reader", "t", on="/cpu:0").placed(two_gpus()), links=links)

    assert moved(trace) == {"t: GPU:0 -> CPU:0": (5, US + 5)}
    assert computed(trace) == {"t": (0, 5), "other": (0, 7), "same": (5, 14), "reader": (US + 5, US + 5)}
