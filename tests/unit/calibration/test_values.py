"""Values that inputs of cases must have: what the operation can do something with."""

import numpy as np
import pytest

from simgpu.calibration.case import Case, case
from simgpu.calibration.plan_dynamic import dynamic_cases
from simgpu.calibration.values import has_values, values_of
from simgpu.graph import TensorSpec
from simgpu.kernels import rule

INDICES = TensorSpec((300,), "int64")
TABLE = TensorSpec((16, 40), "float32")


def test_what_can_be_any_numbers_has_no_values():
    assert [has_values(case("Add", (4,), (4,)), number) for number in (0, 1)] == [False, False]
    assert values_of(case("Add", (4,), (4,)), 0) is None


@pytest.mark.parametrize(
    ("found", "number", "length"),
    [
        (Case("Gather", (TABLE, INDICES)), 1, 16),
        (Case("Gather", (TABLE, INDICES), {"axis": 1}), 1, 40),
        (Case("take", (TABLE, INDICES), {"axis": 1}), 1, 40),
        (Case("take_along_axis", (TABLE, TensorSpec((16, 300), "int64"))), 1, 40),
        (Case("getitem_arrays", (TABLE, INDICES), {"key": ("array",)}), 1, 16),
        (Case("getitem_arrays", (TABLE, INDICES, INDICES), {"key": ("array", "array")}), 2, 40),
    ],
)
def test_indices_reach_over_their_whole_axis_and_not_beyond(found, number, length):
    values = values_of(found, number)

    assert sorted(set(values.ravel().tolist())) == list(range(length))
    assert (values.shape, values.dtype) == (found.inputs[number].shape, np.int64)
    assert not has_values(found, 0)


@pytest.mark.parametrize("type", ["bitwise_left_shift", "pow"])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_integers_are_shifted_and_raised_by_little(type, dtype):
    values = values_of(case(type, (99,), (99,), dtype=dtype), 1)

    assert set(values.tolist()) == {0, 1, 2, 3}


@pytest.mark.parametrize("type", ["Div", "divide", "floor_divide", "remainder"])
def test_integers_are_divided_by_moderate_numbers_that_are_not_0(type):
    values = values_of(case(type, (999,), (999,), dtype="int64"), 1)

    assert (values.min(), values.max()) == (1, 99)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_what_is_searched_is_in_order(dtype):
    values = values_of(case("searchsorted", (9999,), (5,), dtype=dtype), 0)

    assert (np.diff(values) > 0).all()


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("name", ["cholesky", "eigh", "inv", "solve", "det", "matrix_power"])
def test_matrices_to_decompose_are_hermitian_and_well_conditioned(name, dtype):
    values = values_of(case(f"linalg.{name}", (3, 96, 96), dtype=dtype), 0)
    eigenvalues = np.linalg.eigvalsh(values)

    assert values.dtype == dtype
    assert np.allclose(values, np.conj(np.swapaxes(values, -1, -2)))
    assert 0.5 < eigenvalues.min() < eigenvalues.max() < 1.5


@pytest.mark.parametrize("name", ["qr", "svd", "pinv", "matrix_rank"])
def test_other_matrices_have_full_rank(name):
    values = values_of(case(f"linalg.{name}", (80, 40)), 0)

    assert np.linalg.matrix_rank(values) == 40


@pytest.mark.parametrize(
    ("type", "low", "high"), [("acos", -1, 1), ("asin", -1, 1), ("atanh", -1, 1), ("acosh", 1, 6), ("prod", 0.99, 1.01)]
)
def test_functions_have_arguments_for_which_they_are_defined(type, low, high):
    values = values_of(case(type, (9999,), dtype="float64"), 0)

    assert low < values.min() < values.max() < high


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_finite_and_moderate(dtype):
    values = values_of(case("Exp", (9999,), dtype=dtype), 0).astype(np.float32)

    assert 0.5 <= values.min() < values.max() <= 1.5


def test_truth_is_as_often_true_as_false():
    assert 0.4 < values_of(case("all", (4000,), dtype="bool"), 0).mean() < 0.6


@pytest.mark.parametrize("found", [found for found in dynamic_cases() if found.tier == 0], ids=lambda found: found.type)
def test_results_whose_shapes_follow_from_values_have_the_shapes_that_their_case_says(found):
    inputs = [
        np.ones(spec.shape, spec.dtype) if (values := values_of(found, number)) is None else values
        for number, spec in enumerate(found.inputs)
    ]
    made = rule(found.type).compute_dynamic(np, inputs, found.attributes)

    assert tuple(TensorSpec(array.shape, array.dtype.name) for array in made) == found.outputs
