from __future__ import annotations

import copy
import gc
import operator
import pickle

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.errors import DeviceMismatchError, GraphError, InvalidValue, MachineError, RuntimeClosedError
from simgpu.graph import Constant, TensorSpec
from tests.messages import exactly

GPU0 = "/job:localhost/replica:0/task:0/device:GPU:0"


@pytest.fixture
def runtime():
    with Runtime("2 x 1GiB") as runtime:
        yield runtime


@pytest.fixture
def xp(runtime):
    return runtime.xp()


def used_bytes(runtime, device="GPU:0"):
    return runtime.memory_statistics(device).current_bytes


def test_an_array_knows_its_shape_dtype_and_device(xp):
    x = xp.zeros((2, 3), dtype=xp.float32)

    assert (x.shape, x.ndim, x.size, x.nbytes, x.dtype, x.device) == ((2, 3), 2, 6, 24, xp.float32, GPU0)


@pytest.mark.parametrize(
    "operation",
    [
        operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
        operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
    ],
)  # fmt: skip
def test_operators_give_what_numpy_gives(xp, operation):
    left, right = np.asarray([1.0, 2.5, 3.0]), np.asarray([-2.0, 2.5, 0.5])
    x, y = xp.asarray(left), xp.asarray(right)

    results = [operation(x, y), operation(x, 2.0), operation(2.0, y), operation(x, y)]

    expected = [operation(left, right), operation(left, 2.0), operation(2.0, right), operation(left, right)]
    for found, wanted in zip(results, expected, strict=True):
        np.testing.assert_array_equal(found.value(), wanted)
        assert found.value().dtype == wanted.dtype


@pytest.mark.parametrize(
    "operation", [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift, operator.floordiv]
)
@pytest.mark.parametrize("scalar", [3, 127])
def test_operators_on_integers_give_what_numpy_gives(xp, operation, scalar):
    values = np.asarray([1, 2, 5], np.int32)
    x = xp.asarray(values)

    for _ in range(2):  # the second time in the short way
        np.testing.assert_array_equal(operation(x, scalar).value(), operation(values, scalar))
        np.testing.assert_array_equal(operation(x, x).value(), operation(values, values))
        np.testing.assert_array_equal(operation(scalar, x).value(), operation(scalar, values))


def test_unary_operators_give_what_numpy_gives(xp):
    values = np.asarray([1, -2, 5])
    x = xp.asarray(values)

    results = [(-x).value(), (+x).value(), abs(x).value(), (~x).value()]

    np.testing.assert_array_equal(results, [-values, +values, abs(values), ~values])


def test_a_matrix_product_takes_arrays_only(xp):
    x = xp.asarray([[1.0, 2.0], [3.0, 4.0]])

    np.testing.assert_array_equal((x @ x).value(), [[7.0, 10.0], [15.0, 22.0]])
    with pytest.raises(TypeError):
        x @ 2.0


@pytest.mark.parametrize("other", ["text", None, [1.0], np.ones(3)])
def test_operators_refuse_what_is_neither_array_nor_scalar(xp, other):
    with pytest.raises(TypeError):
        xp.ones(3) + other
    with pytest.raises(TypeError):
        other + xp.ones(3)


def test_a_python_scalar_follows_the_array(xp):
    small = xp.ones(3, dtype=xp.float32)

    assert [(small + 1).dtype, (small * 2.5).dtype, (small + np.float64(1.0)).dtype] == [xp.float32] * 3
    assert (small + 1j).dtype == xp.complex64
    assert (xp.ones(3, dtype=xp.int8) + 1.0).dtype == xp.float64


@pytest.mark.parametrize("scalar", [128, -129, 10**30])
def test_an_integer_beyond_the_dtype_is_refused_also_after_smaller_ones(xp, scalar):
    x = xp.ones(3, dtype=xp.int8)
    x + 1
    x + 2

    with pytest.raises(GraphError, match="beyond int8"):
        x + scalar


def test_a_scalar_takes_no_memory(runtime, xp):
    x = xp.ones(1000)
    before = runtime.memory_statistics().total_count

    y = x + 1.0

    assert runtime.memory_statistics().total_count == before + 1
    del y


