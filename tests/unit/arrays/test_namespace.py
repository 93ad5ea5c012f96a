from __future__ import annotations

import math
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.errors import AxisError, DeviceNameError, GraphError, InvalidValue, MachineError, PlacementError
from tests.messages import exactly

ROOT = Path(__file__).resolve().parents[3]
NAME = "/job:localhost/replica:0/task:0/device:"


@pytest.fixture
def runtime():
    with Runtime("2 x 1GiB") as runtime:
        yield runtime


@pytest.fixture
def xp(runtime):
    return runtime.xp()


def devices_of(*arrays):
    return [array.device.removeprefix(NAME) for array in arrays]


def test_the_device_of_a_new_array_is_that_of_the_call_the_input_the_scope_or_the_default(runtime):
    xp = runtime.xp(default_device="cpu:0")
    x = xp.ones(3, device="gpu:1")

    with runtime.device("/gpu:0"):
        arrays = [xp.zeros(3, device="gpu:1"), xp.zeros_like(x), xp.asarray(x), x + 1, xp.zeros(3), xp.asarray([1])]

    assert devices_of(*arrays) == ["GPU:1", "GPU:1", "GPU:1", "GPU:1", "GPU:0", "GPU:0"]
    assert devices_of(xp.zeros(3), xp.asarray(1.0)) == ["CPU:0", "CPU:0"]


def test_without_a_default_new_arrays_go_to_the_first_gpu_or_else_to_the_cpu(xp):
    with Runtime("cpu") as without:
        assert devices_of(without.xp().ones(3, dtype="int32"), xp.ones(3, dtype="int32")) == ["CPU:0", "GPU:0"]
        assert without.xp().__array_namespace_info__().default_device() == f"{NAME}CPU:0"
    assert xp.__array_namespace_info__().default_device() == f"{NAME}GPU:0"


def test_a_device_that_is_asked_for_must_be_there_even_with_soft_placement(runtime, xp):
    with pytest.raises(MachineError):
        xp.zeros(3, device="gpu:7")
    with pytest.raises(DeviceNameError):
        xp.zeros(3, device="card 0")
    with pytest.raises(MachineError):
        runtime.xp(default_device="gpu:7")


def test_a_scope_is_met_softly_or_not_at_all(runtime, xp):
    with runtime.device("/gpu:7"):
        assert devices_of(xp.zeros(3)) == ["GPU:0"]
        runtime.soft = False
        with pytest.raises(PlacementError):
            xp.zeros(3)


def test_namespaces_with_the_same_settings_are_one_object(runtime):
    xp, other = runtime.xp(), runtime.xp(default_device="gpu:1")

    assert runtime.xp() is xp
    assert runtime.xp(default_device=f"{NAME}GPU:1") is other
    assert [x.__array_namespace__() for x in (xp.ones(3), other.ones(3) + 1)] == [xp, other]
    assert xp.ones(3).__array_namespace__(api_version="2024.12") is runtime.xp(api_version="2024.12")


def test_other_versions_of_the_standard_are_refused(runtime, xp):
    with pytest.raises(
        InvalidValue, match=exactly("api_version is '2021.12'; this namespace is of 2025.12 or 2024.12")
    ):
        runtime.xp(api_version="2021.12")
    with pytest.raises(InvalidValue):
        xp.ones(3).__array_namespace__(api_version="1.0")


def test_a_namespace_has_the_constants_and_dtypes_and_nothing_else(xp):
    assert [xp.e, xp.pi, xp.inf, xp.newaxis] == [math.e, math.pi, math.inf, None]
    assert math.isnan(xp.nan)
    with pytest.raises(AttributeError, match=exactly("the array API standard 2025.12 has no 'sinus'")):
        _ = xp.sinus


def test_a_namespace_says_what_it_can_do(runtime, xp):
    info = xp.__array_namespace_info__()

    assert info.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}
    assert info.devices() == tuple(device.name for device in runtime.machine.devices)
    assert info.default_dtypes(device="gpu:1") == {
        "real floating": xp.float64,
        "complex floating": xp.complex128,
        "integral": xp.int64,
        "indexing": xp.int64,
    }
    assert info.dtypes(kind=("bool", "complex floating")) == {
        "bool": xp.bool,
        "complex64": xp.complex64,
        "complex128": xp.complex128,
    }
    with pytest.raises(
        InvalidValue,
        match=exactly(
            "there is no kind of dtypes 'text'; the kinds are bool, signed integer, unsigned integer, integral, real "
            "floating, complex floating, numeric"
        ),
    ):
        info.dtypes(kind="text")
    with pytest.raises(MachineError):
        info.dtypes(device="gpu:9")


def test_storage_without_values_has_no_shapes_that_follow_from_values():
    with Runtime("1 x 1GiB", storage="shape") as runtime:
        xp = runtime.xp()

        assert xp.__array_namespace_info__().capabilities()["boolean indexing"] is False
        with pytest.raises(GraphError):
            xp.nonzero(xp.ones(3))
        with pytest.raises(
            TypeError, match=exactly("this float64[] cannot become bool: the storage `shape` holds no values")
        ):
            bool(xp.asarray(1.0))


