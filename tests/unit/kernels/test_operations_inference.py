"""What the shape rules refuse, and what they say."""

from __future__ import annotations

import pytest

from simgpu.errors import GraphError
from simgpu.graph import Constant, Data, TensorSpec
from simgpu.kernels import OPERATIONS, infer
from tests.unit.kernels.operation_rows import f


def t(*shape, dtype="float32"):
    return TensorSpec(shape, dtype)


IMAGE, WEIGHTS = t(1, 4, 5, 5), t(6, 4, 3, 3)

REFUSALS = [
    # What every operation checks.
    ("Relu", [], {}, "takes 1 input, not 0"),
    ("Concat", [], {"axis": 0}, "takes 1 or more inputs, not 0"),
    ("Conv", [IMAGE], {}, "takes 2 to 3 inputs, not 1"),
    (
        "Relu",
        [t(3, dtype="bool")],
        {},
        "input 0 is bool[3]; it must be one of bfloat16, float16, float32, float64, int16, int32, int64, int8",
    ),
    ("Gather", [t(3), t(2)], {}, "input 1 is float32[2]; it must be one of int32, int64"),
    (
        "Conv",
        [IMAGE, WEIGHTS],
        {"stride": (1, 1)},
        "knows no attribute 'stride'; it has auto_pad, dilations, group, kernel_shape, pads, strides",
    ),
    ("Relu", [t(3)], {"alpha": 1}, "knows no attribute 'alpha'; it has none"),
    ("Concat", [t(3)], {}, "needs the attribute 'axis'"),
    # Broadcasting and dtypes.
    (
        "Add",
        [t(3), t(3, dtype="float64")],
        {},
        "its inputs are of float32 and float64; they must share one dtype, so cast some of them",
    ),
    ("Add", [t(2, 3), t(2, 4)], {}, "shapes (2, 3) and (2, 4) do not broadcast: [3, 4] meet in one axis"),
    (
        "Where",
        [t(2, dtype="bool"), t(2), t(2, dtype="int32")],
        {},
        "its inputs are of float32 and int32; they must share one dtype, so cast some of them",
    ),
    ("Clip", [t(2)], {"min": "0"}, "min is '0'; it must be a number"),
    # Convolution and pooling.
    (
        "Conv",
        [t(1, 4), t(6, 4)],
        {},
        "needs images (N, C, ...) and weights (M, C / group, ...) of one rank, which is 3 or more",
    ),
    (
        "Conv",
        [IMAGE, t(6, 4, 3)],
        {},
        "needs images (N, C, ...) and weights (M, C / group, ...) of one rank, which is 3 or more",
    ),
    ("Conv", [IMAGE, t(6, 4, 0, 3)], {}, "weights must have no dimension of 0"),
    ("Conv", [IMAGE, t(6, 3, 3, 3)], {}, "the images have 4 channels, but the weights take 3 for each of 1 groups"),
    ("Conv", [IMAGE, t(5, 2, 3, 3)], {"group": 2}, "5 output channels cannot be split into 2 groups"),
    ("Conv", [IMAGE, WEIGHTS], {"group": 0}, "group is 0; it must be an integer of 1 or more"),
    ("Conv", [IMAGE, WEIGHTS], {"kernel_shape": (3, 2)}, "kernel_shape is (3, 2), but the weights have (3, 3)"),
    ("Conv", [IMAGE, WEIGHTS, t(5)], {}, "the bias has shape (5,); it must be (6,), one for each output channel"),
    ("Conv", [IMAGE, WEIGHTS], {"strides": (0, 1)}, "strides is (0, 1); it must be 2 integers of 1 or more"),
    ("Conv", [IMAGE, WEIGHTS], {"pads": (1, 1)}, "pads is (1, 1); it must be 4 integers of 0 or more"),
    ("Conv", [IMAGE, WEIGHTS], {"pads": (0, 0, 0, -1)}, "pads is (0, 0, 0, -1); it must be 4 integers of 0 or more"),
    ("Conv", [IMAGE, WEIGHTS], {"dilations": 2}, "dilations is 2; it must be a tuple of integers"),
    (
        "Conv",
        [IMAGE, WEIGHTS],
        {"auto_pad": "SAME"},
        "auto_pad is 'SAME'; it can be NOTSET, SAME_UPPER, SAME_LOWER, VALID",
    ),
    (
        "Conv",
        [IMAGE, WEIGHTS],
        {"auto_pad": "VALID", "pads": (1,) * 4},
        "pads (1, 1, 1, 1) and auto_pad VALID exclude each other",
    ),
    (
        "Conv",
        [IMAGE, WEIGHTS],
        {"dilations": (3, 3)},
        ("a window of (3, 3) with dilations (3, 3) does not fit into an image of (5, 5) padded by (0, 0) and (0, 0)"),
    ),
    ("MaxPool", [IMAGE], {}, "needs the attribute 'kernel_shape'"),
    ("MaxPool", [IMAGE], {"kernel_shape": (2,)}, "kernel_shape is (2,); it must be 2 integers of 1 or more"),
    (
        "MaxPool",
        [IMAGE],
        {"kernel_shape": (2, 2), "pads": (2, 0, 0, 0)},
        "pads (2, 0) and (0, 0) would leave windows of (2, 2) in the padding alone",
    ),
    (
        "MaxPool",
        [t(1, 1, 1)],
        {"kernel_shape": (2,), "dilations": (2,), "pads": (1, 1)},
        "pads (1,) and (1,) would leave windows of (2,) in the padding alone",
    ),
    ("GlobalMaxPool", [t(2, 3)], {}, "needs images (N, C, ...) of rank 3 or more"),
    # Matrix products.
    ("Gemm", [t(2, 3, 4), t(4, 5)], {}, "needs two matrices"),
    ("Gemm", [t(2, 3), t(4, 3)], {}, "cannot multiply (2, 3) by (4, 3), as transA and transB turn them"),
    ("Gemm", [t(2, 3), t(3, 4), t(3)], {}, "shapes (2, 4) and (3,) do not broadcast: [3, 4] meet in one axis"),
    ("Gemm", [t(1, 3), t(3, 4), t(2, 4)], {}, "the third input has shape (2, 4), which does not broadcast to (1, 4)"),
    ("MatMul", [t(), t(3)], {}, "needs at least one dimension in each input"),
    ("MatMul", [t(2, 3), t(2, 3)], {}, "cannot multiply (2, 3) by (2, 3): 3 meets 2"),
    # Normalisation.
    (
        "BatchNormalization",
        [IMAGE, t(4), t(4), t(5), t(4)],
        {},
        "the mean has shape (5,); it must be (4,), one for each channel",
    ),
    ("BatchNormalization", [t(4), *[t(4)] * 4], {}, "needs images (N, C, ...) of rank 2 or more"),
    (
        "BatchNormalization",
        [IMAGE, *[t(4)] * 4],
        {"training_mode": 1},
        "only inference is known; training_mode must be 0",
    ),
    ("LRN", [IMAGE], {}, "size is None; it must be an integer of 1 or more"),
    ("LRN", [t(4)], {"size": 3}, "needs images (N, C, ...) of rank 2 or more"),
    ("Softmax", [t(2, 3)], {"axis": 2}, "axis is 2; for 2 dimensions it must be from -2 to 1"),
    # Movement and shapes.
    (
        "Cast",
        [t(3)],
        {"dtype": "float31"},
        (
            "a tensor has dtype 'float31'; known dtypes are bool, int8, uint8, int16, uint16, float16, bfloat16, "
            "int32, uint32, float32, int64, uint64, float64, complex64, complex128, string, resource, variant"
        ),
    ),
    ("Concat", [t(2, 3), t(3, 4)], {"axis": 0}, "its inputs differ in more than axis 0"),
    ("Concat", [t(2, 3), t(2)], {"axis": 0}, "its inputs differ in more than axis 0"),
    ("Split", [t(6)], {"split": (2, 3)}, "split is (2, 3); it must be sizes that add up to 6"),
    ("Split", [t(6)], {"num_outputs": 7}, "num_outputs is 7; an axis of 6 can be split into 1 to 6 pieces"),
    ("Transpose", [t(2, 3)], {"perm": (0, 0)}, "perm is (0, 0); it must name each of the axes 0 to 1 once"),
    ("Slice", [t(4)], {"starts": (0,), "ends": (1,), "steps": (0,)}, "a step of 0 leads nowhere"),
    ("Slice", [t(4)], {"starts": (0,), "ends": (1, 2)}, "ends is (1, 2); it must be 1 integers"),
    ("Pad", [t(2)], {"pads": (-2, -1)}, "pads (-2, -1) take away more than there is"),
    ("Pad", [t(2)], {"pads": (1, 1), "mode": "reflect"}, "mode is 'reflect'; it can be constant"),
    ("Tile", [t(2)], {"repeats": (2, 2)}, "repeats is (2, 2); it must be 1 integers of 0 or more"),
    ("Expand", [t(2, 3)], {"shape": (2, 4)}, "shapes (2, 3) and (2, 4) do not broadcast: [3, 4] meet in one axis"),
    ("Gather", [t(), t(1, dtype="int64")], {}, "axis is 0; for 0 dimensions it must be left out"),
    ("Reshape", [t(2, 3)], {"shape": (4, -1)}, "6 elements do not fit into shape (4, -1)"),
    ("Reshape", [t(2, 3)], {"shape": (-1, -1)}, "shape (-1, -1) may hold sizes and at most one -1"),
    ("Reshape", [t(6)], {"shape": (6, 0)}, "shape has a 0 at axis 1, but the input has only 1 dimensions to keep"),
    ("Unsqueeze", [t(2)], {"axes": (0, -3)}, "axes (0, -3) name one axis twice"),
    ("Squeeze", [t(2, 1)], {"axes": (0,)}, "axes (0,) are to go, but not all of them have a size of 1"),
    ("ReduceSum", [t(2)], {"axes": (1,)}, "axis is 1; for 1 dimensions it must be from -1 to 0"),
    # Reductions, diagonals and random values.
    ("var", [t(3)], {"correction": "1"}, "correction is '1'; it must be a number"),
    ("tril", [t(3, 3)], {"k": 0.5}, "k is 0.5; it must be an integer, the diagonal counted from the main one"),
    (
        "RandomUniform",
        [],
        {"seed": (1,), "shape": (2,), "dtype": "int8"},
        "dtype is 'int8'; it can be bfloat16, float16, float32, float64",
    ),
    (
        "RandomUniformInt",
        [],
        {"seed": (1,), "shape": (2,), "low": 3, "high": 3},
        "low is 3 and high is 3; they must be ints, and high the larger one",
    ),
    # Sources.
    ("Input", [], {}, "needs the attribute 'spec'"),
    ("Input", [], {"spec": (2, 3)}, "spec is (2, 3); it must be a TensorSpec"),
    ("Variable", [], {"spec": t(2)}, "needs the attribute 'initializer'"),
    (
        "Variable",
        [],
        {"spec": t(2), "initializer": 0},
        "initializer is 0; it must be a Constant, Normal, Uniform or Data",
    ),
    (
        "Variable",
        [],
        {"spec": t(2), "initializer": Data(f(3))},
        "the variable is float32[2], but its data have shape (3,)",
    ),
]


