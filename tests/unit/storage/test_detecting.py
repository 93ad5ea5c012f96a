"""The machine that there is: without a GPU, and with cards as CUDA describes them."""

import os
from types import SimpleNamespace

import pytest

from simgpu import detect, visible_machine
from simgpu.arrays import Runtime
from simgpu.errors import MissingDependency, OutOfDeviceMemory
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


class Properties(dict):
    """What CUDA says of a card, as CuPy hands it on."""

    def __init__(self, name, memory_bytes, multiprocessors, uuid):
        super().__init__(name=name, totalGlobalMem=memory_bytes, multiProcessorCount=multiprocessors, uuid=uuid)


CARDS = [
    Properties(b"NVIDIA H100 80GB HBM3", 85_029_158_912, 132, bytes(range(0x10, 0x20))),
    Properties(b"Tesla T4", 2**34, 40, bytes(range(0x80, 0x8A))),  # CuPy ends it at the byte of 0 behind
]


@pytest.fixture
def two_cards(monkeypatch):
    """Let CUDA tell of two cards."""
    cuda_driver = pytest.importorskip("simgpu.storage.cuda_driver", reason="CuPy is not installed")
    monkeypatch.setattr(cuda_driver.cuda, "getDeviceCount", lambda: len(CARDS))
    monkeypatch.setattr(cuda_driver.cuda, "getDeviceProperties", CARDS.__getitem__)
    monkeypatch.setattr(
        cuda_driver.cupy.cuda, "Device", lambda number: SimpleNamespace(pci_bus_id=f"0000:0{5 - number}:00.0")
    )


def test_several_cards_are_told_each_with_its_own_figures_in_the_order_of_cuda(two_cards):
    machine = detect()
    told = [
        (gpu.model.name, gpu.model.title, gpu.model.memory_bytes, gpu.model.cores, gpu.pci_bus_id, gpu.uuid)
        for gpu in machine.physical_devices[1:]
    ]

    assert told == [
        (
            *("h100-80g", "NVIDIA H100 80GB HBM3", 85_029_158_912, 132, "0000:05:00.0"),
            "GPU-10111213-1415-1617-1819-1a1b1c1d1e1f",
        ),
        ("t4", "Tesla T4", 2**34, 40, "0000:04:00.0", "GPU-80818283-8485-8687-8889-000000000000"),
    ]
    assert [device.name[-5:] for device in machine.devices] == ["CPU:0", "GPU:0", "GPU:1"]


def test_each_of_several_cards_can_be_split_and_is_seen_through_the_environment(two_cards):
    machine = detect().split({"GPU:0": ["20GiB", "30GiB"], "GPU:1": ["8GiB", "4GiB", "1GiB"]})
    limits = [device.memory_limit_bytes // 2**30 for device in machine.devices[1:]]
    second = visible_machine(detect(), {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"})

    assert limits == [20, 30, 8, 4, 1]
    assert [device.physical for device in machine.devices[1:]] == [1, 1, 2, 2, 2]
    # As with the driver, numbers in the order of PCI buses are others than those with the fastest first.
    assert [gpu.pci_bus_id for gpu in second.physical_devices[1:]] == ["0000:04:00.0"]


def test_logical_devices_of_several_cards_that_were_detected_are_cut_from_the_one_that_serves(two_cards):
    host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
    machine = detect().split({"GPU:0": ["1MiB", "2MiB"], "GPU:1": ["1MiB"]})
    storage = host.host_storage(16 * 2**20, scratch_bytes=2**20)
    with Runtime(machine, storage=storage) as runtime:
        x = runtime.xp().ones((64,), device="gpu:2").to_device("gpu:0")

        assert (storage.card_use().regions_bytes, x.value().sum()) == (4 * 2**20, 64)
    with pytest.raises(OutOfDeviceMemory, match="cannot start"):
        Runtime(detect(), storage=storage).start()


def test_where_cuda_fails_to_tell_there_is_no_card(monkeypatch):
    cuda_driver = pytest.importorskip("simgpu.storage.cuda_driver", reason="CuPy is not installed")

    def fails():
        raise cuda_driver.cuda.CUDARuntimeError(100)

    monkeypatch.setattr(cuda_driver.cuda, "getDeviceCount", fails)

    assert [device.kind for device in detect().physical_devices] == ["CPU"]