def test_dtypes_equal_themselves_and_those_of_numpy_and_nothing_else(xp):
    assert xp.float32 == np.dtype("float32") == xp.float32 == np.float32
    assert {xp.float32: 1}[xp.ones(1, dtype="float32").dtype] == 1
    assert xp.float64 not in (None, float, "float64", xp.float32)
    assert pickle.loads(pickle.dumps(xp.int8)) is xp.int8
    assert np.zeros(2, xp.int8).dtype == np.int8
    assert repr(xp.int8) == "int8"


def test_the_bool_of_python_is_the_dtype_of_bools(xp):
    assert xp.zeros(2, dtype=bool).dtype == xp.bool


@pytest.mark.parametrize("dtype", [float, int, "text", object, None, "float128", np.dtype("M8[s]")])
def test_what_is_no_dtype_is_refused(xp, dtype):
    with pytest.raises((InvalidValue, TypeError), match=r"no dtype of arrays|takes arrays"):
        xp.astype(xp.ones(3), dtype)


def test_limits_of_dtypes_are_python_numbers(xp):
    real, whole = xp.finfo(xp.complex64), xp.iinfo(xp.ones(1, dtype=xp.uint8))

    assert (real.bits, real.eps, real.dtype) == (32, 2.0**-23, xp.float32)
    assert {type(value) for value in (real.eps, real.max, real.min, real.smallest_normal)} == {float}
    assert (whole.bits, whole.min, whole.max, whole.dtype) == (8, 0, 255, xp.uint8)
    with pytest.raises(InvalidValue, match=exactly("finfo is for floating-point dtypes, not int8; see iinfo")):
        xp.finfo(xp.int8)
    with pytest.raises(InvalidValue, match=exactly("iinfo is for integer dtypes, not float32")):
        xp.iinfo(xp.float32)


def test_kinds_casts_and_common_dtypes(xp):
    assert xp.isdtype(xp.float32, ("integral", "real floating"))
    assert not xp.isdtype(xp.bool, "numeric")
    assert xp.isdtype(xp.int8, xp.int8)
    assert [xp.can_cast(xp.int8, xp.int64), xp.can_cast(xp.float64, xp.float32)] == [True, False]
    assert xp.result_type(xp.ones(2, dtype=xp.float32), 1.0, xp.int8) == xp.float32
    with pytest.raises(InvalidValue):
        xp.result_type(1.0, 2)
    with pytest.raises(
        InvalidValue,
        match=exactly(
            "there is no kind of dtypes 'floats'; the kinds are bool, signed integer, unsigned integer, integral, real "
            "floating, complex floating, numeric"
        ),
    ):
        xp.isdtype(xp.int8, "floats")


def test_bfloat16_and_float16_are_real_floating_dtypes_of_ours(xp):
    x = xp.asarray([1.0, 2.5], dtype="bfloat16")

    assert xp.isdtype(x.dtype, "real floating")
    assert float((x + x)[1]) == 5.0
    assert xp.finfo(x).eps == 2.0**-7
    assert xp.finfo(xp.float16).bits == 16


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (True, "bool"), (3, "int64"), (2.5, "float64"), (1j, "complex128"), ([[1, 2.5], [True, 3]], "float64"),
        ([], "float64"), ((1, (2)), "int64"), (range(3), "int64"), (np.ones(2, np.float32), "float32"),
        (memoryview(b"ab"), "uint8"), (np.float32(1), "float32"), (np.ones(2, ">i2"), "int16"),
    ],
)  # fmt: skip
def test_arrays_are_made_of_scalars_nests_buffers_and_numpy_arrays(xp, value, dtype):
    x = xp.asarray(value)

    assert x.dtype.name == dtype
    np.testing.assert_array_equal(x.value(), np.asarray(value))


@pytest.mark.parametrize("value", ["text", [1, [2, 3]], object(), [None], np.ones(2, "M8[s]"), 2**63, [10**30]])
def test_what_is_no_array_of_numbers_is_refused(xp, value):
    with pytest.raises(InvalidValue, match=r"^asarray: "):
        xp.asarray(value)


def test_integers_that_do_not_fit_are_refused(xp):
    with pytest.raises(InvalidValue, match=exactly("asarray: some values are beyond int8, from -128 to 127")):
        xp.asarray([1, 128], dtype=xp.int8)
    with pytest.raises(
        InvalidValue,
        match=exactly("asarray: complex values cannot become float32; take the real or the imaginary part"),
    ):
        xp.asarray([1j], dtype=xp.float32)


