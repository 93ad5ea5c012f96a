"""When something goes wrong in a run, it says what, stops, and leaves nothing behind."""

import threading

import numpy as np
import pytest

import simgpu.execution.engine
from simgpu.errors import ExecutionError, OutOfDeviceMemory
from simgpu.execution import execute
from simgpu.graph import Constant, GraphBuilder, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.program import Progress
from simgpu.simulation import simulate
from tests.unit.program.settings import AsTold, Sketch, machine

TWO = machine("2 x 4KiB")


@pytest.fixture(autouse=True)
def ledgers(monkeypatch):
    """Watch every run of a test: at its end no ledger holds a byte, and no thread is left."""
    seen, threads = [], threading.enumerate()

    class Watched(Progress):
        def __init__(self, *args):
            super().__init__(*args)
            seen.append(self)

    monkeypatch.setattr(simgpu.execution.engine, "Progress", Watched)
    yield
    assert seen
    assert all(pool.used_bytes == 0 for progress in seen for pool in progress.pools)
    assert threading.enumerate() == threads


def fail(inputs, outputs):
    raise ArithmeticError("it does not add up")


def failing(*, on="/gpu:1"):
    """Return a program that fails in its third operation, and the list of those that ran."""
    ran = []
    sketch = Sketch().add("kept", sizes=[512], does=lambda *_: ran.append("kept"))
    sketch.add("before", "kept", on=on, sizes=[512], does=lambda *_: ran.append("before"))
    sketch.add("wrong", "before", on=on, sizes=[512], does=fail)
    sketch.add("later", "wrong", on=on, does=lambda *_: ran.append("later"))
    return sketch.fetch("kept"), ran


def test_a_thread_that_cannot_be_prepared_ends_the_run_with_its_error():
    class Refusing(AsTold):
        def enter_thread(self):
            raise OSError("there is no card any more")

    with pytest.raises(OSError, match="no card any more"):
        execute(failing()[0].placed(TWO), storage=Refusing())


@pytest.mark.parametrize("follow", [False, True])
def test_an_operation_that_fails_is_named_with_its_device_and_stops_the_run(follow):
    sketch, ran = failing()
    placement = sketch.placed(TWO)
    with pytest.raises(ExecutionError) as caught:
        execute(placement, storage=AsTold(), follow=simulate(placement) if follow else None)

    assert str(caught.value) == "operation 'wrong' (Identity) on GPU:1 failed: ArithmeticError: it does not add up"
    assert isinstance(caught.value.__cause__, ArithmeticError)
    assert ran == ["kept", "before"]


def test_a_failure_waits_for_what_is_under_way_and_starts_nothing_more():
    barrier, ran, may_end = threading.Barrier(2), [], threading.Event()

    def wait_and_fail(inputs, outputs):
        barrier.wait(20)
        threading.Timer(0.05, may_end.set).start()
        raise ArithmeticError

    def go_on(inputs, outputs):
        barrier.wait(20)
        ran.append(may_end.wait(20))

    sketch = Sketch().add("wrong", does=wait_and_fail).add("other", on="/gpu:1", does=go_on)
    sketch.add("queued", on="/gpu:1", does=lambda *_: ran.append("queued"))
    with pytest.raises(ExecutionError, match="'wrong'"):
        execute(sketch.placed(TWO), storage=AsTold())

    assert ran == [True]


def test_a_move_that_fails_is_named_by_its_tensor():
    class Torn(AsTold):
        def copy(self, source, target):
            raise OSError("cable")

        def read(self, source):
            raise OSError("screen")

    moved = Sketch().add("a", sizes=[8]).add("b", "a", on="/gpu:1").placed(TWO)
    fetched = Sketch().add("a", sizes=[8, 8]).fetch("a:1").placed(TWO)
    told = []
    for placement in (moved, fetched):
        with pytest.raises(ExecutionError) as caught:
            execute(placement, storage=Torn())
        told.append(str(caught.value))

    assert told == [
        "the transfer of tensor 'a' failed: OSError: cable",
        "the fetch of tensor 'a:1' failed: OSError: screen",
    ]


def test_a_feed_that_fails_is_named_by_its_input():
    class Full(AsTold):
        def write(self, target, value):
            raise OSError("full")

    placement = Sketch().add("x", type="Input", sizes=[3]).placed(TWO)
    with pytest.raises(ExecutionError) as caught:
        execute(placement, {"x": np.zeros(3, np.uint8)}, storage=Full())

    assert str(caught.value) == "the feed of tensor 'x' failed: OSError: full"


def test_a_variable_that_cannot_be_filled_is_named():
    builder = GraphBuilder()
    spec = TensorSpec((4,), "uint8")
    builder.fetch(*add_operation(builder, "Variable", name="v", spec=spec, initializer=Constant(300)))
    with pytest.raises(ExecutionError) as caught:
        execute(place(builder.build(), Machine("cpu")))

    assert str(caught.value) == (
        "variable 'v' cannot be filled: OverflowError: Python integer 300 out of bounds for uint8"
    )


def test_an_operation_that_nobody_knows_is_named():
    with pytest.raises(ExecutionError, match=r"^operation 'a' \(Frobnicate\) on GPU:0 failed: UnknownOperation: "):
        execute(Sketch().add("a", type="Frobnicate").placed(TWO), storage="shape")


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_is_raised_to_end_a_program_comes_out_and_is_not_waited_for_in_vain(kind):
    def leave(inputs, outputs):
        raise kind

    with pytest.raises(kind):
        execute(Sketch().add("a", sizes=[8], does=leave).placed(TWO), storage=AsTold())


def test_an_error_in_the_callers_progress_comes_out():
    def stop(done, total):
        raise StopIteration(done)

    with pytest.raises(StopIteration):
        execute(Sketch().add("a", sizes=[8]).add("b", "a").placed(TWO), storage=AsTold(), on_progress=stop)


def test_out_of_memory_waits_for_what_is_under_way_and_carries_the_trace():
    ran, may_end = [], threading.Event()

    def hold(inputs, outputs):
        ran.append(may_end.wait(20))

    sketch = Sketch().add("slow", on="/gpu:1", does=hold).add("a", sizes=[3072])
    sketch.add("b", "a", sizes=[1024], does=lambda *_: threading.Timer(0.05, may_end.set).start())
    sketch.add("c", "b", "a", sizes=[512])
    with pytest.raises(OutOfDeviceMemory) as caught:
        execute(sketch.placed(TWO), storage=AsTold())

    assert ran == [True]
    assert (caught.value.shortage.owner, caught.value.shortage.used_bytes) == ("c", 4096)
    assert [(event.is_allocation, event.owner) for event in caught.value.trace.memory[1]] == [
        *((True, "a"), (True, "b"), (False, "a"), (False, "b")),
    ]
    assert caught.value.trace.peak_bytes(1) == 4096


def test_times_in_a_trace_never_go_back_even_if_memory_runs_out():
    sketch, _ = failing()
    sketch.add("large", "later", on="/gpu:1", sizes=[8192])
    for attributes in sketch.builder._data.attributes:
        attributes["does"] = None
    with pytest.raises(OutOfDeviceMemory) as caught:
        execute(sketch.placed(TWO), storage=AsTold())
    for events in caught.value.trace.memory:
        times = [event.time_ps for event in events]

        assert times == sorted(times)
