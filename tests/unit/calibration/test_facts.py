import subprocess
from types import SimpleNamespace

import pytest

from simgpu.calibration import facts as facts_module
from simgpu.calibration.facts import device_facts
from simgpu.storage import NumpyStorage
from simgpu.units import GiB
from tests.unit.calibration.laws import LawStorage

SECOND = {
    "name": "NVIDIA H100 80GB HBM3",
    "pci_bus_id": "0000:3B:00.0",
    "driver": "13010",
    "cuda": "12090",
    "cupy": "14.2.0",
}


@pytest.fixture
def storage():
    """Storage on the second card of a computer, of 80 GiB."""
    found = LawStorage(is_asynchronous=True)
    found.driver = SimpleNamespace(facts=lambda: SECOND, memory_info=lambda: (70 * GiB, 80 * GiB))
    return found


@pytest.fixture
def asked(monkeypatch):
    """What is asked of an nvidia-smi that knows the second card alone."""
    commands = []

    def run(command, **_):
        commands.append(command)
        return SimpleNamespace(stdout="580.65.06\n")

    monkeypatch.setattr(facts_module.subprocess, "run", run)
    return commands


def refuse(*_, **__):
    raise FileNotFoundError("nvidia-smi")


def fail(command, **_):
    raise subprocess.CalledProcessError(6, command)


def test_the_facts_are_those_of_the_card_in_use(storage, asked):
    found = device_facts(storage, GiB)

    assert (found.name, found.kind, found.memory_bytes) == ("NVIDIA H100 80GB HBM3", "GPU", 80 * GiB)
    assert (found.driver, found.versions["cuda"]) == ("580.65.06", "12.9")
    assert asked == [("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0000:3B:00.0")]


@pytest.mark.parametrize("run", [refuse, fail])
def test_without_nvidia_smi_the_driver_is_told_by_the_version_of_cuda_that_it_is_for(storage, monkeypatch, run):
    monkeypatch.setattr(facts_module.subprocess, "run", run)
    found = device_facts(storage, GiB)

    assert (found.name, found.memory_bytes, found.driver) == ("NVIDIA H100 80GB HBM3", 80 * GiB, "for CUDA 13.1")


def test_a_card_without_a_driver_that_tells_is_unknown():
    found = device_facts(LawStorage(is_asynchronous=True), GiB)

    assert (found.name, found.kind, found.memory_bytes, found.driver) == ("unknown GPU", "GPU", GiB, "")


def test_of_a_storage_without_a_card_the_processor_is_told(asked):
    found = device_facts(NumpyStorage(), GiB)

    assert (found.kind, found.memory_bytes, found.driver, asked) == ("CPU", GiB, "", [])