def test_nests_of_arrays_are_stacked_on_their_device(xp):
    x = xp.asarray([1.0, 2.0], device="gpu:1")

    nested = xp.asarray([[x[0], 5.0], [x[1], x[0]]])

    assert devices_of(nested) == ["GPU:1"]
    np.testing.assert_array_equal(nested.value(), [[1.0, 5.0], [2.0, 1.0]])


def test_asarray_copies_only_what_must_be_copied(runtime, xp):
    x = xp.ones(3)

    assert xp.asarray(x) is x
    assert xp.asarray(x, dtype=xp.float64, device="gpu:0", copy=False) is x
    assert xp.asarray(x, copy=True)._buffer is not x._buffer
    assert devices_of(xp.asarray(x, device="gpu:1", dtype=xp.float32)) == ["GPU:1"]
    for impossible in (
        lambda: xp.asarray(x, dtype=xp.int8, copy=False),
        lambda: xp.asarray(x, device="gpu:1", copy=False),
        lambda: xp.asarray([1.0], copy=False),
        lambda: xp.asarray(np.ones(3), copy=False),
    ):
        with pytest.raises(InvalidValue, match="do not forbid it"):
            impossible()


def test_values_of_another_runtime_must_be_moved_by_hand(xp):
    with (
        Runtime("1 x 1GiB") as other,
        pytest.raises(
            InvalidValue,
            match=exactly("asarray is given an array of another runtime; move its values: `asarray(x.value())`"),
        ),
    ):
        xp.asarray(other.xp().ones(3))


def test_astype_keeps_the_array_if_allowed_and_can_move_it(xp):
    x = xp.ones(3)

    assert xp.astype(x, xp.float64, copy=False) is x
    assert xp.astype(x, xp.float64)._buffer is not x._buffer
    assert devices_of(xp.astype(x, xp.int8, device="gpu:1")) == ["GPU:1"]


def test_functions_refuse_what_is_no_array(xp):
    for call in (
        lambda: xp.sin(1.0),
        lambda: xp.add(1, 2),
        lambda: xp.add(xp.ones(3), "text"),
        lambda: xp.sum([1.0]),
        lambda: xp.reshape(np.ones(3), (3, 1)),
        lambda: xp.where(True, 1.0, 2.0),
    ):
        with pytest.raises(TypeError, match=r"takes arrays of this library, not \w+; make one first: xp.asarray"):
            call()


def test_an_axis_that_there_is_not_is_an_axis_error(xp):
    x = xp.ones((2, 3))

    for call in (
        lambda: xp.sum(x, axis=2),
        lambda: xp.argmax(x, axis=-3),
        lambda: xp.concat([x, x], axis=2),
        lambda: xp.expand_dims(x, axis=4),
        lambda: xp.take(x, xp.asarray([0]), axis=2),
    ):
        with pytest.raises(AxisError, match="axis"):
            call()


def test_functions_of_two_operands_take_a_scalar_on_either_side(xp):
    x = xp.asarray([1.0, 4.0])

    np.testing.assert_array_equal(xp.subtract(10.0, x).value(), [9.0, 6.0])
    np.testing.assert_array_equal(xp.subtract(x, 10).value(), [-9.0, -6.0])
    np.testing.assert_array_equal(xp.where(x > 2.0, x, 0.0).value(), [0.0, 4.0])
    np.testing.assert_array_equal(xp.where(x > 2.0, 1, 2).value(), [2, 1])
    np.testing.assert_array_equal(xp.clip(x, 2, None).value(), [2.0, 4.0])
    np.testing.assert_array_equal(xp.isin(4.0, x).value(), True)
    np.testing.assert_array_equal(xp.searchsorted(x, 2.0).value(), 1)


def test_unknown_lengths_stay_unknown_when_shapes_broadcast(xp):
    assert xp.broadcast_shapes((None, 1, 3), (2, 1), (5, 1, 1)) == (5, 2, 3)
    assert xp.broadcast_shapes((None, 1), (1, 4)) == (None, 4)
    assert xp.broadcast_shapes() == ()
    with pytest.raises(GraphError, match=exactly("shapes (2,) and (3,) do not broadcast: 2 meets 3")):
        xp.broadcast_shapes((2,), (3,))


def test_arrays_under_tensorflow_rules_keep_them_in_functions(runtime, xp):
    (x,) = runtime.apply("ones", (), {"shape": (3,), "dtype": "float32"})

    with runtime.device("/gpu:1"):
        made = xp.sin(x)

    assert devices_of(x, made) == ["GPU:0", "GPU:1"]
    assert made._kind.rules is runtime.rules
    assert x.__array_namespace__() is xp


def test_the_namespace_of_the_current_runtime_is_a_module():
    program = """
import simgpu.xp as xp
from simgpu.arrays import Runtime
with Runtime("1 x 2GiB", storage="shape") as runtime:
    assert xp.ones(3)._kind.runtime is runtime
    assert xp.linalg is runtime.xp().linalg and "asarray" in dir(xp)
    print(xp.__array_api_version__, xp.__name__)
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ran.stdout == "2025.12 simgpu.xp\n"
