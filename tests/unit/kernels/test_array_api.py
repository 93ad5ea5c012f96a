"""The rows of the array API standard as a whole: none is missing, and each has what the engines need."""

from __future__ import annotations

import numpy as np
import pytest

from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.kernels import OPERATIONS, add_operation, kernel_set, rule
from simgpu.kernels.array_api import ROWS

# The functions of the standard, 2025.12, by its chapters. Those that make no array stand in NO_ARRAY.
NO_ARRAY = "broadcast_shapes can_cast finfo iinfo isdtype result_type"
MAIN = """
    arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like tril triu zeros
    zeros_like

    astype broadcast_arrays broadcast_to

    abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_invert bitwise_or
    bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh divide equal exp expm1 floor floor_divide greater
    greater_equal hypot imag isfinite isinf isnan less less_equal log log1p log2 log10 logaddexp logical_and logical_not
    logical_or logical_xor maximum minimum multiply negative nextafter not_equal positive pow real reciprocal remainder
    round sign signbit sin sinh square sqrt subtract tan tanh trunc

    take take_along_axis

    matmul matrix_transpose tensordot vecdot

    concat expand_dims flip moveaxis permute_dims repeat reshape roll squeeze stack tile unstack

    argmax argmin count_nonzero nonzero searchsorted where

    isin unique_all unique_counts unique_inverse unique_values

    argsort sort

    cumulative_prod cumulative_sum max mean min prod std sum var

    all any diff
"""
LINALG = """
    cholesky cross det diagonal eig eigh eigvals eigvalsh inv matmul matrix_norm matrix_power matrix_rank
    matrix_transpose outer pinv qr slogdet solve svd svdvals tensordot trace vecdot vector_norm
"""
FFT = "fft ifft fftn ifftn rfft irfft rfftn irfftn hfft ihfft fftfreq rfftfreq fftshift ifftshift"
STANDARD = {
    *MAIN.split(),
    *(f"linalg.{name}" for name in LINALG.split()),
    *(f"fft.{name}" for name in FFT.split()),
}
OF_THE_ARRAY_OBJECT = {"getitem", "getitem_arrays", "getitem_mask", "setitem", "repeat_each"}
DYNAMIC = {"getitem_mask", "nonzero", "repeat_each", "unique_all", "unique_counts", "unique_inverse", "unique_values"}


def test_every_function_of_the_standard_that_makes_arrays_has_a_row():
    assert len(MAIN.split()) + len(NO_ARRAY.split()) == 135
    assert {row.name for row in ROWS} == STANDARD | OF_THE_ARRAY_OBJECT
    assert len(ROWS) == len(STANDARD | OF_THE_ARRAY_OBJECT)


def test_the_rows_stand_in_the_table_beside_those_of_onnx():
    assert all(OPERATIONS[row.name] is row for row in ROWS)
    assert all(row.name[0].islower() for row in ROWS)


def test_results_of_unknown_shape_are_those_whose_shape_depends_on_values():
    assert {row.name for row in ROWS if row.compute_dynamic} == DYNAMIC


def test_every_function_that_a_row_names_is_one_of_the_array_module():
    assert {
        row.function for row in ROWS if row.function and not isinstance(getattr(np, row.function), np.ufunc)
    } == set()


def test_attributes_that_the_standard_does_not_have_are_refused():
    with pytest.raises(
        ValueError, match=r"^sum\(int8\[3\]\): knows no attribute 'axes'; it has axis, dtype, keepdims$"
    ):
        rule("sum").infer([TensorSpec((3,), "int8")], {"axes": 0})


@pytest.fixture
def graph():
    builder = GraphBuilder()
    (x,) = builder.add("Input", outputs=[TensorSpec((4, 4), "float32")], name="x")
    (k,) = builder.add("Input", outputs=[TensorSpec((4,), "int64")], name="k")
    add_operation(builder, "add", [x], name="shifted", scalar=1.0, side="left")
    add_operation(builder, "linalg.svd", [x], name="svd")
    add_operation(builder, "add", [k, k], name="counted")
    add_operation(builder, "fft.rfft", [x], name="waves")
    builder.add("nonzero", [x], outputs=[TensorSpec((3,), "int64")] * 2, name="found")
    return builder.build()


@pytest.mark.parametrize(
    ("kernels", "on_gpu"),
    [
        ("float-only", {"shifted", "svd", "waves"}),
        ("tensorflow", {"shifted", "svd", "counted", "waves", "found"}),
        ("all", {"shifted", "svd", "counted", "waves", "found"}),
    ],
)
def test_kernel_sets_know_the_rows(graph, kernels, on_gpu):
    find = kernel_set(kernels).find
    names = ("shifted", "svd", "counted", "waves", "found")

    assert {name for name in names if find(graph.operation(name), "GPU")} == on_gpu
    assert all(find(graph.operation(name), "CPU") for name in names)
