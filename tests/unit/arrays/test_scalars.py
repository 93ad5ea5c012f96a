"""What counts as a scalar: numbers of Python and of NumPy, and, where an array is made, the element of another."""

from __future__ import annotations

import enum
import operator

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.errors import DeviceMismatchError, GraphError, InvalidValue


class Level(enum.IntEnum):
    LOW = 3


NUMBERS = {
    np.float64(0.1): 0.1,
    np.float32(0.5): 0.5,
    np.int64(2): 2,
    np.True_: True,
    np.complex64(1j): 1j,
    Level.LOW: 3,
}


@pytest.fixture
def runtime():
    with Runtime("2 x 1MiB") as runtime:
        yield runtime


@pytest.fixture
def xp(runtime):
    return runtime.xp()


@pytest.mark.parametrize("scalar", NUMBERS, ids=repr)
@pytest.mark.parametrize("operation", [operator.add, operator.mul, operator.truediv, operator.eq])
def test_a_number_of_numpy_is_what_it_is_in_python_every_time(xp, operation, scalar):
    x = xp.asarray([0.1, 2.0], dtype=xp.float32)

    found = [operation(x, scalar) for _ in range(3)] + [operation(scalar, x) for _ in range(3)]

    expected = [operation(x, NUMBERS[scalar])] * 3 + [operation(NUMBERS[scalar], x)] * 3
    assert [array.dtype for array in found] == [array.dtype for array in expected]
    for array, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(array.value(), wanted.value())


@pytest.mark.parametrize(
    "operation", [operator.add, operator.eq, operator.ne, operator.iadd, lambda x, other: other - x]
)
def test_an_array_of_numpy_is_refused_in_words(xp, operation):
    with pytest.raises(TypeError, match=r"^\w+ meets an array of NumPy; bring it to the device first: xp\.asarray"):
        operation(xp.ones(2), np.ones(2))


def test_an_enumeration_beyond_the_dtype_is_refused_every_time(xp):
    big = enum.IntEnum("Big", {"VALUE": 300}).VALUE
    x = xp.ones(2, dtype=xp.int16)
    x + big
    x = xp.ones(2, dtype=xp.int8)

    for _ in range(2):
        with pytest.raises(GraphError, match="beyond int8"):
            x + big


def test_functions_take_numbers_of_numpy(xp):
    x = xp.asarray([0.0, 4.0], dtype=xp.float32)
    two = np.int64(2)

    x[0] = np.float32(1.0)
    x += np.float32(0.5)

    np.testing.assert_array_equal(x.value(), [1.5, 4.5])
    assert xp.arange(np.prod((2, 3))).shape == (6,)
    assert xp.full(two, two).dtype == xp.int64
    assert xp.linspace(np.float32(0.0), two, two).value().tolist() == [0.0, 2.0]
    assert xp.where(x > two, two, x).value().tolist() == [1.5, 2.0]
    assert xp.clip(x, two, np.float32(3.0)).value().tolist() == [2.0, 3.0]
    assert xp.std(x, correction=np.True_).dtype == xp.float32
    assert xp.result_type(np.float64(1.0), x, two) == xp.float32


@pytest.mark.parametrize("other", [np.timedelta64(3), np.timedelta64(3, "s"), np.longdouble(1.0), np.str_("a")])
def test_what_is_no_number_of_python_is_refused(xp, other):
    with pytest.raises(TypeError):
        xp.ones(3) + other
    with pytest.raises(TypeError, match=r"^full takes a number here, not \w+; arrays of this library are made by"):
        xp.full(3, other)
    with pytest.raises(InvalidValue, match="result_type needs at least one array or dtype"):
        xp.result_type(1, np.int64(2))


def test_an_array_stands_where_a_number_must_not_change_with_values(xp):
    with pytest.raises(TypeError, match=r"^std takes a number here, not Array; read it: float\(x\)"):
        xp.std(xp.ones(3), correction=xp.asarray(1.0))


def test_the_element_of_an_array_fills_another_on_its_device(runtime, xp):
    element = xp.asarray([1.5, 2.5], dtype=xp.float32, device="gpu:1")[1]

    made = [xp.full((2, 2), element), xp.full(2, element, dtype=xp.int8), xp.full(2, element, device="gpu:0")]

    found = [(array.device[-5:], array.dtype.name, array.value().tolist()) for array in made]
    assert found == [
        ("GPU:1", "float32", [[2.5, 2.5], [2.5, 2.5]]),
        ("GPU:1", "int8", [2, 2]),
        ("GPU:0", "float32", [2.5, 2.5]),
    ]
    made[0][0, 0] = 0.0  # it has memory of its own
    assert float(element) == 2.5
    assert made[0].value().tolist() == [[0.0, 2.5], [2.5, 2.5]]


def test_the_element_of_an_array_fills_one_that_is_like_another(xp):
    x, element = xp.ones(2, dtype=xp.float32, device="gpu:1"), xp.asarray(2.5)

    made = [xp.full_like(x, element.to_device("gpu:1")), xp.full_like(x, element, dtype=xp.float64, device="gpu:1")]

    assert [(array.device[-5:], array.dtype.name) for array in made] == [("GPU:1", "float32"), ("GPU:1", "float64")]
    assert [array.value().tolist() for array in made] == [[2.5, 2.5]] * 2
    with pytest.raises(DeviceMismatchError, match=r"^full_like has its shape from .*GPU:1 and its value from .*GPU:0;"):
        xp.full_like(x, element)


def test_filling_with_an_element_reads_nothing():
    with Runtime("1 x 1MiB", storage="shape") as runtime:
        xp = runtime.xp()

        with runtime.record() as recording:
            x = xp.ones(3)
            made = xp.full((2, 2), x[0])

        assert made.shape == (2, 2)
        assert [operation.type for operation in recording.graph] == ["ones", "getitem", "broadcast_to", "astype"]


def test_an_array_with_dimensions_fills_nothing(xp):
    with pytest.raises(InvalidValue, match=r"^full: float64\[2\] is no fill value; take one element of it"):
        xp.full(2, xp.ones(2))
    with pytest.raises(InvalidValue, match=r"^full_like: float64\[2\] is no fill value"):
        xp.full_like(xp.ones(2), xp.ones(2))


def test_ranges_end_at_elements_of_arrays(xp):
    x = xp.asarray([1, 4], device="gpu:1")

    assert xp.arange(x[0], x[1]).value().tolist() == [1, 2, 3]
    assert xp.linspace(0.0, x[1], x[1]).value().tolist() == np.linspace(0.0, 4.0, 4).tolist()
    assert xp.arange(x[1]).device == xp.arange(4).device
    with pytest.raises(TypeError, match=r"only an array without dimensions can become a number, not int64\[2\]"):
        xp.arange(x)


def test_quotients_of_integers_are_float64(xp):
    x = xp.asarray([1, 2], dtype=xp.int8)

    made = [x / x, x / 2, 1 / x, x / xp.asarray([2, 4])]

    assert [array.dtype.name for array in made] == ["float64"] * 4
    assert [array.value().tolist() for array in made] == [[1.0, 1.0], [0.5, 1.0], [1.0, 0.5], [0.5, 0.5]]
    with pytest.raises(GraphError, match=r"divide in place gives float64\[2\], which does not fit into int8\[2\]"):
        x /= 2
