from __future__ import annotations

import gc

import numpy as np
import pytest

from simgpu.arrays import Runtime
from tests.messages import exactly


@pytest.fixture
def runtime():
    with Runtime("2 x 1GiB") as runtime:
        yield runtime


def test_host_storage_is_host_memory_whatever_the_logical_device(runtime):
    x = runtime.xp().ones(3, device="gpu:1")

    assert x.__dlpack_device__() == (1, 0)
    with pytest.raises(
        BufferError, match=exactly("these bytes are in host memory, DLPack device (1, 0); they cannot be had on (2, 0)")
    ):
        x.__dlpack__(dl_device=(2, 0))
    with pytest.raises(BufferError, match=exactly("host memory has no streams, so stream must be None, not 1")):
        x.__dlpack__(stream=1)


def test_an_export_shares_the_memory_and_keeps_it(runtime):
    x = runtime.xp().asarray([1.0, 2.0, 3.0])

    shared = np.from_dlpack(x)
    x += 1
    del x
    gc.collect()

    np.testing.assert_array_equal(shared, [2.0, 3.0, 4.0])
    assert runtime.memory_statistics().current_bytes == 512
    del shared
    gc.collect()
    assert runtime.memory_statistics().current_bytes == 0


def test_an_exported_copy_is_the_importers_own(runtime):
    x = runtime.xp().asarray([1.0, 2.0, 3.0])

    copied = np.from_dlpack(x, copy=True)
    x += 1

    np.testing.assert_array_equal(copied, [1.0, 2.0, 3.0])


def test_an_import_is_a_copy_on_the_cpu_or_where_it_is_wanted(runtime):
    xp, values = runtime.xp(), np.arange(3.0)

    here, there = xp.from_dlpack(values), xp.from_dlpack(values, device="gpu:1")
    values += 1

    assert [x.device[-5:] for x in (here, there)] == ["CPU:0", "GPU:1"]
    np.testing.assert_array_equal(here.value(), [0.0, 1.0, 2.0])
    with pytest.raises(
        BufferError, match=exactly("memory of another library does not lie on a logical device; allow a copy")
    ):
        xp.from_dlpack(values, copy=False)
    with pytest.raises(AttributeError, match=exactly("list has no __dlpack__; use asarray for what is no array")):
        xp.from_dlpack([1.0])


def test_an_import_of_our_own_is_a_view(runtime):
    xp = runtime.xp()
    x = xp.ones(3)

    assert xp.from_dlpack(x)._buffer is x._buffer
    assert xp.from_dlpack(x, copy=True)._buffer is not x._buffer
    assert xp.from_dlpack(x, device="gpu:1").device[-5:] == "GPU:1"
    with pytest.raises(
        BufferError,
        match=exactly(
            "this float64[3] on /job:localhost/replica:0/task:0/device:GPU:0 comes onto another device only by a copy"
        ),
    ):
        xp.from_dlpack(x, device="gpu:1", copy=False)


def test_storage_without_bytes_exports_nothing():
    with Runtime("1 x 1GiB", storage="shape") as runtime:
        x = runtime.xp().ones(3)

        with pytest.raises(
            BufferError,
            match=exactly("this float64[3] is on no device that DLPack knows: its storage holds shapes only"),
        ):
            x.__dlpack_device__()
        with pytest.raises(
            BufferError, match=exactly("this float64[3] has no bytes to share: its storage holds shapes only")
        ):
            x.__dlpack__()
        with pytest.raises(
            TypeError,
            match=exactly(
                "NumPy cannot have this array: this float64[3] has no bytes to share: its storage holds shapes only"
            ),
        ):
            np.asarray(runtime.xp().ones(3, device="cpu"))


def test_numpy_gets_arrays_of_the_cpu_only(runtime):
    xp = runtime.xp()
    x = xp.ones(3)

    with pytest.raises(
        TypeError,
        match=exactly(
            "an array on /job:localhost/replica:0/task:0/device:GPU:0 does not become one of NumPy by itself; use "
            'x.value(), or numpy.asarray(x.to_device("cpu"))'
        ),
    ):
        np.asarray(x)
    host = x.to_device("cpu")
    shared, copied = np.asarray(host), np.array(host, dtype=np.float32)
    host += 1

    np.testing.assert_array_equal(shared, [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(copied, np.ones(3, np.float32))
    with pytest.raises(ValueError, match=exactly("float64[3] cannot become float32 without a copy")):
        np.asarray(host, dtype=np.float32, copy=False)


def test_numpy_functions_do_not_take_arrays_by_the_way(runtime):
    x = runtime.xp().ones(3, device="cpu")

    with pytest.raises(TypeError):
        np.add(x, x)


class OnACard:
    """Exports values that lie on a card: without being asked for host memory, it gives nothing."""

    def __init__(self, values):
        self.values = values

    def __dlpack_device__(self):
        return (2, 0)

    def __dlpack__(self, *, dl_device=None, **options):
        if dl_device != (1, 0):
            raise BufferError("this lies on a card")
        return self.values.__dlpack__(**options)


def test_what_lies_on_a_card_is_asked_for_in_host_memory():
    values = np.arange(6.0)
    with Runtime("1 x 1MiB") as runtime:
        xp = runtime.xp()
        found = [xp.from_dlpack(OnACard(values)).value(), xp.asarray(OnACard(values)).value()]

    np.testing.assert_array_equal(found, [values, values])
