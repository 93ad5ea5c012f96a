"""Operators across opsets: what only parametrises an operation becomes its attributes, wherever the file keeps it."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from simgpu.errors import ModelFileError
from simgpu.graph import Data, TensorSpec
from simgpu.readers import read_onnx
from tests.unit.readers.onnx_files import node

AXES = {"axes": np.array([0, 2])}
VECTOR = np.ones(3, "float32")
STATISTICS = dict.fromkeys(("scale", "bias", "mean", "variance"), VECTOR)
NORMALISE = "x scale bias mean variance"


def the_operation(graph):
    """Return the one operation that is neither an input nor a variable."""
    (found,) = [operation for operation in graph if operation.type not in ("Input", "Variable")]
    return found


@pytest.mark.parametrize(
    ("opset", "nodes", "tensors", "attributes", "shape"),
    [
        (11, node("Unsqueeze", "x", axes=[0, 2]), {}, {"axes": (0, 2)}, (1, 1, 1, 3, 4, 4)),
        (13, node("Unsqueeze", "x axes"), AXES, {"axes": (0, 2)}, (1, 1, 1, 3, 4, 4)),
        (11, node("Squeeze", "x", axes=[0]), {}, {"axes": (0,)}, (3, 4, 4)),
        (13, node("Squeeze", "x axes"), {"axes": np.array([0])}, {"axes": (0,)}, (3, 4, 4)),
        (13, node("Squeeze", "x"), {}, {}, (3, 4, 4)),
        (11, node("ReduceSum", "x", axes=[0, 2]), {}, {"axes": (0, 2)}, (1, 3, 1, 4)),
        (13, node("ReduceSum", "x axes", keepdims=0), AXES, {"axes": (0, 2), "keepdims": 0}, (3, 4)),
        (18, node("ReduceMean", "x axes"), AXES, {"axes": (0, 2)}, (1, 3, 1, 4)),
        (6, node("Clip", "x", min=0.0, max=6.0), {}, {"min": 0.0, "max": 6.0}, (1, 3, 4, 4)),
        (
            11,
            node("Clip", "x low high"),
            {"low": np.float32(0), "high": np.float32(6)},
            {"min": 0.0, "max": 6.0},
            (1, 3, 4, 4),
        ),
        (11, node("Clip", "x - high"), {"high": np.float32(6)}, {"max": 6.0}, (1, 3, 4, 4)),
        (
            9,
            node("Slice", "x", starts=[1], ends=[3], axes=[2]),
            {},
            {"starts": (1,), "ends": (3,), "axes": (2,)},
            (1, 3, 2, 4),
        ),
        (
            10,
            node("Slice", "x a b c"),
            {"a": np.array([1]), "b": np.array([2**63 - 1]), "c": np.array([2])},
            {"starts": (1,), "ends": (2**63 - 1,), "axes": (2,)},
            (1, 3, 3, 4),
        ),
        (2, node("Pad", "x", pads=[0, 0, 1, 1, 0, 0, 1, 1]), {}, {"pads": (0, 0, 1, 1, 0, 0, 1, 1)}, (1, 3, 6, 6)),
        (
            11,
            node("Pad", "x p"),
            {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1])},
            {"pads": (0, 0, 1, 1, 0, 0, 1, 1)},
            (1, 3, 6, 6),
        ),
        (
            18,
            node("Pad", "x p v axes"),
            {"p": np.array([1, 2]), "v": np.float32(5), "axes": np.array([-1])},
            {"pads": (0, 0, 0, 1, 0, 0, 0, 2), "value": 5.0},
            (1, 3, 4, 7),
        ),
        (8, node("Expand", "x s"), {"s": np.array([2, 1, 1, 1])}, {"shape": (2, 1, 1, 1)}, (2, 3, 4, 4)),
        (6, node("Tile", "x r"), {"r": np.array([1, 2, 1, 1])}, {"repeats": (1, 2, 1, 1)}, (1, 6, 4, 4)),
        (2, node("Split", "x", "y z", axis=1, split=[1, 2]), {}, {"axis": 1, "split": (1, 2)}, (1, 1, 4, 4)),
        (13, node("Split", "x s", "y z", axis=1), {"s": np.array([1, 2])}, {"axis": 1, "split": (1, 2)}, (1, 1, 4, 4)),
        (13, node("Split", "x", "y z", axis=2), {}, {"axis": 2, "split": (2, 2)}, (1, 3, 2, 4)),
        (18, node("Split", "x", "y z", axis=1, num_outputs=2), {}, {"axis": 1, "split": (2, 1)}, (1, 2, 4, 4)),
        (1, node("Reshape", "x", shape=[0, -1]), {}, {"shape": (1, -1)}, (1, 48)),
        (5, node("Reshape", "x s"), {"s": np.array([0, -1])}, {"shape": (1, -1)}, (1, 48)),
        (9, node("Cast", "x", to=TensorProto.DOUBLE), {}, {"dtype": "float64"}, (1, 3, 4, 4)),
        (5, node("Cast", "x", to="FLOAT16"), {}, {"dtype": "float16"}, (1, 3, 4, 4)),
        (11, node("Softmax", "x"), {}, {"axis": 1, "flatten": 1}, (1, 3, 4, 4)),
        (11, node("Softmax", "x", axis=3), {}, {"axis": 3}, (1, 3, 4, 4)),
        (13, node("Softmax", "x"), {}, {}, (1, 3, 4, 4)),
        (11, node("LogSoftmax", "x", axis=2), {}, {"axis": 2, "flatten": 1}, (1, 3, 4, 4)),
        (9, node("Dropout", "x", ratio=0.5), {}, {"ratio": 0.5}, (1, 3, 4, 4)),
        (12, node("Dropout", "x r t"), {"r": np.float32(0.5), "t": np.array(False)}, {"ratio": 0.5}, (1, 3, 4, 4)),
        (6, node("Dropout", "x", is_test=1, ratio=0.5), {}, {"ratio": 0.5}, (1, 3, 4, 4)),
        (
            9,
            node("BatchNormalization", NORMALISE, momentum=0.5, epsilon=0.25),
            STATISTICS,
            {"epsilon": 0.25},
            (1, 3, 4, 4),
        ),
        (7, node("BatchNormalization", NORMALISE, spatial=1), STATISTICS, {}, (1, 3, 4, 4)),
        (14, node("BatchNormalization", NORMALISE, training_mode=0), STATISTICS, {}, (1, 3, 4, 4)),
        (6, node("BatchNormalization", NORMALISE, is_test=1), STATISTICS, {}, (1, 3, 4, 4)),
        (6, node("Add", "x b", broadcast=1, axis=2), {"b": np.ones((4, 4), "float32")}, {}, (1, 3, 4, 4)),
    ],
)
def test_settings_become_attributes(write, opset, nodes, tensors, attributes, shape):
    operation = the_operation(read_onnx(write([nodes], tensors=tensors, opset=opset)))

    assert operation.type == nodes.op_type
    assert operation.attributes == attributes
    assert operation.output_specs[0].shape == shape


@pytest.mark.parametrize(
    ("opset", "nodes", "tensors", "says"),
    [
        (9, node("BatchNormalization", f"{NORMALISE}", "y m v", spatial=0), STATISTICS,
         ": normalises each pixel by itself (spatial=0), which simgpu does not do"),
        (14, node("BatchNormalization", NORMALISE, "y m v", training_mode=1), STATISTICS,
         ": is in training mode; export the model for inference"),
        (6, node("BatchNormalization", NORMALISE), STATISTICS,
         ": is in training mode; export the model for inference"),
        (12, node("Dropout", "x r t"), {"r": np.float32(0.5), "t": np.array(True)},
         ": is in training mode; export the model for inference"),
        (6, node("Add", "x b", broadcast=1, axis=1), {"b": VECTOR},
         ": broadcasts from axis 1, as opsets before 7 did; convert the model to opset 7 or later"),
        (13, node("Reshape", "x x"), {},
         ": takes shape from 'x', which is computed at run time or has more than a few thousand elements; simgpu "
         "needs shapes and the like when it reads a model"),
        (13, node("Reshape", "x s"), {"s": np.array([7, -1])},
         ": Reshape(float32[1,3,4,4]): 48 elements do not fit into shape (7, -1)"),
        (13, node("Reshape", "x s"), {"s": np.array([1, 3, 4, 4, 0])},
         ": keeps a dimension (0 in (1, 3, 4, 4, 0)) that its input of shape (1, 3, 4, 4) does not have"),
        (13, node("Split", "x", axis=7), {},
         ": splits axis 7 of a tensor of shape (1, 3, 4, 4)"),
        (13, node("Conv", "x w"), {"w": np.ones((8, 5, 3, 3), "float32")},
         ": Conv(float32[1,3,4,4], float32[8,5,3,3]): the images have 3 channels, but the weights take 5 for each of "
         "1 groups"),
        (13, node("Conv", "- w"), {"w": np.ones((8, 5, 3, 3), "float32")},
         ": leaves out its input 0, which simgpu needs"),
        (13, node("Clip", "x low"), {"low": VECTOR},
         " is damaged or not valid ONNX: can only convert an array of size 1 to a Python scalar"),
        (13, node("Cast", "x", to=99), {},
         ": casts to ONNX data type 99, which simgpu does not have"),
        (18, node("Pad", "x p - axes"), {"p": np.array([1, 2]), "axes": np.array([5])},
         ": pads axes (5,) of a tensor with 4 dimensions by (1, 2)"),
        (13, node("MaxPool", "x", kernel_shape=[2, 2], pads=[2**40, 0, 0, 0]), {},
         ": slides 2 taps over 1099511627779 places of an axis; is the file damaged?"),
        (13, node("MaxPool", "x", kernel_shape=[2, 2], strides=[0, 1]), {},
         ": MaxPool(float32[1,3,4,4]): strides is (0, 1); it must be 2 integers of 1 or more"),
        (13, node("MaxPool", "x", kernel_shape=[2, 2], unheard_of=1), {},
         ": MaxPool(float32[1,3,4,4]): knows no attribute 'unheard_of'; it has auto_pad, ceil_mode, dilations, "
         "kernel_shape, pads, storage_order, strides"),
        (13, node("ConstantOfShape", "s", value=helper.make_tensor("v", 1, [2], [1.0, 2.0])), {"s": np.array([2])},
         ": has a value that is no tensor of one element"),
        (13, node("Shape", ""), {}, ": lacks its input 0"),
        (13, node("Constant", "", value_string="text"), {},
         ": gives its value as value_string, which simgpu does not read"),
        (13, node("Constant", "", sparse_value=helper.make_sparse_tensor(
            helper.make_tensor("v", 1, [1], [1.0]), helper.make_tensor("i", 7, [1], [0]), [4])), {},
         ": holds a sparse tensor in its attribute 'sparse_value', which simgpu does not read"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_file_and_node(write, opset, nodes, tensors, says):
    path = write([nodes], tensors=tensors, opset=opset)

    with pytest.raises(ModelFileError) as refusal:
        read_onnx(path)

    assert str(refusal.value) == f"{path}: the {nodes.op_type} node that makes 'y'{says}"


@pytest.mark.parametrize(
    ("nodes", "count"),
    [
        (node("Dropout", "x", "y mask"), "1 output"),
        (node("MaxPool", "x", "y mask", kernel_shape=[2, 2]), "1 output"),
        (node("Split", "x s", "y z mask", axis=1), "2 outputs"),
        (node("Shape", "x", "y mask"), "1 output"),
    ],
)
def test_a_side_output_that_somebody_reads_is_refused(write, nodes, count):
    path = write([nodes], outputs="y mask", tensors={"s": np.array([1, 2])})

    with pytest.raises(ModelFileError) as refusal:
        read_onnx(path)

    assert str(refusal.value) == (
        f"{path}: the {nodes.op_type} node that makes 'y': makes 'mask', which somebody reads, but simgpu's "
        f"{nodes.op_type} makes {count} at inference"
    )


def test_a_side_output_that_nobody_reads_is_left_away(write):
    graph = read_onnx(write([node("Dropout", "x", "y mask")]))

    assert the_operation(graph).output_specs == (TensorSpec((1, 3, 4, 4), "float32"),)


def test_a_shape_computed_in_the_graph_is_settled_while_reading_and_follows_the_batch(write):
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape zero", "batch"),
        node("Unsqueeze", "batch first", "front"),
        node("Concat", "front rest", "target", axis=0),
        node("Reshape", "x target"),
    ]
    tensors = {"zero": np.array(0), "first": np.array([0]), "rest": np.array([-1])}
    path = write(nodes, tensors=tensors)

    shapes = [the_operation(read_onnx(path, batch=batch)).output_specs[0].shape for batch in (1, 2, 5)]

    assert shapes == [(1, 48), (2, 48), (5, 48)]


def test_constants_are_found_in_nodes_as_well_as_in_initializers(write):
    nodes = [
        node("Constant", "", "target", value_ints=[1, 48]),
        node("Constant", "", "scale", value=helper.make_tensor("", TensorProto.FLOAT, [48], np.arange(48.0))),
        node("Reshape", "x target", "flat"),
        node("Mul", "flat scale"),
    ]

    graph = read_onnx(write(nodes))

    assert [(operation.name, operation.type) for operation in graph] == [
        ("x", "Input"),
        ("flat", "Reshape"),
        ("scale", "Variable"),
        ("y", "Mul"),
    ]
    initializer = graph.operation("scale").attributes["initializer"]
    assert isinstance(initializer, Data)
    np.testing.assert_array_equal(initializer.array, np.arange(48, dtype="float32"))


def test_what_is_computed_from_settings_alone_is_no_operation(write):
    nodes = [
        node("Range", "start limit step", "positions"),
        node("Mul", "positions two", "doubled"),
        node("Size", "x", "elements"),
        node("Div", "doubled elements", "ids"),
        node("Gather", "table ids"),
    ]
    tensors = {"start": 0, "limit": 96, "step": 24, "two": 2, "table": np.ones((5, 7), "float32")}
    graph = read_onnx(write(nodes, tensors=tensors, inputs={"x": (48,)}))

    ids = graph.operation("ids").attributes["initializer"].array

    assert ids.tolist() == [0, 1, 2, 3]
    assert [operation.name for operation in graph] == ["table", "ids", "y"]


def test_weights_are_never_computed_with_while_reading(write):
    nodes = [node("Unsqueeze", "w axes", "wide"), node("Mul", "x wide")]
    graph = read_onnx(write(nodes, tensors={"w": VECTOR, "axes": np.array([1, 2])}))

    assert [operation.type for operation in graph] == ["Input", "Variable", "Unsqueeze", "Mul"]


def test_a_result_too_large_to_be_a_setting_stays_an_operation(write):
    nodes = [node("Expand", "one shape", "wide")]
    graph = read_onnx(write(nodes, outputs="wide", tensors={"one": np.array([1]), "shape": np.array([2**17])}))

    assert [operation.type for operation in graph] == ["Variable", "Expand"]


def test_integers_beyond_the_size_of_a_setting_are_not_computed_with(write):
    graph = read_onnx(write([node("ReduceMax", "many")], tensors={"many": np.arange(2**17)}))

    assert [operation.type for operation in graph] == ["Variable", "ReduceMax"]


def test_a_huge_range_is_refused_before_it_takes_memory(write):
    path = write([node("Range", "a b c")], tensors={"a": 0, "b": 2**60, "c": 1})

    with pytest.raises(ModelFileError) as refusal:
        read_onnx(path)

    assert str(refusal.value) == (
        f"{path}: the Range node that makes 'y': counts from 0 to 1152921504606846976 by 1, which is more than 65536 "
        "steps"
    )


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_a_scalar_of_any_float_is_kept_as_the_file_gives_it(write, dtype):
    proto = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    path = write([node("Mul", "x half")], tensors={"half": np.array(0.5, dtype)}, dtype=proto)

    half = read_onnx(path, weights="random").operation("half")

    assert half.output_specs == (TensorSpec((), dtype),)
    assert half.attributes["initializer"].array == 0.5
