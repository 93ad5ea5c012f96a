from dataclasses import replace

import pytest

from simgpu.costs import Cost, Given, MoveCost, Roofline
from simgpu.errors import GraphError, InvalidValue, UnknownOperation
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.units import PS_PER_US
from tests.messages import exactly

MACHINE = Machine({"gpus": "1 x 1GiB", "intra_op_threads": 4})
CPU, GPU = MACHINE.devices


class Never:
    def cost(self, operation, device):
        raise AssertionError("the other model was asked")


class Seven:
    def cost(self, operation, device):
        return Cost(7, 3)


@pytest.mark.parametrize("figures", [(-1, 1), (1, 0), (1.5, 1), (1, True)])
def test_a_cost_that_cannot_be_meant_is_refused(figures):
    with pytest.raises(InvalidValue, match="is no cost"):
        Cost(*figures)


@pytest.mark.parametrize("launch_ps", [-1, 1.5, True, "5us", 2**63])
def test_a_launch_that_cannot_be_meant_is_refused(launch_ps):
    with pytest.raises(InvalidValue, match="launch_ps must be None or an int of 0 or more"):
        Cost(1, launch_ps=launch_ps)


@pytest.mark.parametrize("share", [0, -0.5, 1.001, True, "half", float("nan")])
def test_a_share_of_a_card_that_cannot_be_meant_is_refused(share):
    with pytest.raises(InvalidValue, match="card_share must be a number above 0, and 1 at most"):
        Cost(1, card_share=share)


@pytest.mark.parametrize("figures", [(-1, None), (None, None), (0, -1), (0, 1.5), (2**63, None)])
def test_a_cost_of_a_move_that_cannot_be_meant_is_refused(figures):
    with pytest.raises(InvalidValue, match="launch_ps must be an int of 0 or more, and time_ps one or None"):
        MoveCost(*figures)


def work(**attributes):
    builder = GraphBuilder()
    builder.add("Work", name="w", attributes=attributes)
    return builder.build().operation("w")


def applied(type, *shapes, dtype="float32", **attributes):
    builder = GraphBuilder()
    inputs = [add_operation(builder, "Input", spec=TensorSpec(shape, dtype))[0] for shape in shapes]
    add_operation(builder, type, inputs, name="w", **attributes)
    return builder.build().operation("w")


def test_all_parts_one_after_the_other_take_the_serial_time():
    assert (Cost(5).serial_ps, Cost(5, 3).serial_ps) == (5, 15)


def test_a_given_duration_is_taken_as_it_is():
    assert Given(Never()).cost(work(duration_ps=12), GPU) == Cost(12)
    assert Given(Never()).cost(work(duration_ps=0), CPU) == Cost(0)


def test_a_duration_can_be_given_for_each_kind_of_device():
    operation = work(duration_ps={"CPU": 50, "GPU": 5})

    assert [Given(Never()).cost(operation, device) for device in (CPU, GPU)] == [Cost(50), Cost(5)]


def test_what_is_not_given_is_asked_of_the_other_model():
    assert Given(Seven()).cost(work(), GPU) == Cost(7, 3)


class Moves(Seven):
    def move(self, size_bytes, source, target):
        return MoveCost(size_bytes, 9)


def test_moves_are_asked_of_the_other_model_if_it_knows_of_them():
    assert Given(Moves()).move(3, None, GPU) == MoveCost(3, 9)
    assert Given(Seven()).move(3, None, GPU) == MoveCost()


@pytest.mark.parametrize("duration", [-1, 1.5, True, "5us", {}, {"GPU": 2.0}, {"GPU": None}], ids=str)
def test_a_duration_that_cannot_be_meant_is_refused(duration):
    with pytest.raises(GraphError) as caught:
        Given(Never()).cost(work(duration_ps=duration), GPU)

    assert str(caught.value) == (
        f"operation 'w' has duration_ps {duration!r}; on {GPU.name} it must be an int of 0 or more picoseconds, or a "
        "mapping from 'GPU' to one"
    )


def test_a_duration_that_is_given_for_other_kinds_of_device_alone_is_refused():
    with pytest.raises(GraphError) as caught:
        Given(Never()).cost(work(duration_ps={"GPU": 5}), CPU)

    assert str(caught.value) == (
        f"operation 'w' is on {CPU.name}, but its duration is given for GPU alone; place it on a GPU, or give it a "
        "duration for CPU"
    )


def test_an_operation_is_bound_by_memory_if_that_takes_longer():
    assert Roofline(MACHINE).cost(applied("Relu", (1000,)), GPU) == Cost(16_000)  # 8000 B at 500 GB/s


def test_an_operation_is_bound_by_arithmetic_if_that_takes_longer():
    product = applied("MatMul", (1000, 1000), (1000, 1000))

    assert Roofline(MACHINE).cost(product, GPU) == Cost(200 * PS_PER_US)  # 2e9 FLOP at 10 TFLOP/s


def test_the_peak_is_that_of_the_dtype():
    product = applied("MatMul", (1000, 1000), (1000, 1000), dtype="float16")

    assert Roofline(MACHINE).cost(product, GPU) == Cost(100 * PS_PER_US)  # 2e9 FLOP at 20 TFLOP/s


def test_a_cpu_cuts_large_operations_into_one_part_for_each_thread():
    product = applied("MatMul", (1000, 1000), (1000, 1000))
    model = MACHINE.model(0)
    full_ps = -(-2 * 10**9 * 10**12 // model.peak_for("float32"))

    assert Roofline(MACHINE).cost(product, CPU) == Cost(full_ps, parts=4)


def test_a_cpu_leaves_small_operations_whole_and_then_they_have_one_thread():
    bandwidth = MACHINE.model(0).memory_bandwidth_bytes_per_s
    full_ps = -(-8 * 10**12 // bandwidth)

    assert Roofline(MACHINE).cost(applied("Relu", (1,)), CPU) == Cost(4 * full_ps)


def test_a_cpu_never_cuts_into_parts_below_13_us():
    inventory = MACHINE.inventory
    slow = replace(MACHINE.model(0), memory_bandwidth_bytes_per_s=10**9)  # 1 ns for each byte
    devices = (replace(inventory.physical_devices[0], model=slow), inventory.physical_devices[1])
    machine = Machine.from_inventory(replace(inventory, physical_devices=devices))
    parts = {
        size: Roofline(machine).cost(applied("Relu", (size,)), CPU) for size in (812, 813, 1218, 1219, 1625, 100_000)
    }

    assert parts == {  # 8 ns for each element on 4 threads: 32 ns on one
        812: Cost(25_984_000, 1),
        813: Cost(13_008_000, 2),
        1218: Cost(19_488_000, 2),
        1219: Cost(13_002_667, 3),
        1625: Cost(13_000_000, 4),
        100_000: Cost(800_000_000, 4),
    }


def test_an_operation_outside_the_table_is_refused():
    with pytest.raises(UnknownOperation, match=exactly("no operation is called 'Work'; near it: Or")):
        Roofline(MACHINE).cost(work(), GPU)


def test_an_operation_that_touches_no_bytes_takes_no_time():
    builder = GraphBuilder()
    builder.add("Concat", name="w", outputs=[TensorSpec((0,), "float32")])

    assert Roofline(MACHINE).cost(builder.build().operation("w"), GPU) == Cost(0)
