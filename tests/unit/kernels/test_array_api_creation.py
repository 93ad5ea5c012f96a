"""Array functions that create and that move elements, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from simgpu.graph import TensorSpec
from simgpu.kernels import infer, rule
from tests.unit.kernels.array_api_checks import (
    ALL,
    COMPLEX,
    FLOATING,
    INTEGER,
    NUMERIC,
    REAL_FLOATING,
    check,
    check_dynamic,
    computed,
    refused,
    specs,
    values,
)

HUGE = TensorSpec((2**20, 2**20), "float64")


@pytest.mark.parametrize(
    "given",
    [(5,), (2, 9), (9, 2), (9, 2, -2), (0, 10, 3), (0,), (2**60, 2**60 + 3), (0.5, 3), (0, 1, 0.1), (3, 0.0, -0.7)],
)
def test_a_range_is_numpys(given):
    attributes = dict(zip(("start", "stop", "step"), given, strict=False))

    check("arange", [], np.arange(*given), **attributes)


@pytest.mark.parametrize("dtype", NUMERIC)
def test_a_range_has_the_dtype_that_was_asked_for(dtype):
    check("arange", [], np.arange(2, 9, 2, dtype=dtype), start=2, stop=9, step=2, dtype=dtype)


@pytest.mark.parametrize("dtype", ALL)
def test_arrays_are_filled(dtype):
    one = values(dtype, 2, 3)

    check("zeros", [], np.zeros((2, 3), dtype), shape=(2, 3), dtype=dtype)
    check("ones", [], np.ones((2, 3), dtype), shape=(2, 3), dtype=dtype)
    check("full", [], np.full((2, 3), True, dtype), shape=(2, 3), fill_value=True, dtype=dtype)
    check("zeros_like", [one], np.zeros((2, 3), dtype))
    check("ones_like", [one], np.ones((2, 3), dtype))
    check("full_like", [one], np.full((2, 3), True, dtype), fill_value=True)
    check("zeros_like", [one], np.zeros((2, 3), np.int8), dtype="int8")


@pytest.mark.parametrize("value", [True, 7, 2.5, 1j])
def test_a_filled_array_has_the_dtype_of_its_value(value):
    check("full", [], np.full((), value), shape=(), fill_value=value)


def test_an_empty_array_is_not_touched():
    (out,) = computed("empty", shape=(2, 3), dtype="uint8")
    (like,) = computed("empty_like", values("float32", 2), dtype="uint8")

    assert (out == 0xA5).all()
    assert (like == 0xA5).all()


@pytest.mark.parametrize("k", [-9, -2, 0, 1, 3, 9])
def test_diagonals_and_triangles_are_numpys(k):
    x = values("int32", 2, 3, 5)

    check("eye", [], np.eye(3, 5, k), n_rows=3, n_cols=5, k=k)
    check("tril", [x], np.tril(x, k), k=k)
    check("triu", [x], np.triu(x, k), k=k)


def test_an_identity_is_square_without_columns():
    check("eye", [], np.eye(4, dtype=np.int16), n_rows=4, dtype="int16")


@pytest.mark.parametrize("dtype", FLOATING)
@pytest.mark.parametrize("endpoint", [True, False])
def test_a_linear_space_is_numpys(dtype, endpoint):
    expected = np.linspace(-1, 2.5, 7, endpoint=endpoint).astype(dtype)

    check("linspace", [], expected, start=-1, stop=2.5, num=7, endpoint=endpoint, dtype=dtype)


def test_a_linear_space_of_complex_numbers_is_complex():
    check("linspace", [], np.linspace(0, 1j, 3), start=0, stop=1j, num=3)
    refused("linspace", start=0, stop=1j, num=3, dtype="float32", says="from 0 to 1j does not fit into float32")


@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_mesh_is_numpys(indexing, count):
    axes = [values("float32", 2), values("int8", 3), values("complex64", 4)][:count]

    check("meshgrid", axes, np.meshgrid(*axes, indexing=indexing), indexing=indexing)


@pytest.mark.parametrize("target", ALL)
@pytest.mark.parametrize("source", ALL)
def test_casts_are_numpys_but_complex_numbers_have_no_real_form(source, target):
    x = values(source, 2, 3)
    if source in COMPLEX and target not in (*COMPLEX, "bool"):
        refused("astype", x, dtype=target, says=f"{source} cannot become {target}; {PART}")
        return
    with np.errstate(invalid="ignore"):
        expected = x.astype(target)
        check("astype", [x], expected, dtype=target)
        check("asarray", [x], expected, dtype=target)


PART = "take the real or the imaginary part"


def test_an_array_from_elsewhere_is_copied():
    x = values("float32", 2, 3)

    check("from_dlpack", [x], x)
    check("asarray", [x], x)


@pytest.mark.parametrize("dtype", REAL_FLOATING)
@pytest.mark.parametrize("n", [1, 4, 7])
def test_sample_frequencies_are_numpys(n, dtype):
    check("fft.fftfreq", [], np.fft.fftfreq(n, 0.5).astype(dtype), n=n, d=0.5, dtype=dtype)
    check("fft.rfftfreq", [], np.fft.rfftfreq(n, 0.5).astype(dtype), n=n, d=0.5, dtype=dtype)


def test_creation_refuses_what_has_no_meaning():
    refused(
        "arange",
        start=0,
        stop=5,
        step=0,
        says="cannot go from 0 to 5 in steps of 0; they must be numbers, the step not 0",
    )
    refused("arange", start=1j, says="cannot go from 0 to 1j in steps of 1; they must be numbers, the step not 0")
    refused(
        "arange",
        start=3,
        dtype="bool",
        says=(
            "dtype is 'bool'; it must be one of bfloat16, complex128, complex64, float16, float32, float64, int16, "
            "int32, int64, int8, uint16, uint32, uint64, uint8"
        ),
    )
    refused(
        "full",
        shape=(2,),
        fill_value=300,
        dtype="uint8",
        says="the scalar 300 is beyond uint8, which reaches from 0 to 255",
    )
    refused(
        "full",
        shape=(2,),
        fill_value=2.5,
        dtype="int8",
        says="the scalar 2.5 does not fit into int8; cast it, or choose another dtype",
    )
    refused(
        "full_like",
        values("int8", 2),
        fill_value=1j,
        says="the scalar 1j does not fit into int8; cast it, or choose another dtype",
    )
    refused("full", shape=(2,), says="needs the attribute 'fill_value'")
    refused("eye", n_rows=-1, says="n_rows is -1; it must be an integer of 0 or more")
    refused("zeros", shape=3, says="shape is 3; it must be a tuple of integers")
    refused("tril", values("int8", 3), says="int8[3] is no matrix; it needs at least 2 dimensions")
    refused("meshgrid", values("int8", 3, 3), says="its inputs must have one dimension each")
    refused("fft.fftfreq", n=0, says="neither n nor d may be 0")


VIEWS = [
    ("broadcast_to", (3, 1), lambda x: np.broadcast_to(x, (2, 3, 4)), {"shape": (2, 3, 4)}),
    ("expand_dims", (2, 3), lambda x: np.expand_dims(x, -1), {"axis": -1}),
    ("expand_dims", (2, 3), lambda x: np.expand_dims(x, (0, 2)), {"axis": (0, 2)}),
    ("flip", (2, 3), np.flip, {}),
    ("flip", (2, 3, 4), lambda x: np.flip(x, (0, -1)), {"axis": (0, -1)}),
    ("moveaxis", (2, 3, 4), lambda x: np.moveaxis(x, 0, -1), {"source": 0, "destination": -1}),
    ("moveaxis", (2, 3, 4), lambda x: np.moveaxis(x, (0, 1), (2, 0)), {"source": (0, 1), "destination": (2, 0)}),
    ("permute_dims", (2, 3, 4), lambda x: x.transpose(2, 0, 1), {"axes": (2, 0, -2)}),
    ("squeeze", (1, 2, 1), lambda x: x[0], {"axis": 0}),
    ("squeeze", (1, 2, 1), lambda x: x[0, :, 0], {"axis": (0, -1)}),
    ("matrix_transpose", (2, 3, 4), lambda x: x.swapaxes(1, 2), {}),
    ("linalg.diagonal", (2, 3, 4), lambda x: np.diagonal(x, -1, 1, 2), {"offset": -1}),
    ("reshape", (2, 6), lambda x: x.reshape(3, 4), {"shape": (3, 4)}),
    ("reshape", (2, 6), lambda x: x.reshape(4, -1), {"shape": (4, -1)}),
    ("reshape", (0, 6), lambda x: x.reshape(6, 0, 2), {"shape": (6, 0, 2)}),
    ("reshape", (1,), lambda x: x.reshape(()), {"shape": ()}),
    ("roll", (3, 4), lambda x: np.roll(x, 5), {"shift": 5}),
    ("roll", (3, 4), lambda x: np.roll(x, -1, 1), {"shift": -1, "axis": 1}),
    ("roll", (3, 4), lambda x: np.roll(x, (1, 2), (0, -1)), {"shift": (1, 2), "axis": (0, -1)}),
    ("tile", (2, 3), lambda x: np.tile(x, (2,)), {"repetitions": (2,)}),
    ("tile", (2, 3), lambda x: np.tile(x, (3, 1, 2)), {"repetitions": (3, 1, 2)}),
    ("tile", (2, 3), lambda x: np.tile(x, (0, 2)), {"repetitions": (0, 2)}),
    ("tile", (), lambda x: np.tile(x, (2, 2)), {"repetitions": (2, 2)}),
    ("repeat", (2, 3), lambda x: np.repeat(x, 2), {"repeats": 2}),
    ("repeat", (2, 3), lambda x: np.repeat(x, 3, 1), {"repeats": 3, "axis": -1}),
    ("unstack", (3, 2), list, {}),
    ("unstack", (2, 1, 4), lambda x: [x[:, 0]], {"axis": 1}),
]


@pytest.mark.parametrize("dtype", ["bool", "int8", "float32", "complex128"])
@pytest.mark.parametrize(("name", "shape", "answer", "attributes"), VIEWS)
def test_elements_move_as_in_numpy(name, shape, answer, attributes, dtype):
    x = values(dtype, *shape)

    check(name, [x], answer(x), **attributes)
    assert rule(name).work(specs([x]), infer(name, specs([x]), attributes), attributes).flop == 0


def test_the_shape_of_a_view_is_known_without_its_bytes():
    assert infer("flip", [HUGE], {}) == (HUGE,)
    assert infer("broadcast_to", [TensorSpec((), "int8")], {"shape": (2**40, 2)}) == (TensorSpec((2**40, 2), "int8"),)


@pytest.mark.parametrize("left", ALL)
@pytest.mark.parametrize("right", ["bool", "int8", "uint64", "float32", "complex64"])
def test_joining_promotes(left, right):
    x, y, z = values(left, 2, 3), values(right, 4, 3), values(right, 2, 3)

    check("concat", [x, y], np.concatenate([x, y]))
    check("concat", [x, z], np.concatenate([x, z], -1), axis=-1)
    check("concat", [x, y], np.concatenate([x, y], None), axis=None)
    check("stack", [x, z], np.stack([x, z], -1), axis=-1)
    check("broadcast_arrays", [x, z[0]], np.broadcast_arrays(x, z[0]))


@pytest.mark.parametrize("dtype", INTEGER)
def test_repeats_may_be_an_array_and_then_the_shape_depends_on_it(dtype):
    x, repeats = values("float32", 2, 3), np.array([2, 0, 1], dtype)

    check_dynamic("repeat_each", [x, repeats], [np.repeat(x, [2, 0, 1], 1)], axis=1)
    check_dynamic("repeat_each", [x, repeats[0]], [np.repeat(x, 2)])


def test_manipulation_refuses_what_does_not_fit():
    x = values("float32", 2, 3)

    refused(
        "broadcast_to",
        x,
        shape=(2, 4),
        says=(
            "operands could not be broadcast together with remapped shapes [original->remapped]: (2,3)  and "
            "requested shape (2,4)"
        ),
    )
    refused("broadcast_to", x, says="needs the attribute 'shape'")
    refused("expand_dims", x, axis=4, says="axis 4 is out of bounds for array of dimension 3")
    refused("permute_dims", x, axes=(0, 0), says="repeated axis in transpose")
    refused("squeeze", x, axis=0, says="cannot select an axis to squeeze out which has size not equal to one")
    refused("reshape", x, shape=(4, -1), says="6 elements do not fit into shape (4, -1)")
    refused(
        "reshape", x, shape=(-1, -1), says="shape (-1, -1) may hold sizes and at most one -1, and that not beside a 0"
    )
    refused(
        "reshape", x, shape=(0, -1), says="shape (0, -1) may hold sizes and at most one -1, and that not beside a 0"
    )
    refused("roll", x, shift=(1, 2), axis=0, says="shift (1, 2) and axis 0 must be of one length")
    refused("tile", x, repetitions=(-1,), says="repetitions are (-1,); each must be 0 or more")
    refused("repeat", x, repeats=-1, says="repeats is -1; it must be an integer of 0 or more")
    refused(
        "repeat_each", x, values("int8", 4), axis=1, says="repeats is int8[4]; it must have one dimension of 3, or none"
    )
    refused("concat", x, values("float32", 3, 2), says="its inputs differ in more than axis 0")
    refused("stack", x, values("float32", 3, 2), says="its inputs must have one shape")
    refused("unstack", x, axis=2, says="axis is 2; for 2 dimensions it must be from -2 to 1")
    refused("matrix_transpose", values("int8", 3), says="axis2: axis -2 is out of bounds for array of dimension 1")
