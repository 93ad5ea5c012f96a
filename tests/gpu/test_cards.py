"""Which real card serves: all logical devices of a machine on one, and what there is told as it is."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import simgpu as sg
from simgpu.arrays import Runtime
from simgpu.errors import ExecutionError, OutOfDeviceMemory
from simgpu.machine import Machine
from simgpu.units import GiB, MiB

pytestmark = pytest.mark.gpu

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cupy(card):
    return pytest.importorskip("cupy")


def cards(cupy):
    return cupy.cuda.runtime.getDeviceCount()


def test_a_machine_of_two_cards_is_cut_from_the_one_that_serves(card):
    storage = card()
    with Runtime("2 x 256MiB", storage=storage) as runtime:
        xp = runtime.xp()
        x = xp.asarray(np.arange(12.0).reshape(3, 4), device="gpu:0")
        y = (x.to_device("gpu:1") * 2.0).to_device("gpu:0")
        use = storage.card_use()
        regions = [memory.region for memory in runtime.memories[1:]]

        assert [device.physical for device in runtime.machine.devices[1:]] == [1, 2]
        assert (use.regions_bytes, use.scratch_bytes) == (2 * 256 * MiB, 2 * 64 * MiB)
        assert {region.driver for region in regions} == {storage.driver}
        assert {array._data.data.device_id for array in (x, y, x.to_device("gpu:1"))} == {0}
        np.testing.assert_array_equal(y.value(), 2 * np.arange(12.0).reshape(3, 4))


def test_cards_of_a_machine_that_together_are_larger_than_the_one_that_serves_are_refused(card):
    storage = card()
    _, total = storage.driver.memory_info()
    part = total * 6 // 10 // MiB
    with pytest.raises(OutOfDeviceMemory, match="cannot start") as caught:
        Runtime(Machine(f"2 x {part}MiB"), storage=storage).start()
    gc.collect()

    assert caught.value.shortage.limit_bytes == total
    assert storage.card_use().regions_bytes == 0


def test_links_between_the_cards_of_a_machine_are_the_models_alone(card):
    """A copy between them takes what a copy within the card takes, and on the virtual clock what the link takes."""
    builder, spec = sg.GraphBuilder(), sg.TensorSpec((2**18,), "float32")
    (x,) = sg.add_operation(builder, "Input", name="x", spec=spec, device="/gpu:0")
    (y,) = sg.add_operation(builder, "Neg", [x], name="y", device="/gpu:0")
    (z,) = sg.add_operation(builder, "Neg", [y], name="z", device="/gpu:1")
    builder.fetch(z=z)
    machine = Machine({"gpus": "2 x 256MiB", "links": {"host": {"bandwidth": "1 MB/s", "latency": 0}}})
    placement, feeds = sg.place(builder.build(), machine), {"x": np.arange(2.0**18, dtype=np.float32)}
    found = {}
    for clock in ("real", "virtual"):
        outputs, trace = sg.execute(placement, feeds, storage=card(), clock=clock)
        np.testing.assert_array_equal(outputs["z"], feeds["x"])
        moves = [span for span in trace.spans if span.kind == "transfer" and "GPU:0 -> GPU:1" in span.resource]
        found[clock] = sum(span.end_ps - span.start_ps for span in moves)

    assert 0 < found["real"] < 10**11  # a tenth of a second, at the very most
    assert found["virtual"] >= 1_048_576 * 10**6


def test_the_card_is_told_as_cuda_and_nvidias_own_command_tell_it(cupy):
    machine = sg.detect()
    gpus = [device for device in machine.physical_devices if device.kind == "GPU"]
    said = [cupy.cuda.runtime.getDeviceProperties(number) for number in range(cards(cupy))]

    assert [gpu.model.title for gpu in gpus] == [it["name"].decode() for it in said]
    assert [gpu.model.memory_bytes for gpu in gpus] == [it["totalGlobalMem"] for it in said]
    assert [gpu.model.cores for gpu in gpus] == [it["multiProcessorCount"] for it in said]
    assert len({gpu.pci_bus_id for gpu in gpus}) == len(gpus)
    assert all(1 * GiB < gpu.model.memory_bytes < 1024 * GiB for gpu in gpus)
    by_bus = uuids_by_bus()
    for gpu in gpus:
        uuid = by_bus.get(bus_of(gpu.pci_bus_id), gpu.uuid)
        known = gpu.uuid.rstrip("0-")  # CuPy ends it at a byte of 0
        assert uuid.startswith(known)


def uuids_by_bus():
    """Return the UUIDs of all cards by where they are, as `nvidia-smi` tells them; nothing where it is not there."""
    if shutil.which("nvidia-smi") is None:
        return {}
    command = ["nvidia-smi", "--query-gpu=pci.bus_id,uuid", "--format=csv,noheader"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    rows = [line.split(", ") for line in ran.stdout.splitlines() if ran.returncode == 0]
    return {bus_of(row[0]): row[1].strip() for row in rows if len(row) == 2}


def bus_of(pci_bus_id):
    """Return domain, bus and device as numbers: they are written with more or fewer digits."""
    domain, bus, device = pci_bus_id.strip().split(":")
    return int(domain, 16), int(bus, 16), int(device.split(".")[0], 16)


SEEN = """
import simgpu as sg
print([device.kind for device in sg.detect().physical_devices])
try:
    sg.Runtime("1 x 64MiB", storage="cupy").start()
except sg.ExecutionError as error:
    print(error)
"""


def test_a_process_that_is_shown_no_card_detects_none_and_says_what_is_missing(cupy):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", SEEN], env=environment, capture_output=True, text=True, timeout=120, check=False
    )

    assert ran.returncode == 0, ran.stderr
    kinds, words = ran.stdout.splitlines()[:2]
    assert kinds == "['CPU']"
    assert words.startswith("storage='cupy' needs an NVIDIA GPU, and CuPy cannot use GPU 0 here (")


def test_a_card_beyond_those_that_there_are_is_refused(cupy):
    number = cards(cupy)
    with pytest.raises(ExecutionError, match=f"CuPy cannot use GPU {number} here"):
        sg.cupy_storage(number)

    assert cupy.cuda.runtime.getDevice() < number


def test_two_cards_serve_two_runtimes_in_one_process(cupy, card):
    if cards(cupy) < 2:
        pytest.skip("there is one card here, and this needs two")
    storages = [card(), sg.cupy_storage(1, scratch_bytes=64 * MiB)]
    with Runtime("2 x 64MiB", storage=storages[0]) as first, Runtime("2 x 64MiB", storage=storages[1]) as second:
        for number, runtime in enumerate((first, second)):
            xp = runtime.xp()
            x = xp.full((1000,), float(number), dtype=xp.float32, device="gpu:0")
            y = (x + 1.0).to_device("gpu:1")
            with runtime.device("/gpu:1"):
                raw = cupy.ones(100, cupy.float32)
                drawn = cupy.random.random_sample(10)

            assert {array.data.device_id for array in (x._data, y._data, raw, drawn)} == {number}
            assert set(y.value().tolist()) == {number + 1.0}
            assert storages[number].card_use().regions_bytes == 2 * 64 * MiB
            del raw, drawn
    assert cupy.cuda.runtime.getDevice() == 0
