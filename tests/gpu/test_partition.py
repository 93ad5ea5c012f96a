"""Multiprocessors of one's own: which ones a device's kernels really run on."""

import numpy as np
import pytest

from simgpu import Runtime, cupy_storage
from simgpu.errors import ExecutionError, MissingDependency

cupy = pytest.importorskip("cupy")
pytestmark = pytest.mark.gpu

WHERE = r"""
extern "C" __global__ void where(unsigned int *places) {
    unsigned int place;
    asm volatile("mov.u32 %0, %%smid;" : "=r"(place));
    long long start = clock64();
    while (clock64() - start < 200000) {}
    if (threadIdx.x == 0) places[blockIdx.x] = place;
}
"""
BLOCKS = 2000


def multiprocessors_of(runtime, device):
    """Return the multiprocessors on which many blocks of a long kernel have run."""
    with runtime.device(device):
        places = cupy.zeros(BLOCKS, cupy.uint32)
        cupy.RawKernel(WHERE, "where")((BLOCKS,), (32,), (places,))
        return set(np.unique(places.get()).tolist())


def test_devices_of_a_green_partition_never_share_a_multiprocessor():
    try:
        storage = cupy_storage(partition="green", sm_counts=(32, 64))
    except (MissingDependency, ExecutionError) as error:
        if isinstance(error.__cause__, AttributeError | TypeError):
            raise  # cuda-core is asked in a wrong way
        pytest.skip(str(error))
    with Runtime("2 x 1GiB", storage=storage) as runtime:
        first, second = (multiprocessors_of(runtime, f"/gpu:{number}") for number in (0, 1))

    assert (len(first), len(second), first & second) == (32, 64, set())


def test_without_a_partition_each_device_has_all():
    with Runtime("2 x 1GiB", storage=cupy_storage()) as runtime:
        first, second = (multiprocessors_of(runtime, f"/gpu:{number}") for number in (0, 1))

    assert first == second
