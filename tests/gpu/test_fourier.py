"""Fourier transforms on a real card: results as NumPy's, work areas under the limit of the device, no plans kept."""

from __future__ import annotations

import gc
from threading import Thread

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.errors import OutOfDeviceMemory
from simgpu.machine import Machine
from simgpu.units import MiB
from tests.gpu.test_limits import OF_CUDA_BYTES, free_bytes, taken_bytes

pytestmark = pytest.mark.gpu

LENGTHS = (1, 2, 3, 7, 8, 30, 97, 128, 1000, 1009, 4096, 6561, 16384, 65536, 100_003)
"""Powers of small primes, for which there are kernels, and primes, which need more work area."""
TOLERANCES = {"complex64": 2e-5, "complex128": 1e-12}
TO_REAL = ("irfft", "hfft", "irfftn")
ONE_DIMENSION = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")


@pytest.fixture
def runtime(card):
    with opened(card) as runtime:
        yield runtime


def opened(card, **options):
    return Runtime(Machine("1 x 1GiB").split({"GPU:0": ["64MiB", "64MiB"]}), storage=card(**options))


def values(name, shape, dtype, axes=(-1,)):
    """Return what a transform takes. Those to real values take what real values give: CUDA asks for no less."""
    generator = np.random.default_rng([*shape, len(name)])
    real = generator.standard_normal(shape).astype(dtype)
    if name in ("rfft", "ihfft", "rfftn"):
        return real
    made = np.fft.rfftn(real, axes=axes) if name in TO_REAL else real + 1j * generator.standard_normal(shape)
    return made.astype(np.result_type(real.dtype, np.complex64))


def assert_close(found, expected):
    """Hold results against NumPy's, as far as their dtype can be right: errors grow with the largest element."""
    tolerance = TOLERANCES[np.result_type(expected.dtype, np.complex64).name]
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert np.abs(found - expected).max() <= tolerance * max(np.abs(expected).max(), 1.0)


def assert_transforms_as_numpy(runtime, name, dtype, length, **options):
    xp = runtime.xp()
    if name in TO_REAL:
        options = {"n": length, **options}
    x = values(name, (2, length), dtype)
    made = getattr(xp.fft, name)(xp.asarray(x, device="gpu:1"), **options)

    assert made.device[-5:] == "GPU:1"
    assert_close(made.value(), getattr(np.fft, name)(x, **options).astype(made.value().dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ONE_DIMENSION)
def test_transforms_of_any_length_are_those_of_numpy(card, name, dtype):
    with opened(card) as runtime:
        for length in LENGTHS:
            assert_transforms_as_numpy(runtime, name, dtype, length)
        for length in (7, 30, 1009):
            assert_transforms_as_numpy(runtime, name, dtype, length, norm="ortho")
            assert_transforms_as_numpy(runtime, name, dtype, length, norm="forward")
            if name not in TO_REAL:
                assert_transforms_as_numpy(runtime, name, dtype, length, n=length + 3)
                assert_transforms_as_numpy(runtime, name, dtype, length, n=length - 3)
                assert_transforms_as_numpy(runtime, name, dtype, length, axis=0)


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_transforms_along_several_axes_are_those_of_numpy(card, name):
    with opened(card) as runtime:
        xp = runtime.xp()
        for shape in ((4, 6), (3, 8, 4), (2, 3, 4, 6)):
            for axes in (tuple(range(len(shape))), (0, len(shape) - 1), (len(shape) - 1,)):
                x = values(name, shape, "float32", axes)
                made = getattr(xp.fft, name)(xp.asarray(x), axes=axes).value()
                assert_close(made, getattr(np.fft, name)(x, axes=axes).astype(made.dtype))


def test_a_transform_and_back_gives_the_values_and_leaves_no_scratch_memory(card):
    with opened(card) as runtime:
        xp = runtime.xp()
        for length in LENGTHS:
            x = values("fft", (length,), "float64")
            there = xp.fft.fft(xp.asarray(x, device="gpu:0"))
            back = xp.fft.ifft(there.to_device("gpu:1"))
            assert_close(back.value(), x)
            del there, back
        gc.collect()

        assert [memory.region.scratch.used_bytes() for memory in runtime.memories[1:]] == [0, 0]
        assert [memory.statistics().current_bytes for memory in runtime.memories[1:]] == [0, 0]


def test_a_transform_without_scratch_memory_for_it_is_refused_and_others_go_on(card):
    with opened(card, scratch_bytes=1 * MiB) as runtime:
        xp = runtime.xp()
        small, large = (xp.ones(count, dtype=xp.complex64) for count in (1024, 2**20))
        with pytest.raises(OutOfDeviceMemory, match="out of scratch memory"):
            xp.fft.fft(large)
        gc.collect()

        assert runtime.memories[1].region.scratch.used_bytes() == 0
        assert xp.fft.fft(small).value()[0] == 1024


def plans():
    """Return how many plans CuPy may keep in this thread, and keeps."""
    cache = pytest.importorskip("cupy").fft.config.get_plan_cache()
    return cache.get_size(), cache.get_curr_size()


def test_no_plan_is_kept_whichever_thread_makes_it(card, runtime):
    found = []

    def transform(device):
        xp = runtime.xp()
        with runtime.device(device):
            for length in LENGTHS:
                xp.fft.fft(xp.ones(length, dtype=xp.complex64))
            found.append(plans())

    for device in ("/gpu:0", "/gpu:1"):
        thread = Thread(target=transform, args=(device,))
        thread.start()
        thread.join()
    transform("/gpu:0")

    assert found == [(0, 0)] * 3


def test_transforms_of_many_lengths_take_nothing_of_the_card(card, runtime):
    xp, storage = runtime.xp(), runtime.storage

    def transform_all():
        for length in (*LENGTHS, *range(2, 200, 7)):
            xp.fft.fft(xp.ones(length, dtype=xp.complex64))
        for memory in runtime.memories[1:]:
            memory.region.finish()
        gc.collect()

    transform_all()  # CUDA loads the kernels for each length with its first use
    free, pools = free_bytes(storage), [taken_bytes(memory.region.scratch) for memory in runtime.memories[1:]]
    for _ in range(10):
        transform_all()

    assert abs(free_bytes(storage) - free) <= OF_CUDA_BYTES
    assert [taken_bytes(memory.region.scratch) for memory in runtime.memories[1:]] == pools


def test_raw_transforms_of_cupy_have_their_work_areas_in_the_scratch_memory_of_the_device(card, runtime):
    cupy = pytest.importorskip("cupy")
    with runtime.device("/gpu:1"):
        scratch = runtime.memories[2].region.scratch
        before = scratch.used_bytes()
        x = cupy.ones(100_003, cupy.complex64)
        made = cupy.fft.fft(x)
        during = scratch.used_bytes() - before
        first = complex(made[0])
        del made, x

    assert during >= 2 * 100_003 * 8
    assert during < 3 * 100_003 * 8  # the work area is back: no plan holds it
    assert abs(first - 100_003) < 1
    assert scratch.used_bytes() == before
