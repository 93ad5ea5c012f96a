"""Batch and shapes: what the file fixes, what it leaves open, and what the caller may choose."""

from __future__ import annotations

import numpy as np
import pytest

from simgpu.errors import InvalidValue, ModelFileError
from simgpu.graph import TensorSpec
from simgpu.readers import read_onnx
from tests.unit.readers.onnx_files import node

RELU = [node("Relu", "x")]
OPEN = "which the file leaves open; give"
TOO_FEW = "it must be a tuple, and every dimension an int of 1 or more"
UNLIKE = "but the file says (n, 3, height, ?); only the first dimension and open ones can be chosen"


def refusal(path, error=ModelFileError, **options):
    """Return what is said of a file, behind its name."""
    with pytest.raises(error) as caught:
        read_onnx(path, **options)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


def shape_of(graph, name="x"):
    return graph.operation(name).output_specs[0].shape


def flat(target):
    """Return the nodes and tensors of a model that reshapes its input."""
    return {"nodes": [node("Reshape", "x target")], "tensors": {"target": np.array(target)}}


def test_a_fixed_shape_is_the_default(write):
    assert read_onnx(write(RELU)).operation("x").output_specs == (TensorSpec((1, 3, 4, 4), "float32"),)


@pytest.mark.parametrize("first", [1, 8, "batch", None])
def test_the_batch_is_the_first_dimension_whatever_the_file_says(write, first):
    assert shape_of(read_onnx(write(RELU, inputs={"x": (first, 3)}), batch=5)) == (5, 3)


def test_an_open_batch_must_be_given(write):
    text = refusal(write(RELU, inputs={"x": ("batch", 3)}))

    assert text == f"input 'x' has the shape (batch, 3), {OPEN} batch=..."


@pytest.mark.parametrize("options", [{}, {"batch": 2}])
def test_other_open_dimensions_must_be_given(write, options):
    text = refusal(write(RELU, inputs={"x": ("n", 3, "height", None)}), **options)

    assert text == f"input 'x' has the shape (n, 3, height, ?), {OPEN} shapes={{'x': (...)}}"


def test_shapes_give_what_is_open(write):
    path = write(RELU, inputs={"x": ("n", 3, "height", None)})

    assert shape_of(read_onnx(path, shapes={"x": (2, 3, 8, 9)})) == (2, 3, 8, 9)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((2, 4, 8, 9), f", {UNLIKE}"),
        ((2, 3, 8), f", {UNLIKE}"),
        ((2, 3, 0, 9), f"; {TOO_FEW}"),
        ((2, 3, True, 9), f"; {TOO_FEW}"),
        ((2, 3, 8.0, 9), f"; {TOO_FEW}"),
        ((2, 3, 2**60, 9), f"; {TOO_FEW}"),
        (7, f"; {TOO_FEW}"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(write, shape, says):
    path = write(RELU, inputs={"x": ("n", 3, "height", None)})

    assert refusal(path, InvalidValue, shapes={"x": shape}) == f"shapes['x'] is {shape}{says}"


def test_shapes_for_inputs_that_are_not_there_are_refused(write):
    text = refusal(write(RELU), InvalidValue, shapes={"image": (1,)})

    assert text == "shapes names 'image'; the inputs that are read are 'x'"


@pytest.mark.parametrize("batch", [0, -1, True, 1.0, "2", 2**20 + 1])
def test_a_batch_that_cannot_be_meant_is_refused(write, batch):
    with pytest.raises(InvalidValue) as caught:
        read_onnx(write(RELU), batch=batch)

    assert str(caught.value) == f"batch is {batch!r}; it must be an int from 1 to 1048576, or None for the file's own"


def test_an_input_beyond_any_memory_is_refused_by_name(write):
    text = refusal(write(RELU, inputs={"x": (1, 2**31, 2**31)}))

    assert text == (
        "input 'x': a tensor of shape (1, 2147483648, 2147483648) and dtype float32 has more than 2**63 - 1 bytes"
    )


def test_a_dimension_that_no_program_means_is_refused(write):
    text = refusal(write(RELU, inputs={"x": (1, 2**41)}))

    assert text == "input 'x' has the shape (1, 2199023255552); is the file damaged?"


def test_a_batch_for_inputs_that_disagree_on_it_is_refused(write):
    path = write([node("MatMul", "a b")], inputs={"a": (1, 4), "b": (4, 2)})

    assert refusal(path, InvalidValue, batch=3) == (
        "batch=3 cannot be meant for inputs with different first dimensions ('a' has 1, 'b' has 4); give "
        "shapes={name: shape} instead"
    )


def test_a_batch_beside_the_shapes_of_the_other_inputs_is_fine(write):
    path = write([node("MatMul", "a b")], inputs={"a": (1, 4), "b": (4, 2)})

    graph = read_onnx(path, batch=3, shapes={"b": (4, 2)})

    assert (shape_of(graph, "a"), shape_of(graph, "y")) == ((3, 4), (3, 2))


def test_inputs_without_dimensions_have_no_batch(write):
    graph = read_onnx(write([node("Mul", "x s")], inputs={"x": (1, 4), "s": ()}), batch=3)

    assert (shape_of(graph, "x"), shape_of(graph, "s")) == ((3, 4), ())


@pytest.mark.parametrize(
    ("file_batch", "target", "batch", "shape"),
    [
        (1, [1, 48], 5, (5, 48)),
        (1, [1, -1], 5, (5, 48)),
        (1, [-1, 48], 5, (5, 48)),
        (1, [0, 48], 5, (5, 48)),
        (1, [-1], 5, (240,)),
        (4, [4, 6, 8], 1, (1, 6, 8)),
        (4, [4, 6, 8], 4, (4, 6, 8)),
        (1, [2, 24], 1, (2, 24)),
        ("n", [-1, 48], 5, (5, 48)),
    ],
)
def test_a_reshape_follows_the_batch(write, file_batch, target, batch, shape):
    path = write(**flat(target), inputs={"x": (file_batch, 3, 4, 4)})

    assert shape_of(read_onnx(path, batch=batch), "y") == shape


@pytest.mark.parametrize("target", [[2, 24], [3, -1], [48]])
def test_a_reshape_that_mixes_the_batch_with_the_rest_is_refused_by_name(write, target):
    assert refusal(write(**flat(target)), batch=2) == (
        f"the Reshape node that makes 'y': reshapes to {tuple(target)}, which does not start with the file's batch of "
        "1, so it cannot be read with a batch of 2; export the model with a symbolic batch, or read it with batch=1"
    )


def test_a_reshape_of_a_batch_that_was_moved_is_refused(write):
    nodes = [node("Transpose", "x", "moved", perm=[1, 0, 2, 3]), node("Reshape", "moved target")]
    path = write(nodes, tensors={"target": np.array([1, 48])})

    assert refusal(path, batch=2).startswith(
        "the Reshape node that makes 'y': reshapes to (1, 48), which does not start with the file's batch of 1, "
    )


def test_a_reshape_of_weights_does_not_follow_the_batch(write):
    nodes = [node("Reshape", "w target", "row"), node("Mul", "x row")]
    path = write(nodes, tensors={"w": np.ones(4, "float32"), "target": np.array([1, 4])})

    assert shape_of(read_onnx(path, batch=2), "row") == (1, 4)
