"""Options of a simulation, attributes of operations that it heeds, and extremes of both."""

from dataclasses import FrozenInstanceError, replace

import pytest

from simgpu.errors import GraphError, InvalidValue, MachineError
from simgpu.machine import Machine
from simgpu.simulation import SimulationOptions, simulate
from simgpu.trace import Span
from tests.unit.program.settings import CPU0, GPU0, Sketch, computed, machine, moved

ONE = machine("1 x 1MiB", links={"host": {"bandwidth": "1 GB/s"}})


def refusal(error, sketch, on=ONE, **options):
    with pytest.raises(error) as caught:
        simulate(sketch.placed(on), **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"launch": "eager"}, "launch='eager' is not a mode of launching; choose one of sync, async"),
        ({"engine": "simgrid"}, "engine='simgrid' is not an engine; choose one of simpy, compiled, auto"),
        ({"links": None}, "links=None is not a link policy; choose one of fair, fifo"),
        ({"copy_engines": 2}, "copy_engines=2 is not True or False; a card's model has their number"),
        (
            {"link": "fair"},
            "link='fair' is not an option of a simulation; there are "
            "links, launch, launchers, streams, discipline, copy_engines, on_oom, perturbations, seed, engine",
        ),
        (
            {"options": {"links": "fair"}},
            "options={'links': 'fair'} is not a SimulationOptions; give one, or options one by one",
        ),
    ],
    ids=str,
)
def test_an_option_that_there_is_not_is_refused_in_words(option, words):
    assert refusal(InvalidValue, Sketch(), **option) == words


def two_transfers():
    return Sketch().add("t", on="/cpu:0", sizes=[1000, 1000]).add("reader", "t", "t:1")


def test_options_may_be_given_together_or_one_by_one_and_the_latter_win():
    together = SimulationOptions(links="fifo", copy_engines=False)
    placement = two_transfers().placed(ONE)
    fair, fifo = [(0, 2_000_000)] * 2, [(0, 1_000_000), (1_000_000, 2_000_000)]

    assert list(moved(simulate(placement, options=together)).values()) == fifo
    assert list(moved(simulate(placement, links="fifo", copy_engines=False)).values()) == fifo
    assert list(moved(simulate(placement, options=together, links="fair")).values()) == fair


def test_options_do_not_change():
    with pytest.raises(FrozenInstanceError):
        SimulationOptions().links = "fifo"


@pytest.mark.parametrize("option", [{"links": "lifo"}, {"streams": 0}, {"discipline": "none"}], ids=str)
def test_options_that_there_are_not_cannot_even_be_made(option):
    with pytest.raises(InvalidValue):
        SimulationOptions(**option)


def test_an_operation_does_not_start_before_its_release():
    sketch = Sketch().add("a", ps=5, release_ps=7).add("b", ps=5).add("c", ps=1, after=["b"], release_ps=3)

    assert computed(simulate(sketch.placed(ONE))) == {"b": (0, 5), "c": (5, 6), "a": (7, 12)}


def test_a_feed_does_not_move_before_its_release():
    sketch = Sketch().add("x", type="Input", sizes=[1000], release_ps=50).add("y", "x", ps=5)

    assert simulate(sketch.placed(ONE)).spans == [
        Span("transfer", "x", "caller -> GPU:0", 50, 50, 1_000_050, -1, 1000),
        Span("compute", "y", GPU0, 1_000_050, 1_000_050, 1_000_055, 0),
    ]


@pytest.mark.parametrize("release_ps", [-1, 1.5, float("nan"), "3us", True, None], ids=str)
def test_a_release_is_a_number_of_picoseconds(release_ps):
    for sketch in (
        Sketch().add("a", release_ps=release_ps),
        Sketch().add("a", type="Input", sizes=[8], release_ps=release_ps).add("b", "a"),
    ):
        assert refusal(GraphError, sketch) == (
            f"operation 'a' has release_ps {release_ps!r}; it must be an int of 0 or more"
        )


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"release_ps": 2**63}, "has release_ps 9223372036854775808, which is more than 2**63 - 1"),
        ({"ps": 10**30}, f"takes {10**30} ps, which is more than 2**63 - 1"),
    ],
    ids=str,
)
def test_times_beyond_64_bits_are_refused_with_the_operation(attributes, words):
    assert refusal(GraphError, Sketch().add("a", **attributes)) == f"operation 'a' {words}"


