import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from simgpu.errors import ExecutionError, MissingDependency
from simgpu.graph import TensorSpec
from simgpu.kernels import rule
from simgpu.storage import STORAGES, NumpyRegion, NumpyStorage, ShapeArray, ShapeStorage, cupy_storage, storage_named
from simgpu.units import GiB
from tests.messages import exactly


def floats(count):
    return TensorSpec((count,), "float32")


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.fixture
def region():
    return NumpyStorage().open(4096)


def test_storages_are_found_by_name():
    assert {name: make().name for name, make in STORAGES.items() if name != "cupy"} == {
        "numpy": "numpy",
        "shape": "shape",
    }


@pytest.mark.parametrize("make", [cupy_storage, lambda: storage_named("cupy")])
def test_without_cupy_the_extra_to_install_is_named(monkeypatch, make):
    monkeypatch.setitem(sys.modules, "cupy", None)

    says = "storage='cupy' needs CuPy; install it: pip install 'simgpu[gpu]'"
    with pytest.raises(MissingDependency, match=exactly(says)):
        make()


def test_arrays_at_one_offset_share_their_bytes_and_others_do_not(region):
    first, same, other = (region.arrays(floats(4))(offset) for offset in (512, 512, 528))
    other.fill(2)
    first.fill(1)

    assert same.tolist() == [1, 1, 1, 1]
    assert other.tolist() == [2, 2, 2, 2]


def test_arrays_have_shape_and_dtype_and_are_contiguous(region):
    array = region.arrays(TensorSpec((2, 3), "int64"))(512)

    assert (array.shape, array.dtype, array.flags.c_contiguous, array.flags.writeable) == ((2, 3), "int64", True, True)


def test_a_region_holds_its_own_arrays_and_no_others():
    regions = [NumpyStorage().open(4096) for _ in range(3)]
    arrays = [region.arrays(floats(1024))(0) for region in regions]

    assert [[region.holds(array) for array in arrays] for region in regions] == np.eye(3, dtype=bool).tolist()
    assert not regions[0].holds(np.zeros(4))
    assert regions[0].holds(arrays[0][1000:])
    assert regions[0].holds(arrays[0][::-1])


def test_an_array_of_no_bytes_lies_anywhere(region):
    empty = region.arrays(TensorSpec((3, 0), "float32"))(4096)

    assert (empty.shape, region.holds(empty)) == ((3, 0), True)


@pytest.mark.parametrize(("offset", "count"), [(0, 1025), (4096, 1), (3584, 129), (10**9, 1)])
def test_no_array_reaches_beyond_its_region(region, offset, count):
    with pytest.raises(TypeError, match="buffer is too small"):
        region.arrays(floats(count))(offset)


def test_a_region_can_be_filled_to_its_last_byte(region):
    assert region.holds(region.arrays(TensorSpec((1,), "uint8"))(4095))
    with pytest.raises(TypeError, match="buffer is too small"):
        region.arrays(TensorSpec((1,), "uint8"))(4096)


def test_a_region_of_no_bytes_can_be_opened():
    assert NumpyRegion(0).arrays(floats(0))(0).size == 0


def test_eighty_gib_can_be_opened_eight_times_without_using_memory():
    before = resident_bytes()
    regions = [NumpyStorage().open(80 * GiB) for _ in range(8)]
    tail = [region.arrays(floats(128))(80 * GiB - 512) for region in regions]
    for array in tail:
        array.fill(1)

    assert all(region.holds(array) for region, array in zip(regions, tail, strict=True))
    assert resident_bytes() - before < 2**26


def test_arrays_outlive_their_region():
    array = NumpyStorage().open(4096).arrays(floats(4))(0)
    array.fill(3)

    assert array.tolist() == [3, 3, 3, 3]


def test_a_value_that_is_read_belongs_to_the_caller(region):
    storage, array = NumpyStorage(), region.arrays(floats(2))(0)
    storage.write(array, [1, 2])
    value = storage.read(array)
    array.fill(0)

    assert value.tolist() == [1, 2]
    assert not region.holds(value)


def test_a_copy_goes_from_one_region_into_another():
    storage = NumpyStorage()
    source, target = (storage.open(512).arrays(floats(2))(0) for _ in range(2))
    storage.write(source, [1, 2])
    storage.copy(source, target)
    source.fill(0)

    assert target.tolist() == [1, 2]


def test_in_threads_of_the_library_infinities_and_nan_are_results_and_not_warnings(region):
    storage, x, y = NumpyStorage(), region.arrays(floats(3))(0), region.arrays(floats(3))(512)
    storage.write(x, [0, 1, -1])
    with ThreadPoolExecutor(1, initializer=storage.enter_thread) as pool:
        pool.submit(storage.compute, rule("Log"), [x], [y], {}).result()

    assert repr(y.tolist()) == "[-inf, 0.0, nan]"


def test_shapes_have_a_place_and_no_bytes():
    storage = ShapeStorage()
    region = storage.open(80 * GiB)
    array = region.arrays(floats(10**10))(512)
    storage.write(array, None)
    storage.compute(rule("Relu"), [array], [array], {})
    storage.copy(array, array)

    assert array == ShapeArray(region, 512, floats(10**10))
    assert storage.read(array) == floats(10**10)


def test_a_region_of_shapes_holds_what_is_inside_it():
    first, second = (ShapeStorage().open(4096) for _ in range(2))

    assert first.holds(first.arrays(floats(128))(3584))
    assert not first.holds(first.arrays(floats(129))(3584))
    assert not first.holds(first.arrays(floats(1))(-4))
    assert not first.holds(second.arrays(floats(1))(0))


def test_a_computer_without_address_space_is_told_what_to_use_instead(monkeypatch):
    def full(*_, **__):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("simgpu.storage.numpy_storage.mmap.mmap", full)

    with pytest.raises(ExecutionError) as caught:
        NumpyStorage().open(2**40)
    assert str(caught.value) == (
        "this computer cannot reserve 1 TiB of address space for a device ([Errno 12] Cannot allocate memory); use "
        "smaller limits or fewer devices, or `shape` storage, which holds no bytes"
    )
