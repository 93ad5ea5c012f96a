"""Random weights: what reads a weight decides how it is drawn; names and seed decide the numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simgpu.graph import Constant, Data, Normal, Uniform
from simgpu.readers import light_models, read_onnx
from simgpu.readers.onnx.weights import weight_seed
from tests.unit.readers.onnx_files import node


def ones(*shape):
    return np.ones(shape, "float32")


def recipe(graph, name="w"):
    """Return the initializer of a variable, with its numbers alone."""
    initializer = graph.operation(name).attributes["initializer"]
    if isinstance(initializer, Normal):
        return ("normal", initializer.mean, pytest.approx(initializer.std))
    if isinstance(initializer, Uniform):
        return ("uniform", pytest.approx(initializer.low), pytest.approx(initializer.high))
    return ("given", np.asarray(initializer.array).tolist())


@pytest.mark.parametrize(
    ("nodes", "weights", "expected"),
    [
        ([node("Conv", "x w")], ones(8, 3, 3, 3), ("normal", 0, math.sqrt(2 / 27))),
        ([node("Flatten", "x", "f"), node("Gemm", "f w", transB=1)], ones(7, 48), ("normal", 0, math.sqrt(2 / 48))),
        ([node("Flatten", "x", "f"), node("Gemm", "f w")], ones(48, 7), ("normal", 0, math.sqrt(2 / 48))),
        ([node("MatMul", "x w")], ones(4, 9), ("normal", 0, math.sqrt(2 / 4))),
        ([node("MatMul", "w x")], ones(9, 4), ("normal", 0, math.sqrt(2 / 4))),
        ([node("Conv", "x k w")], ones(8), ("normal", 0, 0.1)),
        ([node("Add", "x w")], ones(3, 1, 1), ("normal", 0, 0.1)),
        ([node("Mul", "x w")], ones(3, 1, 1), ("uniform", 0.5, 1.5)),
        ([node("Unsqueeze", "w axes", "wide"), node("Mul", "x wide")], ones(3), ("uniform", 0.5, 1.5)),
        ([node("Unsqueeze", "w axes", "wide"), node("Add", "x wide")], ones(3), ("normal", 0, 0.1)),
        ([node("BatchNormalization", "x w a a b")], ones(3), ("uniform", 0.5, 1.5)),
        ([node("BatchNormalization", "x b w a b")], ones(3), ("normal", 0, 0.1)),
        ([node("BatchNormalization", "x b a w b")], ones(3), ("normal", 0, 0.1)),
        ([node("BatchNormalization", "x b a a w")], ones(3), ("uniform", 0.5, 1.5)),
        ([node("BatchNormalization", "x w a a b", "z"), node("Add", "z x")], ones(3), ("uniform", 0.15, 0.45)),
        ([node("Conv", "x w", "z"), node("Sum", "z x")], ones(3, 3, 1, 1), ("normal", 0, 0.3 * math.sqrt(2 / 3))),
        ([node("Conv", "x w", "z"), node("Add", "z c")], ones(3, 3, 1, 1), ("normal", 0, math.sqrt(2 / 3))),
        ([node("Pow", "x w")], ones(1), ("given", [1.0])),
        ([node("Mul", "x w")], np.float32(0.5), ("given", 0.5)),
    ],
)
def test_what_reads_a_weight_decides_how_it_is_drawn(write, nodes, weights, expected):
    tensors = {"w": weights, "a": ones(3), "b": ones(3), "c": ones(3, 1, 1), "k": ones(8, 3, 1, 1), "axes": [1, 2]}

    assert recipe(read_onnx(write(nodes, tensors=tensors), weights="random")) == expected


def test_the_fan_in_is_counted_where_the_weight_arrives(write):
    nodes = [node("Reshape", "w shape", "matrix"), node("Flatten", "x", "f"), node("Gemm", "f matrix", transB=1)]
    graph = read_onnx(write(nodes, tensors={"w": ones(1, 1, 7, 48), "shape": [7, 48]}), weights="random")

    assert recipe(graph) == ("normal", 0, math.sqrt(2 / 48))


def test_integers_stay_as_given(write):
    path = write([node("Gather", "table ids")], tensors={"table": ones(5, 4), "ids": [0, 4]})

    graph = read_onnx(path, weights="random")

    assert recipe(graph, "ids") == ("given", [0, 4])
    assert recipe(graph, "table") == ("normal", 0, math.sqrt(2 / 4))


def test_integers_beyond_the_size_of_a_setting_stay_as_given(write):
    path = write([node("Gather", "table ids")], tensors={"table": ones(5, 4), "ids": np.arange(2**17) % 5})

    ids = read_onnx(path, weights="random").operation("ids").attributes["initializer"]

    np.testing.assert_array_equal(ids.array, np.arange(2**17) % 5)


def test_what_follows_from_a_shape_is_no_weight(write):
    nodes = [node("Shape", "x", "shape"), node("ConstantOfShape", "shape", "zeros"), node("Add", "x zeros")]

    initializer = read_onnx(write(nodes), weights="random").operation("zeros").attributes["initializer"]

    assert initializer == Constant(0.0)


def test_each_weight_has_a_stream_of_its_own_that_depends_on_seed_and_name_alone():
    seeds = {}
    for seed in (0, 7):
        for name in ("squeezenet", "light_squeezenet"):
            for operation in read_onnx(name, weights="random", seed=seed, batch=seed + 1):
                if operation.type == "Variable":
                    seeds.setdefault((seed, operation.name), set()).add(operation.attributes["initializer"].seed)

    assert len(seeds) == 2 * 52
    assert all(found == {weight_seed(name, seed)} for (seed, name), found in seeds.items())
    assert len({entropy for (entropy,) in seeds.values()}) == 2 * 52


def test_the_stream_of_a_name_is_the_same_forever():
    assert weight_seed("conv1_w_0", 7) == (7, 16079900864696213848)


@pytest.mark.parametrize("name", list(light_models()))
def test_every_float_variable_of_a_light_model_is_drawn(name):
    graph = read_onnx(name, weights="random")

    kinds = {type(op.attributes["initializer"]) for op in graph if op.type == "Variable"}

    assert kinds <= {Normal, Uniform}


def test_given_weights_are_those_of_the_file(write):
    given = np.arange(8 * 3, dtype="float32").reshape(8, 3, 1, 1)
    graph = read_onnx(write([node("Conv", "x w")], tensors={"w": given}))

    initializer = graph.operation("w").attributes["initializer"]

    assert isinstance(initializer, Data)
    np.testing.assert_array_equal(initializer.array, given)
