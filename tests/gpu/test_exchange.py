"""DLPack on a real card: arrays of the library for CuPy, and CuPy's for the library."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.machine import Machine
from tests.messages import exactly

pytestmark = pytest.mark.gpu

CUDA = (2, 0)
HOST = (1, 0)


@pytest.fixture
def cupy(card):
    return pytest.importorskip("cupy")


@pytest.fixture
def runtime(card):
    with Runtime(Machine("1 x 64MiB").split({"GPU:0": ["8MiB", "8MiB"]}), storage=card()) as runtime:
        runtime.start()
        yield runtime


def current_bytes(runtime):
    gc.collect()
    return [runtime.memory_statistics(f"GPU:{number}").current_bytes for number in (0, 1)]


def test_arrays_of_gpus_are_on_the_card_and_those_of_cpus_in_host_memory(runtime):
    xp = runtime.xp()

    assert xp.ones(3, device="gpu:1").__dlpack_device__() == CUDA
    assert xp.ones(3, device="cpu").__dlpack_device__() == HOST


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "complex64", "bool"])
def test_cupy_shares_memory_shape_strides_and_dtype(cupy, runtime, dtype):
    x = runtime.xp().asarray(np.arange(12).reshape(3, 4).astype(dtype), device="gpu:1")
    view = x.T[1:, ::-1] if dtype != "complex64" else x
    with runtime.device("/gpu:1"):
        shared = cupy.from_dlpack(view)

        assert (shared.shape, shared.strides, shared.dtype) == (view.shape, view._data.strides, np.dtype(dtype))
        np.testing.assert_array_equal(shared.get(), view.value())
        assert shared.data.ptr == view._data.data.ptr


def test_the_ledger_holds_what_is_exported_until_the_last_consumer_drops_it(cupy, runtime):
    x = runtime.xp().ones((1024,), device="gpu:1")
    with runtime.device("/gpu:1"):
        first, second = cupy.from_dlpack(x), cupy.from_dlpack(x[512:])
    del x
    held = [current_bytes(runtime)]
    del first
    held.append(current_bytes(runtime))
    del second
    held.append(current_bytes(runtime))

    assert held == [[0, 8192], [0, 8192], [0, 0]]


def test_a_capsule_that_nobody_takes_gives_the_memory_back(runtime):
    x = runtime.xp().ones((1024,))
    capsule = x.__dlpack__()
    del x
    held = current_bytes(runtime)
    del capsule

    assert (held, current_bytes(runtime)) == ([8192, 0], [0, 0])


def test_an_exported_copy_is_scratch_memory_of_the_device(cupy, runtime):
    scratch = runtime.memories[1].region.scratch
    x = runtime.xp().ones((1024,))
    with runtime.device("/gpu:0"):
        copied = cupy.from_dlpack(x, copy=True)
        used = scratch.used_bytes()
        x += 1.0

        assert (float(copied[0]), copied.data.ptr == x._data.data.ptr) == (1.0, False)
    assert used >= 8192
    del copied, x
    assert (current_bytes(runtime), scratch.used_bytes()) == ([0, 0], 0)


def test_host_memory_gets_a_copy_if_it_asks_for_one(runtime):
    x = runtime.xp().asarray([1.0, 2.0, 3.0])

    np.testing.assert_array_equal(np.from_dlpack(x, device="cpu"), [1.0, 2.0, 3.0])
    with pytest.raises(
        BufferError, match=exactly("these bytes are on a card, DLPack device (2, 0); they cannot be had on (1, 0)")
    ):
        x.__dlpack__(dl_device=HOST, copy=False)
    with pytest.raises(
        BufferError, match=exactly("these bytes are on a card, DLPack device (2, 0); they cannot be had on (2, 1)")
    ):
        x.__dlpack__(dl_device=(2, 1))


def test_arrays_of_cupy_come_by_a_copy_onto_the_device_that_is_wanted(cupy, runtime):
    xp = runtime.xp()
    with runtime.device("/gpu:0"):
        raw = cupy.arange(6, dtype=cupy.float32).reshape(2, 3)
        made = [xp.from_dlpack(raw, device="gpu:1"), xp.from_dlpack(raw.T)]
        del raw

    assert [array.device[-5:] for array in made] == ["GPU:1", "CPU:0"]
    np.testing.assert_array_equal(made[0].value(), np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(made[1].value(), np.arange(6).reshape(2, 3).T)


def test_what_is_under_way_is_waited_for_on_the_consumers_stream(cupy, runtime):
    xp, other = runtime.xp(), runtime.memories[2].region
    x = xp.zeros((2**18,), dtype=xp.float32)
    runtime.memories[1].region.hold()
    x += 3.0
    with runtime.device("/gpu:1"):
        shared = cupy.from_dlpack(x)
        doubled = shared * 2.0

        assert float(doubled.min()) == 6.0
        assert cupy.cuda.get_current_stream().ptr == other.stream.ptr
