"""Variables and constants: where they go, what assignments and reads do, and the words of each refusal."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import simgpu as sg
from simgpu.config import LogicalDeviceConfiguration

CPU_0 = "/job:localhost/replica:0/task:0/device:CPU:0"
GPU_0 = "/job:localhost/replica:0/task:0/device:GPU:0"
GPU_1 = "/job:localhost/replica:0/task:0/device:GPU:1"


@pytest.fixture
def runtime():
    with sg.Runtime("2 x 1GiB") as made:
        yield made


def used(runtime):
    return [memory.statistics().current_bytes for memory in runtime.memories]


def refused(error, call, *given):
    with pytest.raises(error) as caught:
        call(*given)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kernels", "value", "device", "memory"),
    [
        ("float-only", 1.5, GPU_1, GPU_1),
        ("float-only", 42, CPU_0, CPU_0),
        ("float-only", np.int64(42), CPU_0, CPU_0),
        ("float-only", True, GPU_1, GPU_1),
        ("float-only", "text", CPU_0, CPU_0),
        ("tensorflow", 42, GPU_1, CPU_0),
        ("tensorflow", np.int64(42), GPU_1, GPU_1),
        ("tensorflow", "text", GPU_1, CPU_0),
        ("all", 42, GPU_1, GPU_1),
    ],
)
def test_a_constant_is_where_its_kernel_is_and_in_the_memory_that_its_kernel_uses(kernels, value, device, memory):
    with sg.Runtime("2 x 1GiB", kernels=kernels) as runtime, runtime.device("/gpu:1"):
        made = sg.constant(value)

        assert (made.device, made.backing_device) == (device, memory)
        assert made.value() == value


@pytest.mark.parametrize(
    ("kernels", "value", "device"),
    [
        ("float-only", 1.5, GPU_1),
        ("float-only", 42, CPU_0),
        ("float-only", np.int64(42), CPU_0),
        ("float-only", True, GPU_1),
        ("tensorflow", 42, CPU_0),
        ("tensorflow", np.int64(42), GPU_1),
        ("tensorflow", "text", CPU_0),
        ("all", 42, GPU_1),
    ],
)
def test_a_variable_is_where_its_handle_has_a_kernel(kernels, value, device):
    with sg.Runtime("2 x 1GiB", kernels=kernels) as runtime, runtime.device("/gpu:1"):
        made = sg.Variable(value)

        assert (made.device, made.backing_device, made.value()) == (device, device, value)


def test_an_integer_variable_on_a_gpu_is_an_error_without_soft_placement():
    with sg.Runtime("1 x 1GiB", kernels="tensorflow", soft=False) as runtime, runtime.device("/gpu:0"):
        message = refused(sg.PlacementError, sg.Variable, [1, 2])
        gc.collect()  # the traceback holds the constant

        assert used(runtime) == [0, 0]
    assert message == (
        f"operation 'Variable' (VarHandleOp) asks for {GPU_0}; there is no GPU kernel for VarHandleOp on int32, only "
        "for CPU; ask for CPU, or allow another device: soft=True"
    )


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (1, None, "int32"),
        (2**31, None, "int64"),
        (1.5, None, "float32"),
        ([1, 2.5], None, "float32"),
        (True, None, "bool"),
        (1j, None, "complex128"),
        ("a", None, "string"),
        (np.float64(1), None, "float64"),
        (np.zeros(3, np.int8), None, "int8"),
        (1, "float64", "float64"),
        ([], None, "float32"),
    ],
)
def test_dtypes_of_constants_are_tensorflows(runtime, value, dtype, expected):
    assert sg.constant(value, dtype)._kind.spec.dtype == expected


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        (
            [[1], [1, 2]],
            None,
            "a constant is one value, or lists of one length each inside the other, and not [[1], [1, 2]]",
        ),
        ([object()], None, "a constant is made of numbers, bools or strings, not of object"),
        (1.5, "int32", "a constant of dtype int32 cannot be made of float64 values: 1.5"),
        ("a", "float32", "a constant of dtype float32 cannot be made of <U1 values: 'a'"),
    ],
)
def test_what_is_no_constant_is_refused(runtime, value, dtype, message):
    with pytest.raises(sg.InvalidValue) as caught:
        sg.constant(value, dtype)

    assert str(caught.value) == message
    assert used(runtime) == [0, 0, 0]


def test_a_variable_takes_memory_once_and_gives_it_back(runtime):
    weights = sg.Variable(np.ones(256, np.float32), name="weights")

    assert runtime.memories[1].live_owners() == [("weights", 1024)]
    del weights
    assert used(runtime) == [0, 0, 0]


def test_a_variable_of_an_array_is_a_copy(runtime):
    source = sg.constant([1.0, 2.0])
    made = sg.Variable(source)
    source.free()

    assert made.value().tolist() == [1.0, 2.0]
    assert used(runtime) == [0, 512, 0]


def test_a_variable_can_be_made_by_a_function_or_of_a_variable(runtime):
    first = sg.Variable(lambda: [1.0, 2.0])
    second = sg.Variable(first)
    first.assign([3.0, 4.0])

    assert [first.value().tolist(), second.value().tolist()] == [[3.0, 4.0], [1.0, 2.0]]


def test_assignments_run_on_the_variables_device_whatever_the_scopes_say(runtime):
    with runtime.device("/gpu:1"):
        made = sg.Variable([1.0, 2.0])
    with runtime.device("/gpu:0"):
        made.assign([3.0, 4.0]).assign_add([1.0, 1.0]).assign_sub([0.5, 0.5])

    assert (made.device, made.value().tolist()) == (GPU_1, [3.5, 4.5])
    assert used(runtime) == [0, 0, 512]


def test_reads_are_where_the_scopes_say(runtime):
    with runtime.device("/gpu:1"):
        made = sg.Variable([1.0, 2.0])
        inside = made.read_value()
    outside = made.read_value()

    assert [inside.device, outside.device] == [GPU_1, GPU_0]


def test_what_was_read_does_not_change_with_the_variable(runtime):
    made = sg.Variable([1.0, 2.0])
    before, array = made.read_value(), made.array
    made.assign([3.0, 4.0])
    made.assign_add([1.0, 1.0])

    assert [before.value().tolist(), array.value().tolist(), made.value().tolist()] == [[1, 2], [1, 2], [4, 5]]


def test_operators_work_on_the_value_where_the_scopes_say(runtime):
    with runtime.device("/gpu:1"):
        made = sg.Variable([1.0, 2.0])
    other = sg.Variable([10.0, 20.0])

    added = made + 1.0
    assert (added.device, added.value().tolist()) == (GPU_0, [2.0, 3.0])
    assert (1.0 - made).value().tolist() == [0.0, -1.0]
    assert (made + other).value().tolist() == [11.0, 22.0]
    assert (made < other).value().tolist() == [True, True]
    assert float(made[1]) == 2.0
    assert len({made, other}) == 2


def test_reads_of_cpus_are_where_the_scopes_say():
    with sg.Runtime("cpu") as runtime:
        (cpu,) = runtime.config.list_physical_devices()
        runtime.config.set_logical_device_configuration(cpu, [LogicalDeviceConfiguration()] * 3)
        with runtime.device("/cpu:1"):
            made = sg.Variable(1.0)
        with runtime.device("/cpu:2"):
            read = made.read_value()

        assert [made.device[-5:], read.device[-5:]] == ["CPU:1", "CPU:2"]


@pytest.mark.parametrize("method", ["assign", "assign_add", "assign_sub"])
def test_what_does_not_fit_is_not_assigned(runtime, method):
    made = sg.Variable([1.0, 2.0], name="weights")

    with pytest.raises(sg.InvalidValue) as caught:
        getattr(made, method)([1.0])

    assert str(caught.value) == (
        f"{method} of weights takes float32[2], not float32[1]; give a value of the variable's shape and dtype"
    )
    assert made.value().tolist() == [1.0, 2.0]
    assert used(runtime) == [0, 512, 0]


def test_an_array_of_another_dtype_is_not_converted_silently(runtime):
    made = sg.Variable([1.0, 2.0], name="weights")

    with pytest.raises(sg.InvalidValue) as caught:
        made.assign(sg.constant([1, 2]))

    assert str(caught.value) == "weights has dtype float32 and is given int32[2]; convert it first"


def test_an_array_of_another_runtime_is_refused(runtime):
    with sg.Runtime("cpu"):
        stranger = sg.constant(1.0)

    with pytest.raises(sg.InvalidValue) as caught:
        sg.Variable(stranger, runtime=runtime)

    assert str(caught.value) == "Variable is given an array of another runtime; move its values: `x.value()`"


def test_a_freed_variable_says_so(runtime):
    made = sg.Variable([1.0, 2.0])
    made.free()

    with pytest.raises(sg.RuntimeClosedError) as caught:
        made.read_value()

    assert used(runtime) == [0, 0, 0]
    assert "has been freed" in str(caught.value)


def test_a_variable_out_of_memory_leaves_nothing_behind():
    with sg.Runtime("1 x 1GiB", storage="shape") as runtime:
        runtime.config.set_logical_device_configuration(
            runtime.config.list_physical_devices("GPU")[0], [LogicalDeviceConfiguration("1 KiB")]
        )
        made = sg.Variable(np.zeros(256, np.float32), name="weights")
        with pytest.raises(sg.OutOfDeviceMemory, match="weights asked for 1 KiB"):
            made.assign(np.zeros(256, np.float32))

        assert used(runtime) == [0, 1024]
        assert made.array.shape == (256,)


def test_a_variable_shows_what_it_is(runtime):
    assert repr(sg.Variable([1.0, 2.0], name="weights")) == f"<Variable 'weights' float32[2] on {GPU_0}>"
