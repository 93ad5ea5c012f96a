"""When something goes wrong on a card, or memory runs out there: what is said, and that everything is given back."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from simgpu.errors import ExecutionError, OutOfDeviceMemory
from simgpu.execution import execute
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.simulation import simulate
from simgpu.trace import compare
from tests.messages import exactly

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
TWO = Machine("2 x 64KiB")
SIDE = TensorSpec((32, 32), "float32")
VALUES = np.arange(1024, dtype=np.float32).reshape(32, 32)


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch):
    """After each test no card holds memory, CuPy allocates as before, and no thread is left."""
    cards, threads, allocator = [], threading.enumerate(), host.cupy.cuda.get_allocator()
    make = host.Card.__init__

    def noted(card, *arguments, **options):
        make(card, *arguments, **options)
        cards.append(card)

    monkeypatch.setattr(host.Card, "__init__", noted)
    yield
    assert cards
    assert [card.used_bytes for card in cards] == [0] * len(cards)
    assert host.cupy.cuda.get_allocator() == allocator
    assert threading.enumerate() == threads


class Chain:
    """A graph in the making: an input, and operations one after the other."""

    def __init__(self, spec=SIDE):
        self.builder = GraphBuilder()
        (self.last,) = self.builder.add("Input", outputs=[spec], name="x", attributes={"spec": spec})

    def add(self, type, *others, on="/gpu:0", **attributes):
        inputs = [self.last, *others]
        self.last = add_operation(self.builder, type, inputs, device=on, **attributes)[0]
        return self

    def placed(self, machine=TWO):
        self.builder.fetch(self.last)
        return place(self.builder.build(), machine, kernels="all", soft=False)


def test_a_chain_over_both_devices_gives_values_launches_and_transfers():
    placement = Chain().add("Neg", name="a").add("Abs", on="/gpu:1", name="b").add("Sqrt", name="c").placed()
    outputs, trace = execute(placement, {"x": VALUES}, storage=host.host_storage(is_lazy=True))

    np.testing.assert_array_equal(outputs["c"], np.sqrt(VALUES))
    assert [span.name for span in trace.spans if span.kind == "compute"] == ["a", "b", "c"]
    kinds = [(span.kind, span.name) for span in trace.spans if span.name in ("a", "b", "c")]
    assert kinds == [
        *[("launch", "a"), ("compute", "a"), ("launch", "a"), ("transfer", "a")],
        *[("launch", "b"), ("compute", "b"), ("launch", "b"), ("transfer", "b")],
        *[("launch", "c"), ("compute", "c"), ("transfer", "c")],
    ]
    moved = [span.resource for span in trace.spans if span.kind == "transfer"]
    assert moved == ["caller -> GPU:0", "GPU:0 -> GPU:1", "GPU:1 -> GPU:0", "GPU:0 -> caller"]


def test_an_operation_that_fails_is_named_with_its_device():
    placement = (
        Chain().add("Neg", name="before").add("Abs", name="wrong", on="/gpu:1").add("Sqrt", name="later").placed()
    )
    storage = host.host_storage()
    run, ran = storage.driver.run, []

    def fails(function, inputs, outputs, attributes):
        ran.append(function.__name__)
        if len(ran) == 2:
            raise ArithmeticError("it does not add up")
        return run(function, inputs, outputs, attributes)

    storage.driver.run = fails
    with pytest.raises(ExecutionError) as caught:
        execute(placement, {"x": VALUES}, storage=storage)

    assert str(caught.value) == "operation 'wrong' (Abs) on GPU:1 failed: ArithmeticError: it does not add up"
    assert len(ran) == 2


@pytest.mark.parametrize("what", ["copy_bytes", "record", "wait", "wait_on_host", "finish"])
def test_whatever_the_driver_fails_at_comes_out_and_everything_is_given_back(what):
    placement = Chain().add("Neg").add("Abs", on="/gpu:1").placed()
    for number in range(1, 6):
        storage, calls = host.host_storage(), []
        does = getattr(storage.driver, what)

        def fails(*arguments, does=does, calls=calls, number=number, **options):
            calls.append(what)
            if len(calls) == number:
                raise OSError("the card is gone")
            return does(*arguments, **options)

        setattr(storage.driver, what, fails)
        try:
            execute(placement, {"x": VALUES}, storage=storage)
        except (ExecutionError, OSError) as error:
            said = str(error)
        else:
            said = "the card is gone" if len(calls) < number else "nothing was said"

        assert "the card is gone" in said


def test_scratch_memory_that_runs_out_is_an_out_of_memory_with_the_trace_so_far():
    chain = Chain().add("Neg", name="a")
    placement = chain.add("MatMul", chain.last, name="b").placed()
    storage = host.host_storage(scratch_bytes=1024)
    run = storage.driver.run

    def with_temporaries(function, inputs, outputs, attributes):
        if len(inputs) == 2:
            host.cupy.ndarray((512,), np.float32)
        return run(function, inputs, outputs, attributes)

    storage.driver.run = with_temporaries
    with pytest.raises(OutOfDeviceMemory) as caught:
        execute(placement, {"x": VALUES}, storage=storage)

    assert str(caught.value) == (
        "GPU:0: out of scratch memory: a kernel asked for 2 KiB (2048 B) beside its operands; 0 B of 1 KiB are used; "
        "use smaller operands, or give devices more: CupyStorage(scratch_bytes=...)"
    )
    assert [event.owner for event in caught.value.trace.memory[1]][:2] == ["x", "a"]
    assert caught.value.trace.peak_bytes(1) >= 2 * SIDE.nbytes


def test_a_cap_is_the_same_as_in_the_simulation_and_on_numpy_storage():
    chain = Chain()
    chain.add("Neg").add("Concat", chain.last, chain.last, chain.last, axis=0)
    placement = chain.placed(Machine("1 x 16KiB"))
    shortages = []
    for run in (
        lambda: simulate(placement),
        lambda: execute(placement, {"x": VALUES}),
        lambda: execute(placement, {"x": VALUES}, storage=host.host_storage()),
    ):
        with pytest.raises(OutOfDeviceMemory) as caught:
            run()
        shortages.append((str(caught.value), caught.value.shortage))

    assert shortages[0] == shortages[1] == shortages[2]


def test_a_run_on_a_card_can_be_followed_on_others():
    placement = Chain().add("Neg").add("Abs", on="/gpu:1").add("Sqrt", on="/gpu:1").add("Neg").placed()
    _, first = execute(placement, {"x": VALUES}, storage=host.host_storage(is_lazy=True))
    for storage in ("numpy", "shape", host.host_storage()):
        _, again = execute(placement, {"x": VALUES}, storage=storage, follow=first)
        agreement = compare(first, again)

        assert agreement, agreement.difference


def test_a_card_without_room_for_all_devices_refuses_the_run_before_any_of_them_opens():
    placement, storage, taken = Chain().add("Neg").placed(), host.host_storage(2**17, scratch_bytes=1024), []
    storage.driver.take = storage.driver.scratch = lambda *what: taken.append(what)
    says = (
        "2 devices cannot start together: GPU:0 64 KiB, GPU:1 64 KiB ask for 128 KiB; with 1 KiB of scratch memory for "
        "each and a reserve of 0 B for CUDA that is 130 KiB, and 128 KiB of the card's 128 KiB are free; lower the "
        "limits, or scratch_bytes and reserve_bytes of CupyStorage"
    )
    with pytest.raises(OutOfDeviceMemory, match=exactly(says)) as caught:
        execute(placement, {"x": VALUES}, storage=storage)

    assert taken == []
    assert caught.value.shortage.needed_bytes == 2 * (2**16 + 1024)


def fills_of(storage, ptr):
    """Return all poisonings that begin at an address, in order."""
    return [work for work in storage.driver.log if work.what == "fill" and work.writes[0][0] == ptr]


def test_poison_fills_what_a_run_gives_back_and_leaves_its_results():
    placement, storage, made = Chain().add("Neg").add("Abs").placed(), host.host_storage(poison=True), []
    run = storage.driver.run

    def noted(function, inputs, outputs, attributes):
        made.extend(outputs)
        return run(function, inputs, outputs, attributes)

    storage.driver.run = noted
    outputs, _ = execute(placement, {"x": VALUES}, storage=storage)

    assert [bool(np.isnan(host.on_host(array)).all()) for array in made] == [True, True]
    np.testing.assert_array_equal(*outputs.values(), VALUES)
    made.clear()


def test_a_run_poisons_what_it_gives_back_behind_the_copy_that_reads_it():
    placement = Chain().add("Neg").add("Abs", on="/gpu:1").add("Neg", on="/gpu:1").placed()
    storage = host.host_storage(is_lazy=True, poison=True)
    between, copies = storage._copies.between, []

    def noted(giver, taker, source, target):
        moments = between(giver, taker, source, target)
        copies.append(next(work for work in reversed(storage.driver.log) if work.what == "copy"))
        return moments

    storage._copies.between = noted
    outputs, _ = execute(placement, {"x": VALUES}, storage=storage)

    (copy,) = copies
    last = fills_of(storage, copy.reads[0][0])[-1]
    assert storage.driver.log.index(copy) < storage.driver.log.index(last)
    assert storage.driver.happens_before(copy, last)
    np.testing.assert_array_equal(*outputs.values(), -VALUES)


def test_what_a_run_gives_back_is_poisoned_also_while_a_thread_copies_there():
    placement, storage = Chain().add("Neg").add("Abs").placed(), host.host_storage(poison=True)
    compute, opened, is_held = storage.compute, [], threading.Event()

    def holding(*what):
        """Let another thread have the lock of the device for some time when the first operation has been launched."""
        compute(*what)
        if not opened:
            opened.append(threading.Thread(target=_hold, args=(storage.region_of(what[2][0]).lock, is_held)))
            opened[0].start()
            is_held.wait(20)

    storage.compute = holding
    execute(placement, {"x": VALUES}, storage=storage)
    opened[0].join()

    fills = [work for work in storage.driver.log if work.what == "fill"]
    assert len(fills) == 6  # each of three arrays, when it is granted and when it is given back


def _hold(lock, is_held):
    with lock:
        is_held.set()
        time.sleep(0.2)


def test_a_run_that_is_interrupted_while_it_closes_a_device_closes_the_others_all_the_same():
    storage, opened = host.host_storage(), []
    finish, open_region = storage.driver.finish, storage.open

    def noted(*arguments, **options):
        opened.append(open_region(*arguments, **options))
        return opened[-1]

    def interrupted(stream):
        if stream is gpus()[0].stream and not gpus()[0].is_open:
            raise KeyboardInterrupt
        finish(stream)

    def gpus():
        return [region for region in opened if hasattr(region, "stream")]

    storage.open, storage.driver.finish = noted, interrupted
    with pytest.raises(KeyboardInterrupt):
        execute(Chain().add("Neg").placed(), {"x": VALUES}, storage=storage)

    assert [region.is_open for region in gpus()] == [False, False]


def test_a_storage_serves_one_run_after_the_other():
    placement, storage = Chain().add("Neg").placed(), host.host_storage()
    for _ in range(3):
        outputs, _ = execute(placement, {"x": VALUES}, storage=storage)

        np.testing.assert_array_equal(next(iter(outputs.values())), -VALUES)


def test_a_card_that_fails_for_good_is_named_by_its_device_and_everything_is_given_back():
    placement, storage = Chain().add("Neg").placed(), host.host_storage()

    def fails(stream):
        if any(work.what == "kernel" for work in storage.driver.log):
            raise OSError("an illegal address")

    storage.driver.finish = fails
    with pytest.raises(ExecutionError) as caught:
        execute(placement, {"x": VALUES}, storage=storage)

    assert str(caught.value) == "GPU:0 failed at its work: OSError: an illegal address"
