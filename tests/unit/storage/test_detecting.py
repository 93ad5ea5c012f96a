"""The machine that there is: without a GPU, and with cards as CUDA describes them."""

import os

import pytest

from simgpu import detect
from simgpu.errors import MissingDependency
from simgpu.storage import detecting

H100 = {
    "name": "NVIDIA H100 80GB HBM3",
    "memory_bytes": 85_029_158_912,
    "multiprocessors": 132,
    "pci_bus_id": "0000:00:05.0",
    "uuid": "GPU-11111111-2222-3333-4444-555555555555",
}
UNKNOWN = {**H100, "name": "NVIDIA Nova 9", "memory_bytes": 2**33, "multiprocessors": 10, "pci_bus_id": "0000:00:06.0"}


def test_without_cupy_there_is_a_host_with_this_computers_memory_and_cores(monkeypatch):
    def need_cupy():
        raise MissingDependency("no CuPy")

    monkeypatch.setattr(detecting, "need_cupy", need_cupy)
    machine = detect()

    assert [device.kind for device in machine.devices] == ["CPU"]
    assert machine.devices[0].memory_limit_bytes == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert machine.hosts[0].intra_op_threads == os.cpu_count()


def test_cards_have_the_figures_of_the_catalog_and_what_cuda_says_of_them(monkeypatch):
    monkeypatch.setattr(detecting, "_cards", lambda: [H100, UNKNOWN])
    machine = detect()

    told = [
        (gpu.model.title, gpu.model.memory_bytes, gpu.model.cores, gpu.pci_bus_id, gpu.uuid)
        for gpu in machine.physical_devices
        if gpu.kind == "GPU"
    ]
    assert told == [
        (card["name"], card["memory_bytes"], card["multiprocessors"], card["pci_bus_id"], card["uuid"])
        for card in (H100, UNKNOWN)
    ]
    assert [device.memory_limit_bytes for device in machine.devices if device.kind == "GPU"] == [85_029_158_912, 2**33]
    assert [gpu.model.name for gpu in machine.physical_devices[1:]] == ["h100-80g", "generic-8GiB"]


@pytest.mark.parametrize(("part", "name"), detecting._PARTS)
def test_every_part_that_is_recognised_is_in_the_catalog(monkeypatch, part, name):
    monkeypatch.setattr(detecting, "_cards", lambda: [{**H100, "name": f"NVIDIA {part}"}])

    assert detect().physical_devices[1].model.name == name
