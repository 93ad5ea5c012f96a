import inspect
import os
from pathlib import Path

import pytest

from simgpu.environment import DefaultSettings, default_settings, shared_cards, visibility_note, visible_machine
from simgpu.errors import InvalidValue, MachineError
from simgpu.machine import Machine


def names(machine):
    return [machine.model(number).name for number in range(1, len(machine.devices))]


MIXED = Machine("1 x t4 + 1 x h100-80g + 1 x l4")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ["t4", "h100-80g", "l4"]),
        ({"CUDA_VISIBLE_DEVICES": "0"}, ["h100-80g"]),
        ({"CUDA_VISIBLE_DEVICES": "2,0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, ["l4", "t4"]),
        ({"CUDA_VISIBLE_DEVICES": "1,7,0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, ["h100-80g"]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, ["h100-80g", "l4", "t4"]),
    ],
)
def test_the_environment_hides_and_renumbers_simulated_gpus_as_the_driver_does(environment, expected):
    assert names(visible_machine(MIXED, environment)) == expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ""),
        ({"CUDA_VISIBLE_DEVICES": "0"}, "CUDA_VISIBLE_DEVICES=0 leaves 1 of 3 GPUs"),
        ({"CUDA_VISIBLE_DEVICES": ""}, "CUDA_VISIBLE_DEVICES= leaves 0 of 3 GPUs"),
        ({"CUDA_VISIBLE_DEVICES": "0,1,2", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, ""),
        ({"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, "CUDA_DEVICE_ORDER=FASTEST_FIRST renumbers the 3 GPUs"),
        (
            {"CUDA_VISIBLE_DEVICES": "2", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
            "CUDA_VISIBLE_DEVICES=2 with CUDA_DEVICE_ORDER=PCI_BUS_ID leaves 1 of 3 GPUs",
        ),
    ],
)
def test_what_the_environment_changed_is_said_in_words(environment, expected):
    assert visibility_note(MIXED, visible_machine(MIXED, environment), environment) == expected


def test_without_an_environment_it_is_that_of_the_process(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)

    assert names(visible_machine(MIXED)) == ["h100-80g"]
    assert "environ(" not in str(inspect.signature(visible_machine))


def test_an_unknown_order_is_refused():
    with pytest.raises(MachineError, match="FASTEST_FIRST"):
        visible_machine(MIXED, {"CUDA_DEVICE_ORDER": "SLOWEST_FIRST"})


def test_the_directory_of_shared_cards_is_that_of_simgpu_or_of_the_session_or_a_temporary_one(tmp_path):
    session = {"XDG_RUNTIME_DIR": str(tmp_path)}

    assert shared_cards({**session, "SIMGPU_RUNTIME_DIR": "/given"}).path.parent == Path("/given")
    assert shared_cards(session).path.parent == tmp_path / "simgpu"
    assert shared_cards({}).path.parent == Path(f"/tmp/simgpu-{os.geteuid()}")


def test_the_default_runtime_is_what_the_environment_says():
    environment = {
        "SIMGPU_MACHINE": "2 x 1GiB",
        "SIMGPU_STORAGE": "shape",
        "SIMGPU_KERNELS": "all",
        "TF_FORCE_GPU_ALLOW_GROWTH": "false",
        "TF_DEVICE_MIN_SYS_MEMORY_IN_MB": "3",
    }

    assert default_settings(environment) == DefaultSettings(Machine("2 x 1GiB"), "shape", "all", False, 3 * 2**20)


@pytest.mark.parametrize("environment", [{}, {"SIMGPU_MACHINE": "", "TF_FORCE_GPU_ALLOW_GROWTH": ""}])
def test_what_the_environment_does_not_say_is_the_default(environment):
    assert default_settings(environment) == DefaultSettings(Machine("1 x 4GiB"), "numpy", "float-only", None, None)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TF_FORCE_GPU_ALLOW_GROWTH": "1"}, "TF_FORCE_GPU_ALLOW_GROWTH is '1'; it can be 'true' or 'false'"),
        (
            {"TF_DEVICE_MIN_SYS_MEMORY_IN_MB": "-1"},
            "TF_DEVICE_MIN_SYS_MEMORY_IN_MB is '-1'; it is a whole number of MiB",
        ),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(environment, message):
    with pytest.raises(InvalidValue) as caught:
        default_settings(environment)

    assert str(caught.value) == message
