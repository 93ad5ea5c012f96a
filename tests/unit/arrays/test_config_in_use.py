"""Settings that may change while a runtime is in use, and what it says of its devices."""

from __future__ import annotations

import logging

import pytest

import simgpu as sg
from simgpu.config import PhysicalDevice

CPU = PhysicalDevice("/physical_device:CPU:0", "CPU")
GPU_0 = PhysicalDevice("/physical_device:GPU:0", "GPU")
LOCAL = "/job:localhost/replica:0/task:0"


@pytest.fixture
def runtime():
    with sg.Runtime("2 x 1GiB") as made:
        yield made


@pytest.fixture
def config(runtime):
    return runtime.config


def refused(error, call, *given):
    with pytest.raises(error) as caught:
        call(*given)
    return str(caught.value)


def test_soft_placement_may_change_at_any_time(config):
    assert config.get_soft_device_placement() is True
    with sg.device("/gpu:7"):
        assert sg.constant(1.0).device == f"{LOCAL}/device:GPU:0"
        config.set_soft_device_placement(False)
        with pytest.raises(sg.PlacementError) as caught:
            sg.constant(1.0)

    assert config.get_soft_device_placement() is False
    assert str(caught.value) == (
        f"operation 'constant' (_EagerConst) asks for {LOCAL}/device:GPU:7; there is no such device, the machine has "
        "CPU:0, GPU:0, GPU:1; name one of these, or allow another device: soft=True"
    )


def test_soft_placement_does_not_forgive_a_negative_number(config):
    with sg.device("/gpu:-1"), pytest.raises(sg.PlacementError) as caught:
        sg.constant(1.0)

    assert str(caught.value) == f"constant asks for {LOCAL}/device:GPU:-1; devices are numbered from 0"


def test_memory_info_is_the_account_of_a_gpu(runtime, config):
    kept = sg.constant([1.0] * 200)
    sg.constant([1.0] * 200).free()

    assert config.get_memory_info("GPU:0") == {"current": 1024, "peak": 2048}
    assert config.get_memory_info(kept.device) == {"current": 1024, "peak": 2048}
    config.reset_memory_stats("GPU:0")
    assert config.get_memory_info("gpu:0") == {"current": 1024, "peak": 1024}


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("GPU:5", "no GPU is called 'GPU:5'; there are: GPU:0, GPU:1"),
        ("gpu5", "no GPU is called 'gpu5'; there are: GPU:0, GPU:1"),
        ("CPU:0", "memory info is kept of one GPU at a time, and 'CPU:0' names none; there are: GPU:0, GPU:1"),
        ("GPU", "memory info is kept of one GPU at a time, and 'GPU' names none; there are: GPU:0, GPU:1"),
    ],
)
def test_memory_info_is_of_one_gpu_that_there_is(config, device, message):
    assert refused(ValueError, config.get_memory_info, device) == message
    assert refused(ValueError, config.reset_memory_stats, device) == message


def test_details_of_a_card_are_its_model_and_capability(config):
    assert config.get_device_details(GPU_0) == {"device_name": "generic-1GiB", "compute_capability": (8, 0)}
    assert config.get_device_details(CPU) == {}


def test_each_operation_is_logged_in_one_line(runtime, config, caplog):
    caplog.set_level(logging.INFO, "simgpu.placement")
    config.set_log_device_placement(True)
    with runtime.device("/gpu:1"):
        step = sg.Variable(42)
    step.assign_add(1)
    config.set_log_device_placement(False)
    step.assign_add(1)

    assert config.get_log_device_placement() is False
    assert [record.getMessage() for record in caplog.records] == [
        f"Executing op Constant in device {LOCAL}/device:CPU:0 (soft: no GPU kernel for int32)",
        f"Executing op Variable in device {LOCAL}/device:CPU:0 (soft: no GPU kernel for int32)",
        f"Executing op Constant in device {LOCAL}/device:CPU:0 (no GPU kernel for int32)",
        f"Executing op Add in device {LOCAL}/device:CPU:0 (requested)",
    ]


@pytest.mark.parametrize("policy", ["silent", "warn", "explicit", "silent_for_int32"])
def test_the_policy_for_inputs_elsewhere_is_what_was_set(config, policy):
    assert config.get_device_policy() == "silent"
    config.set_device_policy(policy)
    assert config.get_device_policy() == policy
    config.set_device_policy(None)
    assert config.get_device_policy() == "silent"


def both_sides(runtime, values):
    with runtime.device("/gpu:0"):
        one = sg.constant(values)
    with runtime.device("/gpu:1"):
        return one, sg.constant(values)


def test_under_the_policy_explicit_inputs_elsewhere_are_an_error(runtime, config):
    config.set_device_policy("explicit")
    inputs = both_sides(runtime, [1.0])

    assert refused(sg.DeviceMismatchError, runtime.apply, "Add", inputs) == (
        "Add has inputs on GPU:0, GPU:1 and runs on GPU:0; move them to one device first (`x.to_device(...)`), or "
        'let a runtime copy them: mixed="copy"'
    )


def test_under_the_policy_explicit_inputs_that_are_together_are_not_to_be_moved(runtime, config):
    config.set_device_policy("explicit")
    _, there = both_sides(runtime, [1.0])

    assert refused(sg.DeviceMismatchError, runtime.apply, "Add", (there, there)) == (
        "Add has inputs on GPU:1, GPU:1 and runs on GPU:0; ask for GPU:1 (`with simgpu.device(...)`), or let a runtime "
        'copy them: mixed="copy"'
    )


def test_under_the_policy_warn_inputs_elsewhere_are_copied_with_a_warning(runtime, config, caplog):
    config.set_device_policy("warn")

    runtime.apply("Add", both_sides(runtime, [1.0]))

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", f"copied float32[1] from {LOCAL}/device:GPU:1 to {LOCAL}/device:GPU:0")
    ]


def test_under_the_policy_silent_for_int32_only_int32_is_copied():
    with sg.Runtime("2 x 1GiB", kernels="all") as runtime:
        runtime.config.set_device_policy("silent_for_int32")

        (total,) = runtime.apply("Add", both_sides(runtime, [1]))
        with pytest.raises(sg.DeviceMismatchError):
            runtime.apply("Add", both_sides(runtime, [1.0]))

        assert total.value().tolist() == [2]


def test_a_policy_that_there_is_not_is_refused(config):
    assert refused(ValueError, config.set_device_policy, "bogus") == (
        "device_policy='bogus' is not one of silent, warn, explicit, silent_for_int32"
    )
