"""Linear algebra and Fourier transforms against NumPy, and their work."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simgpu.graph import TensorSpec
from simgpu.kernels import infer, rule
from tests.unit.kernels.array_api_checks import (
    ALL,
    COMPLEX,
    FLOATING,
    NUMERIC,
    assert_near,
    check,
    computed,
    refused,
    specs,
    values,
)

LAPACK = ("float32", "float64", *COMPLEX)
REAL_OF = {"complex64": "float32", "complex128": "float64"}
PREFIXES = ("", "linalg.")


def wide(dtype):
    return "float32" if dtype == "float16" else dtype


def positive(dtype, size):
    """Return positive definite matrices."""
    x = values(dtype, 2, size, size)
    return (x @ x.conj().swapaxes(-1, -2) + size * np.eye(size)).astype(dtype)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("dtype", NUMERIC)
def test_products_are_numpys(prefix, dtype):
    x, y = values(dtype, 2, 1, 3, 4), values(dtype, 5, 4, 6)
    left, right = x.astype(wide(dtype)), y.astype(wide(dtype))

    check(f"{prefix}matmul", [x, y], (left @ right).astype(dtype))
    check(f"{prefix}matmul", [x[0, 0, 0], y[0, :, 0]], (left[0, 0, 0] @ right[0, :, 0]).astype(dtype))
    check(f"{prefix}tensordot", [x, y[0]], np.tensordot(left, right[0], 1).astype(dtype), axes=1)
    axes = ((1, -1), (2, 1))
    check(f"{prefix}tensordot", [x, y[:, :, :1]], np.tensordot(left, right[:, :, :1], axes).astype(dtype), axes=axes)
    check(f"{prefix}vecdot", [x, y[0, :, 0]], np.vecdot(left, right[0, :, 0]).astype(dtype))
    check(f"{prefix}vecdot", [x, y[:, :3, :4]], np.vecdot(left, right[:, :3, :4], axis=-2).astype(dtype), axis=-2)


@pytest.mark.parametrize("dtype", NUMERIC)
def test_cross_and_outer_products_and_traces_are_numpys(dtype):
    x, y = values(dtype, 2, 3), values(dtype, 4, 1, 3, seed=1)
    left, right = x.astype(wide(dtype)), y.astype(wide(dtype))
    square = values(dtype, 2, 3, 4)

    check("linalg.cross", [x, y], np.cross(left, right).astype(dtype))
    check("linalg.outer", [x[0], y[0, 0]], np.outer(left[0], right[0, 0]).astype(dtype))
    for offset in (-2, 0, 1, 9):
        check("linalg.trace", [square], np.trace(square, offset, -2, -1), offset=offset)
    check("linalg.trace", [square], np.trace(square, 0, -2, -1, "complex128"), dtype="complex128")


@pytest.mark.parametrize("left", ["int8", "uint32", "float32", "complex64"])
@pytest.mark.parametrize("right", ["int64", "float16", "float64"])
def test_products_promote(left, right):
    x, y = values(left, 3, 3), values(right, 3, 3)

    check("matmul", [x, y], x @ y)
    check("linalg.outer", [x[0], y[0]], np.outer(x[0], y[0]))
    check("vecdot", [x, y], np.vecdot(x, y))


@pytest.mark.parametrize("dtype", LAPACK)
def test_functions_of_square_matrices_are_numpys(dtype):
    x = positive(dtype, 3)
    sign, log = np.linalg.slogdet(x)

    check("linalg.det", [x], np.linalg.det(x))
    check("linalg.slogdet", [x], [sign, log])
    check("linalg.inv", [x], np.linalg.inv(x))
    check("linalg.cholesky", [x], np.linalg.cholesky(x))
    check("linalg.cholesky", [x], np.linalg.cholesky(x).conj().swapaxes(-1, -2), upper=True)
    check("linalg.eigvalsh", [x], np.linalg.eigvalsh(x))
    check("linalg.eigh", [x], list(np.linalg.eigh(x)))
    for n in (-2, 0, 1, 5):
        check("linalg.matrix_power", [x], np.linalg.matrix_power(x, n), n=n)


@pytest.mark.parametrize("dtype", LAPACK)
def test_eigenvalues_are_always_complex(dtype):
    x = positive(dtype, 3)
    pairs = {"float32": "complex64", "float64": "complex128"}
    found = np.linalg.eig(x)

    check("linalg.eig", [x], [part.astype(pairs.get(dtype, dtype)) for part in found])
    check("linalg.eigvals", [x], np.linalg.eigvals(x).astype(pairs.get(dtype, dtype)))


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (2, 3, 3), (0, 3)])
@pytest.mark.parametrize("dtype", LAPACK)
def test_decompositions_of_any_matrix_are_numpys(dtype, shape):
    x = values(dtype, *shape)

    check("linalg.svdvals", [x], np.linalg.svd(x, compute_uv=False))
    for is_full in (True, False):
        check("linalg.svd", [x], list(np.linalg.svd(x, is_full)), full_matrices=is_full)
    for mode in ("reduced", "complete"):
        check("linalg.qr", [x], list(np.linalg.qr(x, mode)), mode=mode)
    check("linalg.pinv", [x], np.linalg.pinv(x, rcond=max(shape[-2:]) * np.finfo(dtype).eps))
    check("linalg.matrix_rank", [x], np.asarray(np.linalg.matrix_rank(x)))


def test_a_tolerance_is_relative_and_may_be_an_array():
    x = np.stack([np.diag([1.0, 0.1, 0.01]), np.diag([10.0, 0.1, 0.01])])
    tolerances = np.array([0.05, 0.005])

    check("linalg.matrix_rank", [x], np.array([2, 1]), rtol=0.05)
    check("linalg.matrix_rank", [x, tolerances], np.array([2, 2]))
    check("linalg.pinv", [x, tolerances], np.linalg.pinv(x, rcond=tolerances))
    check("linalg.pinv", [x], np.linalg.pinv(x, rcond=0.5), rtol=0.5)


@pytest.mark.parametrize("dtype", LAPACK)
def test_linear_systems_are_solved(dtype):
    x, vector, matrix = positive(dtype, 3), values(dtype, 3), values(dtype, 5, 1, 3, 2)

    check("linalg.solve", [x, vector], np.linalg.solve(x, vector))
    check("linalg.solve", [x, matrix], np.linalg.solve(x, matrix))


@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf, None])
@pytest.mark.parametrize("dtype", LAPACK)
def test_norms_of_matrices_are_numpys(dtype, ord):
    x = values(dtype, 2, 3, 4)

    check("linalg.matrix_norm", [x], np.linalg.norm(x, ord, (-2, -1)), ord=ord)
    check("linalg.matrix_norm", [x], np.linalg.norm(x, ord, (-2, -1), True), ord=ord, keepdims=True)


@pytest.mark.parametrize("ord", [0, 1, -1, 2, 2.5, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", FLOATING)
def test_norms_of_vectors_are_numpys(dtype, ord):
    x = values(dtype, 2, 3, 4)
    norm, real = np.linalg.vector_norm, REAL_OF.get(dtype, dtype)
    exact = x.astype(wide(dtype))

    for form in ({}, {"axis": 1}, {"axis": (0, -1), "keepdims": True}, {"axis": (2, 0)}, {"keepdims": True}):
        check("linalg.vector_norm", [x], norm(exact, ord=ord, **form).astype(real), ord=ord, **form)


@pytest.mark.parametrize("name", ["det", "inv", "eig", "eigh", "cholesky", "slogdet", "matrix_power"])
def test_what_needs_a_square_matrix_refuses_others(name):
    attributes = {"n": 2} if name == "matrix_power" else {}

    refused(f"linalg.{name}", values("float32", 2, 3), says="float32[2,3] is not square", **attributes)
    refused(
        f"linalg.{name}",
        values("float32", 3),
        says="float32[3] is no matrix; it needs at least 2 dimensions",
        **attributes,
    )
    for dtype in set(ALL) - set(LAPACK):
        refused(f"linalg.{name}", values(dtype, 3, 3), match="it must be one of", **attributes)


def test_linear_algebra_refuses_what_does_not_fit():
    x = values("float32", 2, 3)

    refused("matmul", x, x, says="cannot multiply (2, 3) by (2, 3): 3 meets 2")
    refused("matmul", x, values("float32"), says="needs at least one dimension in each input")
    refused(
        "matmul",
        x,
        values("bool", 3, 2),
        says=(
            "input 1 is bool[3,2]; it must be one of bfloat16, complex128, complex64, float16, float32, float64, "
            "int16, int32, int64, int8, uint16, uint32, uint64, uint8"
        ),
    )
    refused("tensordot", x, x, axes=1, says="the axes to sum have sizes [3] and [2]; they must be equal")
    refused("tensordot", x, x, axes=3, says="axes is 3; for 2 and 2 dimensions it must be 0 to 2")
    refused(
        "tensordot", x, x, axes=((0,), (0, 1)), says="the axes to sum have sizes [2] and [2, 3]; they must be equal"
    )
    refused("tensordot", x, x, axes=[1, 1], says="axes is [1, 1]; it must be a number of axes, or two tuples of axes")
    refused("vecdot", x, x[0, :2], says="vectors of 3 and 2 elements have no product")
    refused("vecdot", x, x, axis=1, says="axis is 1; it must count from the end, and both operands must have it")
    refused("linalg.cross", x[:, :2], x[:, :2], says="axis -1 of both operands must have a size of 3")
    refused("linalg.outer", x, x[0], says="its inputs must have one dimension each")
    refused("linalg.solve", values("float32", 3, 3), x, says="cannot multiply (3, 3) by (2, 3): 3 meets 2")
    refused("linalg.qr", x, mode="raw", says="mode is 'raw'; it can be reduced, complete")
    refused("linalg.matrix_power", values("float32", 3, 3), n=0.5, says="n is 0.5; it must be an integer")
    refused("linalg.matrix_norm", x, ord=3, says="ord is 3; it can be fro, nuc, 1, -1, 2, -2, inf, -inf")
    refused("linalg.vector_norm", x, ord="fro", says="ord is 'fro'; it must be a number")
    refused(
        "linalg.pinv", x, values("float32", 2), says="rtol is float32[2]; it must broadcast to (), one for each matrix"
    )
    refused("linalg.pinv", x, rtol="a", says="rtol is 'a'; it must be a number, or else an input")


def test_a_singular_matrix_is_seen_when_its_values_are_there():
    with pytest.raises(np.linalg.LinAlgError):
        computed("linalg.inv", np.zeros((2, 2)))


ONE_AXIS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
MANY_AXES = ("fftn", "ifftn", "rfftn", "irfftn")
FROM_REAL = ("rfft", "ihfft", "rfftn")


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("name", ONE_AXIS)
@pytest.mark.parametrize("precision", [0, 1])
def test_transforms_along_an_axis_are_numpys(name, norm, precision):
    x = values((("float32", "float64") if name in FROM_REAL else COMPLEX)[precision], 4, 5)

    for form in ({}, {"axis": 0}, {"n": 3}, {"n": 8, "axis": -2}):
        check(f"fft.{name}", [x], getattr(np.fft, name)(x, norm=norm, **form), norm=norm, **form)


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("name", MANY_AXES)
@pytest.mark.parametrize("precision", [0, 1])
def test_transforms_along_many_axes_are_numpys(name, norm, precision):
    x = values((("float32", "float64") if name in FROM_REAL else COMPLEX)[precision], 3, 4, 5)
    function = getattr(np.fft, name)

    for form in ({}, {"axes": (2, 0)}, {"s": (2, 7), "axes": (0, 1)}):
        check(f"fft.{name}", [x], function(x, norm=norm, **form), norm=norm, **form)
    check(f"fft.{name}", [x], function(x, (3, 6), (1, 2), norm=norm), s=(3, 6), norm=norm)


@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
@pytest.mark.parametrize("dtype", FLOATING)
def test_shifts_of_frequencies_are_numpys(name, dtype):
    x = values(dtype, 4, 5)

    for form in ({}, {"axes": 1}, {"axes": (-1, 0)}):
        check(f"fft.{name}", [x], getattr(np.fft, name)(x, **form), **form)


@pytest.mark.parametrize("name", [*ONE_AXIS, *MANY_AXES])
def test_transforms_refuse_the_dtypes_that_the_standard_refuses(name):
    allowed = ("float32", "float64") if name in FROM_REAL else COMPLEX
    for dtype in set(ALL) - set(allowed):
        refused(f"fft.{name}", values(dtype, 4), match="it must be one of")


def test_transforms_refuse_what_does_not_fit():
    x = values("complex64", 4, 5)

    refused("fft.fft", x, n=0, says="sizes (0,) do not fit axes (1,): each axis needs one of 1 or more")
    refused("fft.fft", x, axis=2, says="axis is 2; for 2 dimensions it must be from -2 to 1")
    refused("fft.fft", x, norm="l2", says="norm is 'l2'; it can be backward, ortho, forward")
    refused(
        "fft.fftn", x, s=(2,), axes=(0, 1), says="sizes (2,) do not fit axes (0, 1): each axis needs one of 1 or more"
    )
    refused("fft.fftn", x, axes=(0, 0), says="axis (0, 0) names one axis twice")
    refused("fft.fftn", x, axes=(), says="needs an axis to transform")
    refused("fft.fftshift", x, axes=2, says="axis is 2; for 2 dimensions it must be from -2 to 1")
    refused(
        "fft.fftshift",
        values("int8", 2),
        says="input 0 is int8[2]; it must be one of bfloat16, complex128, complex64, float16, float32, float64",
    )


def flop(name, *inputs, **attributes):
    return rule(name).work(inputs, infer(name, inputs, attributes), attributes).flop


def test_the_work_of_products_is_two_flop_for_a_multiply_add_and_eight_for_a_complex_one():
    x, z = TensorSpec((2, 3, 4), "float32"), TensorSpec((4, 5), "complex64")

    assert flop("matmul", x, TensorSpec((4, 5), "float32")) == 2 * 2 * 3 * 4 * 5
    assert flop("matmul", x, z) == 8 * 2 * 3 * 4 * 5
    assert flop("tensordot", x, z, axes=1) == 8 * 2 * 3 * 4 * 5
    assert flop("vecdot", x, x) == 2 * 24
    assert flop("linalg.outer", TensorSpec((3,), "int8"), TensorSpec((4,), "int8")) == 12
    assert flop("linalg.cross", TensorSpec((5, 3), "int8"), TensorSpec((5, 3), "int8")) == 45
    assert flop("linalg.trace", x) == 2 * 3


def test_the_work_of_decompositions_is_that_of_golub_and_van_loan():
    square, tall = TensorSpec((2, 30, 30), "float32"), TensorSpec((20, 10), "float64")

    assert flop("linalg.det", square) == 2 * 18_000
    assert flop("linalg.det", TensorSpec((30, 30), "complex64")) == 4 * 18_000
    assert flop("linalg.cholesky", square) == 2 * 9_000
    assert flop("linalg.inv", square) == 2 * 54_000
    assert flop("linalg.matrix_power", square, n=-5) == 2 * 54_000 * 4
    assert flop("linalg.solve", square, TensorSpec((30, 4), "float32")) == 2 * (18_000 + 2 * 900 * 4)
    assert flop("linalg.eigh", square) == 2 * 9 * 27_000
    assert flop("linalg.eigvals", square) == 2 * 270_000
    assert flop("linalg.qr", tall) == 8_000 - 1_333
    assert flop("linalg.svdvals", tall) == flop("linalg.matrix_rank", tall) == 8_000 - 1_333
    assert flop("linalg.svd", tall, full_matrices=False) == 28_000 + 8_000
    assert flop("linalg.svd", tall) == 16_000 + 16_000 + 9_000
    assert flop("linalg.matrix_norm", tall) == 400
    assert flop("linalg.matrix_norm", tall, ord=2) == flop("linalg.svdvals", tall)


def test_the_work_of_transforms_is_that_of_fftws_benchmarks():
    assert flop("fft.fft", TensorSpec((3, 8), "complex64")) == 3 * 5 * 8 * 3
    assert flop("fft.rfft", TensorSpec((3, 8), "float32")) == 3 * 60
    assert flop("fft.irfft", TensorSpec((3, 5), "complex64")) == 3 * 60
    assert flop("fft.fftn", TensorSpec((3, 4, 8), "complex64"), axes=(1, 2)) == 3 * 5 * 32 * 5


def test_halves_are_multiplied_in_single_precision():
    x = np.full((1, 4096), 1, np.float16)

    assert_near(computed("matmul", x, x.T)[0], np.float16([[4096]]))
    assert specs(computed("vecdot", x, x)) == [TensorSpec((1,), "float16")]
