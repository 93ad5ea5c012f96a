"""The runtime of programs that name none: what it is made of, who is current, and how programs share cards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

import simgpu as sg
from simgpu.arrays import default
from simgpu.units import GiB, MiB

ROOT = Path(__file__).resolve().parents[3]

HALF_OF_EACH = """
import simgpu as sg
half = sg.config.LogicalDeviceConfiguration(memory_limit="2GiB")
for gpu in sg.config.list_physical_devices("GPU"):
    sg.config.set_logical_device_configuration(gpu, [half])
"""
ALL_OF_ALL = "import simgpu as sg\n"
GROWING = """
import simgpu as sg
for gpu in sg.config.list_physical_devices("GPU"):
    sg.config.set_memory_growth(gpu, True)
"""
HOLD = """
kept = [sg.Variable([1.0], runtime=None) for gpu in sg.config.list_logical_devices("GPU")]
print("ready", [device.name for device in sg.config.list_logical_devices("GPU")], flush=True)
input()
"""
TRY = """
try:
    sg.constant(1.0)
except sg.OutOfDeviceMemory as error:
    print(error)
else:
    print("ran")
"""


@pytest.fixture
def surroundings(tmp_path, monkeypatch):
    """No default runtime, and a ledger of cards of the test's own."""
    settings = {"SIMGPU_RUNTIME_DIR": str(tmp_path / "cards"), "SIMGPU_MACHINE": "2 x 1GiB", "SIMGPU_STORAGE": "shape"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for name in ("CUDA_VISIBLE_DEVICES", "TF_FORCE_GPU_ALLOW_GROWTH", "TF_DEVICE_MIN_SYS_MEMORY_IN_MB"):
        monkeypatch.delenv(name, raising=False)
    before = default.set_default_runtime(None)
    yield monkeypatch
    made = default.set_default_runtime(before)
    if made is not None:
        made.close()


def test_the_default_runtime_is_made_once_and_of_the_environment(surroundings):
    runtime = sg.default_runtime()

    assert sg.default_runtime() is runtime is sg.current_runtime()
    assert [device.memory_limit_bytes for device in runtime.machine.devices[1:]] == [GiB, GiB]
    assert runtime.storage.name == "shape"
    assert runtime.rules.kernels == "float-only"


def test_hidden_cards_are_hidden_from_the_default_runtime(surroundings):
    surroundings.setenv("CUDA_VISIBLE_DEVICES", "1")

    assert [device.name for device in sg.config.list_physical_devices("GPU")] == ["/physical_device:GPU:0"]
    assert sg.default_runtime().machine.physical(1).name == "host0/GPU:1"


def test_growth_and_reserve_come_from_tensorflows_variables(surroundings):
    surroundings.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    surroundings.setenv("TF_DEVICE_MIN_SYS_MEMORY_IN_MB", "24")
    made = sg.constant(1.0)

    memory = sg.default_runtime().memories[1]
    assert (memory.pool.limit_bytes, memory.pool.region_bytes) == (1000 * MiB, [2 * MiB])
    assert made.device.endswith("GPU:0")


def test_a_closed_default_runtime_makes_room_for_another(surroundings):
    first = sg.default_runtime()
    first.start()
    first.close()

    assert sg.default_runtime() is not first
    assert sg.constant(1.0).device.endswith("GPU:0")


def test_an_entered_runtime_is_current_until_it_is_left(surroundings):
    outer, inner = sg.Runtime("cpu"), sg.Runtime("cpu")
    with outer:
        with inner:
            assert sg.current_runtime() is inner
        assert sg.current_runtime() is outer

    assert sg.current_runtime() is sg.default_runtime()


def test_another_thread_enters_for_itself(surroundings):
    found = []
    with sg.Runtime("cpu"):
        thread = Thread(target=lambda: found.append(sg.current_runtime()))
        thread.start()
        thread.join()

    assert found == [sg.default_runtime()]


def test_settings_are_those_of_the_runtime_that_is_current_when_they_are_made(surroundings):
    with sg.Runtime("cpu") as runtime:
        sg.config.set_soft_device_placement(False)
        sg.config.threading.set_inter_op_parallelism_threads(3)
        sg.debugging.set_log_device_placement(True)

        assert (runtime.soft, runtime.config.threading.chosen) == (False, (3, None))
        assert sg.debugging.get_log_device_placement()
    assert sg.config.get_soft_device_placement()
    assert sg.config.experimental.get_soft_device_placement()
    assert not sg.debugging.get_log_device_placement()


def test_a_setting_that_there_is_not_is_an_attribute_error():
    with pytest.raises(AttributeError) as caught:
        sg.config.set_memory_limit  # noqa: B018

    assert str(caught.value) == "module 'simgpu.config' has no attribute 'set_memory_limit'"


def test_a_closed_runtime_says_so():
    runtime = sg.Runtime("cpu")
    runtime.close()

    with pytest.raises(sg.RuntimeClosedError) as caught:
        sg.constant(1.0, runtime=runtime)

    assert str(caught.value) == "this runtime is closed; make a new one"


class Program:
    """Another program with its own interpreter, in the surroundings of the test."""

    def __init__(self, code: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> str:
        return self.process.communicate("\n", timeout=60)[0].strip()


@pytest.fixture
def four_cards(surroundings):
    surroundings.setenv("SIMGPU_MACHINE", "4 x 4GiB")
    started = []

    def start(code, **environment):
        started.append(Program(code, **environment))
        return started[-1]

    yield start
    for program in started:
        program.process.kill()
        program.process.communicate()


def test_two_programs_with_half_of_each_of_four_cards_run_side_by_side_and_a_third_is_refused(four_cards):
    first, second = four_cards(HALF_OF_EACH + HOLD), four_cards(HALF_OF_EACH + HOLD)
    names = "['/device:GPU:0', '/device:GPU:1', '/device:GPU:2', '/device:GPU:3']"
    assert [first.line(), second.line()] == [f"ready {names}"] * 2

    refusal = four_cards(HALF_OF_EACH + TRY).end()

    for pid in (first.process.pid, second.process.pid):
        assert f"pid {pid}" in refusal
    for words in ("host0/GPU:0", "2 GiB", "CUDA_VISIBLE_DEVICES", "growth", "limit"):
        assert words in refusal
    first.end()
    assert four_cards(HALF_OF_EACH + TRY).end() == "ran"


def test_a_program_that_says_nothing_takes_all_and_a_second_one_is_refused(four_cards):
    first = four_cards(ALL_OF_ALL + HOLD)
    assert first.line().startswith("ready")

    assert f"pid {first.process.pid}" in four_cards(ALL_OF_ALL + TRY).end()
    assert four_cards(ALL_OF_ALL + TRY, CUDA_VISIBLE_DEVICES="").end() == "ran"


def test_programs_that_grow_or_see_other_cards_run_side_by_side(four_cards):
    first = four_cards(ALL_OF_ALL + HOLD, CUDA_VISIBLE_DEVICES="0,1")
    assert first.line() == "ready ['/device:GPU:0', '/device:GPU:1']"
    second = four_cards(GROWING + HOLD, CUDA_VISIBLE_DEVICES="2,3")
    assert second.line().startswith("ready")

    assert four_cards(GROWING + TRY, CUDA_VISIBLE_DEVICES="3").end() == "ran"


def test_a_killed_program_gives_its_cards_back(four_cards):
    first = four_cards(ALL_OF_ALL + HOLD)
    assert first.line().startswith("ready")
    first.process.kill()
    first.process.wait()

    assert four_cards(ALL_OF_ALL + TRY).end() == "ran"