def test_infinities_and_not_a_number_are_results(xp):
    x = xp.asarray([1.0, 0.0, -1.0])

    found = [(x / 0.0).value(), (xp.zeros(3) / xp.zeros(3)).value()]  # warnings are errors in tests

    np.testing.assert_array_equal(found, [[np.inf, np.nan, -np.inf], [np.nan] * 3])


def test_operators_in_place_keep_the_memory(runtime, xp):
    x = xp.asarray([1.0, 2.0, 3.0])
    same, before = x, used_bytes(runtime)

    x += 1
    x *= xp.asarray([1.0, 2.0, 3.0])
    x -= x[::-1]

    assert x is same
    np.testing.assert_array_equal(x.value(), [-10.0, 0.0, 10.0])
    assert used_bytes(runtime) == before


def test_an_operator_in_place_must_not_change_dtype_or_shape(xp):
    x = xp.ones(3, dtype=xp.int32)

    with pytest.raises(
        GraphError, match=exactly("add in place gives float64[3], which does not fit into int32[3]; make a new array")
    ):
        x += 1.5
    with pytest.raises(GraphError, match=r"which does not fit into int32\[3\]; make a new array"):
        x += xp.ones((2, 3), dtype=xp.int32)
    np.testing.assert_array_equal(x.value(), [1, 1, 1])


def test_the_arrays_of_an_operation_must_be_on_one_device(xp):
    here, there = xp.ones(3), xp.ones(3, device="gpu:1")

    with pytest.raises(
        DeviceMismatchError,
        match=exactly("add has inputs on GPU:0, GPU:1; move them to one device first (`x.to_device(...)`)"),
    ):
        here + there
    with pytest.raises(DeviceMismatchError):
        here += there
    with pytest.raises(DeviceMismatchError):
        here[0] = there[0]


def test_results_stay_where_their_inputs_are_whatever_the_scope(runtime, xp):
    x = xp.ones(3, device="gpu:1")

    with runtime.device("/gpu:0"):
        y = x + x

    assert y.device == x.device


def test_to_device_copies_and_returns_the_array_itself_where_it_is(runtime, xp):
    x = xp.asarray([1.0, 2.0])

    moved = x.to_device("gpu:1")

    assert x.to_device("gpu:0") is x
    assert x.to_device(x.device) is x
    assert moved.device.endswith("GPU:1")
    np.testing.assert_array_equal(moved.value(), [1.0, 2.0])
    assert (used_bytes(runtime), used_bytes(runtime, "GPU:1")) == (512, 512)


def test_to_device_refuses_devices_that_are_not_there_and_streams(xp):
    x = xp.ones(3)

    with pytest.raises(MachineError):
        x.to_device("gpu:7")
    with pytest.raises(
        InvalidValue, match=exactly("to_device: there are no streams here, so stream must be None, not 1")
    ):
        x.to_device("gpu:1", stream=1)


def test_an_array_without_dimensions_becomes_a_python_scalar(xp):
    assert [bool(xp.asarray(2.0)), int(xp.asarray(3)), float(xp.asarray(2)), complex(xp.asarray(1j))] == [
        True,
        3,
        2,
        1j,
    ]
    assert [10, 20, 30][xp.asarray(1)] == 20


@pytest.mark.parametrize(
    ("convert", "value"),
    [(bool, [1.0]), (float, [[1.0]]), (int, 1j), (float, 1j), (operator.index, 1.0), (operator.index, True)],
)
def test_what_has_dimensions_or_another_kind_does_not_become_a_scalar(xp, convert, value):
    with pytest.raises(TypeError, match=r"become"):
        convert(xp.asarray(value))


def test_arrays_have_a_length_and_items_but_no_hash(xp):
    x = xp.asarray([[1, 2], [3, 4]])

    assert len(x) == 2
    assert [item.value().tolist() for item in x] == [[1, 2], [3, 4]]
    with pytest.raises(TypeError):
        len(xp.asarray(1))
    with pytest.raises(TypeError):
        iter(xp.asarray(1))
    with pytest.raises(TypeError):
        hash(x)


def test_the_text_of_an_array_shows_values_dtype_and_device(xp):
    assert repr(xp.asarray([1, 2])) == "Array([1, 2], dtype=int64, device='GPU:0')"
    with Runtime("1 x 1GiB", storage="shape") as runtime:
        assert repr(runtime.xp().ones((2, 3))) == "Array(shape=(2, 3), dtype=float64, device='GPU:0')"


