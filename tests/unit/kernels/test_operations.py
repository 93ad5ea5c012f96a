"""The array code of every operation against ONNX Runtime, or one NumPy expression."""

from __future__ import annotations

import numpy as np
import pytest

from simgpu.errors import ExecutionError
from simgpu.graph import TensorSpec
from simgpu.kernels import OPERATIONS, array_api, array_dtype, infer
from tests.messages import exactly
from tests.unit.kernels.operation_rows import ROWS, Row, f

GUARD = 64
POISON = 0xA5


def specs(arrays):
    return [TensorSpec(array.shape, "string" if array.dtype == object else array.dtype.name) for array in arrays]


def name(row: Row) -> str:
    return row.type


def block(spec):
    """Return an array inside a poisoned slab, and the slab."""
    slab = np.full(spec.nbytes + 2 * GUARD, POISON, np.uint8)
    return slab[GUARD : GUARD + spec.nbytes].view(array_dtype(spec.dtype)).reshape(spec.shape), slab


def assert_only_the_middle_changed(slab):
    assert (slab[:GUARD] == POISON).all()
    assert (slab[-GUARD:] == POISON).all()


def test_every_operation_but_input_and_the_array_functions_has_a_row():
    array_functions = {row.name for row in array_api.ROWS}

    assert {row.type for row in ROWS} == set(OPERATIONS) - array_functions - {"Input"}


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_an_operation_writes_the_right_values_into_the_given_blocks_and_nowhere_else(row):
    inputs = [array.copy() for array in row.inputs]
    for array in inputs:
        array.flags.writeable = False
    outputs, slabs = zip(*map(block, infer(row.type, specs(inputs), row.attributes)), strict=True)
    expected = [np.asarray(array) for array in row.answer(*row.inputs)]

    OPERATIONS[row.type].compute(np, inputs, outputs, row.attributes)

    assert specs(outputs) == specs(expected)
    for output, array in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(output, array, rtol=2e-5, atol=2e-6)
    for slab in slabs:
        assert_only_the_middle_changed(slab)


def rounds_smoothly(row):
    """Tell whether the operation takes float32 alone, and rounding its inputs changes no decision."""
    decides = ("Equal", "Greater", "Less", "ArgMax", "Cast", "Floor", "Ceil")
    return row.inputs and row.type not in decides and all(array.dtype == np.float32 for array in row.inputs)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("row", list(filter(rounds_smoothly, ROWS)), ids=name)
def test_half_precision_gives_the_same_values_rounded(row, dtype):
    inputs = [array.astype(array_dtype(dtype)) for array in row.inputs]
    outputs = [block(spec)[0] for spec in infer(row.type, specs(inputs), row.attributes)]
    expected = row.answer(*(array.astype(np.float32) for array in inputs))

    OPERATIONS[row.type].compute(np, inputs, outputs, row.attributes)

    precision = {"float16": 2**-10, "bfloat16": 2**-7}[dtype]
    for output, array in zip(outputs, expected, strict=True):
        assert output.dtype == (np.int64 if row.type == "Shape" else array_dtype(dtype))
        np.testing.assert_allclose(output.astype(np.float64), array, rtol=precision, atol=precision / 8)


def test_float64_keeps_its_precision_in_a_convolution():
    image, weights = f(1, 2, 6, 6).astype(np.float64), f(3, 2, 3, 3).astype(np.float64)
    (output,) = (np.empty(spec.shape) for spec in infer("Conv", specs([image, weights]), {}))
    views = np.lib.stride_tricks.sliding_window_view(image[0], (2, 3, 3))[0]

    OPERATIONS["Conv"].compute(np, [image, weights], [output], {})

    np.testing.assert_allclose(output[0], np.einsum("yxcij,mcij->myx", views, weights), rtol=1e-13)


@pytest.mark.parametrize("group", [1, 2])
def test_a_convolution_in_many_pieces_equals_one_in_a_single_piece(monkeypatch, group):
    image, weights = f(2, 4, 9, 5), f(4, 4 // group, 3, 3)
    attributes = {"group": group, "pads": (1, 2, 1, 0), "strides": (2, 1)}
    whole, pieces = (np.empty(infer("Conv", specs([image, weights]), attributes)[0].shape, np.float32) for _ in "ab")
    OPERATIONS["Conv"].compute(np, [image, weights], [whole], attributes)
    monkeypatch.setattr("simgpu.kernels.convolution.scratch_bytes", lambda module: 2 * 4 * 9 * 5 * 4)

    OPERATIONS["Conv"].compute(np, [image, weights], [pieces], attributes)

    np.testing.assert_allclose(pieces, whole, rtol=1e-5, atol=1e-6)


def test_an_input_is_never_computed():
    with pytest.raises(ExecutionError, match=exactly("an Input is fed by the caller and never computed")):
        OPERATIONS["Input"].compute(np, [], [np.empty(2)], {})


def test_a_gather_beyond_the_end_is_refused():
    with pytest.raises(IndexError):
        OPERATIONS["Gather"].compute(np, [f(3, 2), np.array([3])], [np.empty((1, 2), np.float32)], {})
