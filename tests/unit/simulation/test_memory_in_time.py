"""What becomes of operations and transfers that find no memory: they wait, or make room. Links have 1 GB/s."""

from dataclasses import replace

import pytest

from simgpu.errors import DeadlockError, InvalidValue, OutOfDeviceMemory
from simgpu.machine import Machine
from simgpu.simulation import Fails, simulate
from tests.unit.program.settings import Sketch, computed, machine, moved

US = 10**6
LINKS = {"host": {"bandwidth": "1 GB/s"}}


def card(memory):
    return machine(f"1 x {memory}", links=LINKS)


def producers():
    """Return two operations of 1 KiB each; a CPU reads both, the first of them soon, and then a third of 1 KiB."""
    sketch = Sketch().add("a", ps=5, sizes=[1024]).add("b", ps=5, sizes=[1024])
    return sketch.add("reads a", "a", ps=1, on="/cpu:0").add("c", ps=5, sizes=[1024])


def test_an_operation_waits_until_enough_is_released():
    trace = simulate(producers().placed(card("2KiB")), on_oom="wait")

    assert moved(trace) == {"a: GPU:0 -> CPU:0": (5, 1024 * 1000 + 5)}
    assert computed(trace) == {
        "a": (0, 5),
        "b": (5, 10),
        "c": (10, 15),
        "reads a": (1024 * 1000 + 5, 1024 * 1000 + 6),
    }


def test_the_head_of_the_queue_holds_up_what_stands_behind_it():
    sketch = Sketch().add("a", ps=5, sizes=[1024]).add("large", ps=5, sizes=[2048]).add("small", ps=5, sizes=[512])
    trace = simulate(sketch.add("reads a", "a", ps=1, on="/cpu:0").placed(card("2560B")), on_oom="wait")

    assert computed(trace) == {
        "a": (0, 5),
        "reads a": (1024 * 1000 + 5, 1024 * 1000 + 6),
        "large": (1024 * 1000 + 5, 1024 * 1000 + 10),
        "small": (1024 * 1000 + 10, 1024 * 1000 + 15),
    }


def test_a_transfer_waits_for_memory_where_it_goes():
    sketch = Sketch().add("full", ps=5_000_000, sizes=[2048]).add("from host", on="/cpu:0", sizes=[1024])
    sketch.add("reads it", "from host", ps=1)
    trace = simulate(sketch.placed(card("2KiB")), on_oom="wait")

    assert moved(trace) == {"from host: CPU:0 -> GPU:0": (5_000_000, 5_000_000 + 1024 * 1000)}


def test_without_anybody_who_could_release_enough_the_run_ends_with_who_holds_what():
    sketch = Sketch().add("a", ps=5, sizes=[1024]).add("b", "a", ps=5, sizes=[2048]).add("c", "a", "b", ps=1)
    with pytest.raises(DeadlockError) as caught:
        simulate(sketch.placed(card("2KiB")), on_oom="wait")

    assert str(caught.value) == (
        "2 of 3 tasks can never run: they wait for each other in a circle: b waits for 2 KiB on "
        "/job:localhost/replica:0/task:0/device:GPU:0, where a 1 KiB holds 1 KiB of 2 KiB, to be released by c; "
        "c waits for b"
    )


def test_what_can_never_fit_is_named_too():
    with pytest.raises(DeadlockError) as caught:
        simulate(Sketch().add("a", sizes=[4096]).placed(card("2KiB")), on_oom="wait")

    assert str(caught.value) == (
        "1 of 1 tasks can never run: a waits for 4 KiB on /job:localhost/replica:0/task:0/device:GPU:0, where nothing "
        "holds 0 B of 2 KiB"
    )


def hungry():
    """Return three tensors of 1 KiB that are made one after the other, and read in the opposite order."""
    sketch = Sketch()
    for name, before in zip("abc", ([], ["a"], ["b"]), strict=True):
        sketch.add(name, ps=5, sizes=[1024], after=before)
    for name, before in zip("cba", (["c"], ["reads c"], ["reads b"]), strict=True):
        sketch.add(f"reads {name}", name, ps=5, after=before)
    return sketch


def test_what_is_read_last_makes_room_on_the_host_and_comes_back_before_it_is_read():
    trace = simulate(hungry().placed(card("2KiB")), on_oom="spill")
    way = 1024 * 1000

    assert [(span.name, span.resource[-5:], span.start_ps, span.end_ps) for span in trace.spans] == [
        ("a", "GPU:0", 0, 5),
        ("b", "GPU:0", 5, 10),
        ("spill a", "CPU:0", 10, 10 + way),
        ("c", "GPU:0", 10 + way, 15 + way),
        ("reads c", "GPU:0", 15 + way, 20 + way),
        ("reads b", "GPU:0", 20 + way, 25 + way),
        ("return a", "GPU:0", 25 + way, 25 + 2 * way),
        ("reads a", "GPU:0", 25 + 2 * way, 30 + 2 * way),
    ]
    assert (trace.peak_bytes(0), trace.peak_bytes(1)) == (1024, 2048)
    assert [(event.is_allocation, event.owner) for event in trace.memory[0]] == [(True, "a"), (False, "a")]


def test_what_lacks_room_even_when_all_else_has_gone_is_out_of_memory():
    sketch = Sketch().add("a", ps=5, sizes=[1024]).add("b", "a", ps=5, sizes=[2048])
    with pytest.raises(OutOfDeviceMemory) as caught:
        simulate(sketch.placed(card("2KiB")), on_oom="spill")

    assert caught.value.shortage.owner == "b"
    assert computed(caught.value.trace) == {"a": (0, 5)}


def test_the_memory_of_the_host_has_its_cap_too():
    inventory = card("2KiB").inventory
    host, gpu = inventory.devices
    small = Machine.from_inventory(replace(inventory, devices=(replace(host, memory_limit_bytes=512), gpu)))

    with pytest.raises(OutOfDeviceMemory, match="CPU:0: out of memory: a asked for 1 KiB"):
        simulate(hungry().placed(small), on_oom="spill")


def test_with_enough_memory_all_three_ways_give_the_same_trace():
    placement = hungry().placed(card("8KiB"))

    assert simulate(placement) == simulate(placement, on_oom="wait") == simulate(placement, on_oom="spill")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"on_oom": "swap"},
            "on_oom='swap' is not a way to treat a lack of memory; choose one of raise, wait, spill",
        ),
        (
            {"on_oom": "wait", "engine": "compiled"},
            "the compiled engine does not know on_oom='wait'; use engine='simpy'",
        ),
        (
            {"on_oom": "wait", "perturbations": (Fails(device="GPU:0", at=5),)},
            "on_oom='wait' and failing devices do not go together; leave one out",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(options, message):
    with pytest.raises(InvalidValue) as caught:
        simulate(producers().placed(card("8KiB")), **options)

    assert str(caught.value) == message
