from __future__ import annotations

import numpy as np
import pytest

from simgpu.graph import TensorSpec
from simgpu.storage import NumpyStorage, ShapeStorage
from simgpu.validation.warm import WarmStorage, kept_warm

SPEC = TensorSpec((4,), "float32")


def test_a_device_gets_the_memory_again_that_it_had():
    storage = WarmStorage()
    first = storage.open(4096, device="GPU:0")
    first.arrays(SPEC)(512)[...] = 3.0
    first.close()

    assert storage.open(4096, device="GPU:0").arrays(SPEC)(512).tolist() == [3.0] * 4


def test_devices_never_share_memory():
    storage = WarmStorage()
    regions = [storage.open(limit, device=device) for device in ("GPU:0", "GPU:1") for limit in (4096, 8192)]
    arrays = [region.arrays(SPEC)(0) for region in regions]

    assert [np.shares_memory(arrays[0], other) for other in arrays[1:]] == [False] * 3


def test_only_plain_numpy_storage_is_replaced():
    own, shape = WarmStorage(), ShapeStorage()
    with kept_warm(NumpyStorage()) as first, kept_warm(own) as second, kept_warm(shape) as third:
        assert type(first) is WarmStorage
        assert (second, third) == (own, shape)


def test_devices_of_a_card_keep_their_memory_for_the_runs_of_one_workload():
    host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
    storage, taken = host.host_storage(), []
    take = storage.driver.take
    storage.driver.take = lambda size: taken.append(size) or take(size)
    with kept_warm(storage) as kept:
        for _ in range(3):
            kept.open(4096).close()

    assert (kept, taken, storage.driver.used_bytes) == (storage, [4096], 0)