@pytest.mark.parametrize(("type", "inputs", "attributes", "words"), REFUSALS)
def test_inputs_or_attributes_that_do_not_fit_are_refused_in_words(type, inputs, attributes, words):
    with pytest.raises(GraphError) as caught:
        infer(type, inputs, attributes)

    assert str(caught.value) == f"{type}({', '.join(map(str, inputs))}): {words}"


def test_an_input_has_the_spec_that_it_is_given():
    assert infer("Input", [], {"spec": t(2, 3)}) == (t(2, 3),)


def test_a_string_can_be_passed_on_though_it_has_no_array():
    assert infer("Identity", [t(2, dtype="string")], {}) == (t(2, dtype="string"),)


@pytest.mark.parametrize(
    ("size", "attributes", "expected"),
    [
        (7, {"kernel_shape": (2,), "strides": (2,)}, 3),
        (7, {"kernel_shape": (2,), "strides": (2,), "ceil_mode": 1}, 4),
        (3, {"kernel_shape": (2,), "strides": (3,), "pads": (0, 1), "ceil_mode": 1}, 1),
        (4, {"kernel_shape": (2,), "strides": (3,), "pads": (0, 1), "ceil_mode": 1}, 2),
        (7, {"kernel_shape": (3,), "strides": (2,), "auto_pad": "SAME_LOWER"}, 4),
        (7, {"kernel_shape": (3,), "dilations": (3,)}, 1),
    ],
)
def test_the_number_of_windows_follows_from_size_stride_and_padding(size, attributes, expected):
    assert infer("AveragePool", [t(1, 1, size)], attributes) == (t(1, 1, expected),)


def test_no_window_starts_in_the_padding_behind_the_image():
    attributes = {"kernel_shape": (3,), "strides": (3,), "pads": (0, 2), "ceil_mode": 1}

    assert infer("MaxPool", [t(1, 1, 3)], attributes) == (t(1, 1, 1),)


def test_the_bytes_of_a_variable_are_no_part_of_its_rule():
    spec = t(2**20, 2**20)

    assert OPERATIONS["Variable"].infer([], {"spec": spec, "initializer": Constant(0)}) == (spec,)