@pytest.mark.parametrize("ps", [-1, float("nan"), "3us", True])
def test_a_duration_is_a_number_of_picoseconds(ps):
    assert refusal(GraphError, Sketch().add("a", ps=ps)) == (
        f"operation 'a' has duration_ps {ps!r}; on {GPU0} it must be an int of 0 or more picoseconds, "
        "or a mapping from 'GPU' to one"
    )


@pytest.mark.parametrize("links", ["fair", "fifo"])
@pytest.mark.parametrize("size", [10**18, 10**18 + 1])
def test_a_transfer_of_a_quintillion_of_bytes_ends_to_the_picosecond_beyond_64_bits(links, size):
    on = machine("2 x 4096PiB", links={"gpu": {"bandwidth": "1 GB/s", "duplex": "full"}})
    sketch = Sketch().add("t", sizes=[size]).add("reader", "t", on="/gpu:1")
    hops = {"fair": 1, "fifo": 2}[links]

    assert moved(simulate(sketch.placed(on), links=links)) == {"t: GPU:0 -> GPU:1": (0, hops * size * 1000)}


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ({"bandwidth": "0 GB/s"}, "links.host.bandwidth: rate: '0 GB/s' must be more than 0"),
        ({"bandwidth": 0}, "links.host.bandwidth: rate: 0 must be more than 0"),
        ({"bandwidth": "nan GB/s"}, "links.host.bandwidth: rate: 'nan GB/s' is not a plain decimal number"),
        ({"bandwidth": float("nan")}, "links.host.bandwidth: rate: nan is a float, which is not exact"),
        ({"bandwidth": float("inf")}, "links.host.bandwidth: rate: inf is a float, which is not exact"),
        ({"bandwidth": 1, "latency": -1}, "links.host.latency: duration: -1 is negative"),
        ({"bandwidth": 1, "latency": "-1 us"}, "links.host.latency: duration: '-1 us' is negative"),
        ({"bandwidth": 1, "latency": "nan us"}, "links.host.latency: duration: 'nan us' is not a plain decimal"),
    ],
    ids=str,
)
def test_a_link_that_cannot_be_is_refused_before_there_is_a_machine(link, words):
    with pytest.raises(MachineError) as caught:
        Machine({"gpus": "1 x 1MiB", "links": {"host": link}})

    assert str(caught.value).startswith(words)


def test_devices_that_cannot_reach_each_other_are_named():
    inventory = machine("2 x 1MiB").inventory
    apart = Machine.from_inventory(replace(inventory, links=inventory.links[:1]))
    sketch = Sketch().add("t", sizes=[8]).add("reader", "t", on="/gpu:1")

    assert refusal(MachineError, sketch, apart) == (
        "no link leads from host0/GPU:0 to host0/GPU:1; add one, or a switch between them"
    )


def test_devices_that_cannot_reach_each_other_need_not_if_nothing_moves():
    inventory = machine("2 x 1MiB").inventory
    apart = Machine.from_inventory(replace(inventory, links=()))
    sketch = Sketch().add("a", ps=3).add("b", ps=4, after=["a"], on="/gpu:1")

    assert computed(simulate(sketch.placed(apart))) == {"a": (0, 3), "b": (3, 7)}


def test_a_machine_without_gpus_will_do():
    sketch = Sketch().add("a", ps=3, on="/cpu:0", sizes=[8]).add("b", "a", ps=4, on="/cpu:0").fetch("a")

    assert [span.resource for span in simulate(sketch.placed(machine("cpu"))).spans] == [CPU0, "CPU:0 -> caller", CPU0]


@pytest.mark.slow
def test_thousands_of_gpus_pass_a_tensor_on_to_their_neighbors():
    on, sketch = machine("4096 x 1MiB", links={"gpu": {"bandwidth": "1 GB/s", "duplex": "full"}}), Sketch()
    for gpu in range(4096):
        sketch.add(f"t{gpu}", ps=5, sizes=[1000], on=f"/gpu:{gpu}")
    for gpu in range(4096):
        sketch.add(f"reads {gpu}", f"t{gpu}", ps=7, on=f"/gpu:{(gpu + 1) % 4096}")
    trace = simulate(sketch.placed(on))

    assert set(moved(trace).values()) == {(5, 1_000_005)}
    assert trace.makespan_ps == 1_000_012
    assert len(trace.spans) == 3 * 4096
