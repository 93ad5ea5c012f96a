import contextlib

import pytest

from simgpu.errors import OutOfDeviceMemory
from simgpu.graph import Constant, GraphBuilder, TensorSpec
from simgpu.memory import Block
from simgpu.placement import place
from simgpu.program import Progress, lower
from simgpu.trace import Action
from tests.unit.program.settings import Sketch, machine

CARD = machine("1 x 4KiB")
GPU0 = 1


def progress_of(sketch, on=CARD):
    return Progress(lower(sketch.placed(on)), "simulate", "modelled")


def events(progress, device=GPU0):
    """Return the memory events of a device as texts such as `1 + a 0 512`."""
    return [
        f"{event.time_ps} {'+' if event.is_allocation else '-'} {event.owner} {event.offset} {event.size_bytes}"
        for event in progress.trace.memory[device]
    ]


def run(progress, task, start_ps, end_ps):
    progress.start(task, start_ps)
    return progress.finish(task, end_ps)


def used(progress):
    return [pool.used_bytes for pool in progress.pools]


def test_a_tensor_is_held_from_its_operations_start_to_the_end_of_its_last_reader():
    progress = progress_of(Sketch().add("a", sizes=[8]).add("b", "a", sizes=[8]).add("c", "a", "b").fetch("b"))

    assert progress.begin() == [0]
    assert run(progress, 0, 1, 2) == [1]
    assert run(progress, 1, 3, 4) == [2, 3]
    assert run(progress, 3, 5, 6) == []
    assert run(progress, 2, 7, 8) == []
    assert events(progress) == [
        "1 + a 0 512",
        "3 + b 512 512",
        "7 + c 0 0",
        "8 - a 0 512",
        "8 - b 512 512",
        "8 - c 0 0",
    ]
    assert (progress.unfinished, used(progress)) == (0, [0, 0])


def test_what_nobody_reads_is_given_back_when_it_has_been_made():
    progress = progress_of(Sketch().add("a", sizes=[8, 600]).add("b", "a"))
    progress.begin()
    run(progress, 0, 1, 2)

    assert events(progress) == ["1 + a 0 512", "1 + a:1 512 1024", "2 - a:1 512 1024"]


def test_an_operation_that_reads_a_tensor_twice_gives_it_back_once():
    progress = progress_of(Sketch().add("a", sizes=[8]).add("b", "a", "a"))
    progress.begin()
    run(progress, 0, 1, 2)
    run(progress, 1, 3, 4)

    assert events(progress) == ["1 + a 0 512", "3 + b 0 0", "4 - a 0 512", "4 - b 0 0"]


def test_an_operation_that_reads_a_tensor_twice_does_not_count_for_another_reader():
    progress = progress_of(Sketch().add("a", sizes=[8]).add("b", "a", "a").add("c", "a"))
    progress.begin()
    run(progress, 0, 1, 2)
    run(progress, 1, 3, 4)
    run(progress, 2, 5, 6)

    assert [event for event in events(progress) if " a " in event] == ["1 + a 0 512", "6 - a 0 512"]


def test_a_task_is_ready_when_the_last_that_it_waits_for_is_done():
    progress = progress_of(Sketch().add("a").add("b").add("c", after=["a", "b"]).add("d", after=["b"]))

    assert progress.begin() == [0, 1]
    assert run(progress, 1, 0, 1) == [3]
    assert run(progress, 0, 0, 1) == [2]


def test_every_start_and_finish_is_in_the_trace():
    progress = progress_of(Sketch().add("a").add("b", after=["a"]))
    progress.begin()
    run(progress, 0, 0, 1)
    progress.start(1, 2)

    assert progress.trace.actions == [Action(0, False), Action(0, True), Action(1, False)]


def test_a_task_gets_all_that_it_writes_or_nothing():
    progress = progress_of(Sketch().add("a", sizes=[512]).add("b", sizes=[1024, 512, 4096], after=["a"]).fetch("a"))
    progress.begin()
    run(progress, 0, 1, 2)
    before = events(progress)
    with pytest.raises(OutOfDeviceMemory) as caught:
        progress.start(1, 3)

    assert (caught.value.shortage.owner, caught.value.shortage.requested_bytes) == ("b:2", 4096)
    assert caught.value.trace is progress.trace
    assert events(progress) == before
    assert (used(progress), progress.pools[GPU0].holes()) == ([0, 512], [Block(512, 3584)])
    assert progress.trace.actions[-1] == Action(1, False)


def test_leaving_empties_every_ledger_and_says_so_in_the_trace():
    with progress_of(Sketch().add("a", sizes=[8]).add("b", sizes=[8], on="/cpu:0").fetch("a", "b")) as progress:
        progress.begin()
        run(progress, 0, 1, 2)
        run(progress, 1, 3, 9)

    assert used(progress) == [0, 0]
    assert events(progress) == ["1 + a 0 512", "9 - a 0 512"]
    assert events(progress, 0) == ["3 + b 0 512", "9 - b 0 512"]


def test_leaving_by_an_error_empties_every_ledger_no_earlier_than_the_last_start():
    progress = progress_of(Sketch().add("a", sizes=[8]).add("b", sizes=[8]))
    with contextlib.suppress(ZeroDivisionError), progress:
        progress.begin()
        progress.start(0, 1)
        progress.start(1, 7)
        raise ZeroDivisionError

    assert used(progress) == [0, 0]
    assert events(progress) == ["1 + a 0 512", "7 + b 512 512", "7 - a 0 512", "7 - b 512 512"]


def variables(*sizes):
    builder = GraphBuilder()
    for number, size in enumerate(sizes):
        spec = TensorSpec((size // 4,), "float32")
        builder.add("Variable", name=f"v{number}", outputs=[spec], attributes={"initializer": Constant(1)})
    builder.add("Identity", ["v0"], outputs=[TensorSpec((sizes[0] // 4,), "float32")], name="copy")
    return Progress(lower(place(builder.build(), CARD)), "simulate", "modelled")


def test_variables_are_granted_first_and_held_to_the_end():
    with variables(512, 1024) as progress:
        assert progress.begin() == [0]
        run(progress, 0, 3, 5)
        assert used(progress) == [0, 1536]

    assert events(progress) == [
        *("0 + v0 0 512", "0 + v1 512 1024", "3 + copy 1536 512", "5 - copy 1536 512"),
        *("5 - v0 0 512", "5 - v1 512 1024"),
    ]


def test_variables_that_do_not_fit_are_refused_before_anything_starts():
    with pytest.raises(OutOfDeviceMemory) as caught, variables(1024, 4096) as progress:
        progress.begin()

    assert caught.value.shortage.owner == "v1"
    assert caught.value.trace.actions == []
    assert events(progress) == ["0 + v0 0 1024", "0 - v0 0 1024"]


def test_the_trace_knows_devices_and_decisions_from_the_start():
    trace = progress_of(Sketch().add("a")).trace

    assert [(device.name[-5:], device.kind, device.limit_bytes) for device in trace.devices][1:] == [
        ("GPU:0", "GPU", 4096)
    ]
    assert [(d.operation, d.device[-5:], d.reason) for d in trace.decisions] == [("a", "GPU:0", "requested")]
    assert (trace.engine, trace.clock, trace.spans) == ("simulate", "modelled", [])