def test_a_freed_array_cannot_be_used(runtime, xp):
    x, y = xp.ones(3), xp.ones(3)
    x + y
    x.free()

    assert used_bytes(runtime) == 512
    assert repr(x) == "<freed float64[3] on GPU:0>"
    for use in (lambda: x + y, lambda: y + x, lambda: -x, lambda: x[0], x.value, lambda: x.to_device("gpu:1")):
        with pytest.raises(
            RuntimeClosedError,
            match=exactly(
                "this float64[3] on /job:localhost/replica:0/task:0/device:GPU:0 has been freed; make a new array"
            ),
        ):
            use()


def test_memory_with_views_is_not_freed(runtime, xp):
    x = xp.ones(3)
    view = x[1:]

    with pytest.raises(
        InvalidValue,
        match=exactly(
            "float64[3] on /job:localhost/replica:0/task:0/device:GPU:0 has views that are alive; free those first"
        ),
    ):
        x.free()
    del x

    assert used_bytes(runtime) == 512
    np.testing.assert_array_equal(view.value(), [1.0, 1.0])
    del view
    gc.collect()
    assert used_bytes(runtime) == 0


def test_a_format_shows_the_element_and_no_format_the_array(xp):
    x = xp.asarray(0.5)

    assert [f"{x:.2f}", f"{x}"] == ["0.50", "Array(0.5, dtype=float64, device='GPU:0')"]
    with pytest.raises(TypeError, match=r"without dimensions can become text in the form '.1f', not float64\[2\]"):
        f"{xp.ones(2):.1f}"


def test_an_array_belongs_to_its_runtime_and_is_not_pickled(xp):
    with pytest.raises(TypeError, match=r"^this float64\[3\] is on .*GPU:0 of a runtime and cannot be pickled; pickle"):
        pickle.dumps(xp.ones(3))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_are_deep_on_the_same_device(xp, copied):
    x = xp.ones(3, device="gpu:1")

    other = copied(x)
    other += 1

    assert other.device == x.device
    np.testing.assert_array_equal(x.value(), [1.0, 1.0, 1.0])


def test_arrays_of_two_runtimes_do_not_meet(xp):
    with (
        Runtime("1 x 1GiB") as other,
        pytest.raises(
            InvalidValue, match=exactly("add has inputs of another runtime; move their values: `asarray(x.value())`")
        ),
    ):
        xp.ones(3) + other.xp().ones(3)


def test_a_closed_runtime_computes_nothing_more(runtime, xp):
    x = xp.ones(3)
    x + x
    runtime.close()

    with pytest.raises(RuntimeClosedError, match=exactly("add: this runtime is closed; make a new one")):
        x + x
    np.testing.assert_array_equal(x.value(), [1.0, 1.0, 1.0])


def test_an_operation_that_fails_leaves_the_ledger_as_it_was(runtime, xp):
    x = xp.asarray([1, 2])
    before = runtime.memory_statistics().current_bytes

    with pytest.raises(ValueError, match="negative integer powers"):
        x ** xp.asarray([-1, -1])

    assert runtime.memory_statistics().current_bytes == before


def test_arrays_under_tensorflow_rules_use_the_same_operators():
    with Runtime("2 x 1GiB") as runtime:
        (x,) = runtime.apply("ones", (), {"shape": (3,), "dtype": "float32"})
        (counts,) = runtime.apply("ones", (), {"shape": (3,), "dtype": "int32"})
        with runtime.device("/gpu:1"):
            moved = x + x * 2

        assert [array.device[-5:] for array in (x, moved, counts, counts + 1)] == ["GPU:0", "GPU:1", "CPU:0", "CPU:0"]
        np.testing.assert_array_equal(moved.value(), [3.0, 3.0, 3.0])


def test_an_operation_that_reads_an_array_of_another_device_twice_copies_it_once():
    with Runtime("2 x 1MiB") as runtime:
        x = runtime.apply("Variable", attributes={"spec": TensorSpec((4,), "float32"), "initializer": Constant(2.0)})[0]
        with runtime.device("/gpu:1"):
            (total,) = runtime.apply("Add", [x, x])

        assert runtime.memory_statistics("GPU:1").total_count == 2  # one copy, and the result
        assert total.value().tolist() == [4.0] * 4
