"""The nine light models compute what ONNX Runtime computes, with the same weights and inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simgpu.execution import execute
from simgpu.graph import Graph
from simgpu.machine import Machine
from simgpu.placement import Placement, Rule, place
from simgpu.readers import read_onnx
from tests.oracle.onnx_models import Array, ask_onnxruntime, open_session, weight_values
from tests.unit.readers.onnx_files import node, save

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: pip install -e .[dev]")

MODELS = (
    "light_bvlc_alexnet",
    "light_densenet121",
    "light_inception_v1",
    "light_inception_v2",
    "light_resnet50",
    "light_shufflenet",
    "light_squeezenet",
    "light_vgg19",
    "light_zfnet512",
)
DEVICES = ("gpu:0", "gpu:1", "gpu:2", "cpu:0")


def scattered(graph: Graph, seed: int) -> Placement:
    """Place each operation on a device drawn at random: three slices of a card, or the CPU."""
    machine = Machine("1 x 9GiB").split({"GPU:0": 3})
    random = np.random.default_rng(seed)
    return place(graph, machine, rules=[Rule(it.name, f"/{random.choice(DEVICES)}") for it in graph])


def run(graph: Graph, feeds: dict[str, Array], seed: int) -> list[Array]:
    outputs, _ = execute(scattered(graph, seed), feeds)
    return [outputs[name] for name in graph.fetch_names]


def with_scores(graph: Graph) -> Graph:
    """Fetch what goes into the softmax, too: there a difference cannot hide in small numbers."""
    scores = [operation.inputs[0] for operation in graph if operation.type == "Softmax"] or [graph.fetches[0]]
    data = graph.data
    return Graph(replace(data, fetches=(*data.fetches, scores[-1]), fetch_names=(*data.fetch_names, "scores")))


def images(graph: Graph, seed: int) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    fed = [operation for operation in graph if operation.type == "Input"]
    return {it.name: random.standard_normal(it.output_specs[0].shape, dtype=np.float32) for it in fed}


@pytest.mark.parametrize("name", MODELS)
def test_a_light_model_computes_what_onnx_runtime_computes_however_it_is_split(name):
    weights = weight_values(read_onnx(name, weights="random", seed=7))
    for batch in (1, 2):
        graph = with_scores(read_onnx(name, batch=batch, weights="random", seed=7))
        feeds = images(graph, seed=batch)
        said = ask_onnxruntime(name, feeds, weights)

        *outputs, scores = run(graph, feeds, seed=batch)

        assert np.isfinite(scores).all()
        assert scores.std() > 0.01 * np.abs(scores).max(), "the scores must tell the classes apart"
        for ours, theirs in zip(outputs, said.outputs, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
        largest = np.abs(said.scores).max()
        np.testing.assert_allclose(scores / largest, said.scores / largest, rtol=1e-3, atol=1e-5)


OPERATORS = [
    (7, "Softmax", {"axis": 2}, {}),
    (11, "Softmax", {}, {}),
    (11, "Softmax", {"axis": -1}, {}),
    (13, "Softmax", {}, {}),
    (13, "Softmax", {"axis": 1}, {}),
    (11, "LogSoftmax", {"axis": 2}, {}),
    (7, "Clip", {"min": -0.5, "max": 0.25}, {}),
    (13, "Clip", {}, {"min": np.float32(-0.5), "max": np.float32(0.25)}),
    (9, "Slice", {"axes": [1, 3], "starts": [1, -3], "ends": [9, 6]}, {}),
    (13, "Slice", {}, {"starts": [1, -1], "ends": [9, -9], "axes": [1, 3], "steps": [1, -2]}),
    (10, "Pad", {"pads": [0, 1, 0, 2, 0, 0, 3, 0], "value": 0.5}, {}),
    (18, "Pad", {}, {"pads": [1, 2, 3, -1], "value": np.float32(0.5), "axes": [-1, 1]}),
    (11, "Unsqueeze", {"axes": [0, -1]}, {}),
    (13, "Unsqueeze", {}, {"axes": [0, -1]}),
    (13, "ReduceSum", {"keepdims": 0}, {"axes": [1, -1]}),
    (18, "ReduceMean", {}, {"axes": [2]}),
    (18, "ReduceMax", {}, {}),
    (13, "Reshape", {}, {"shape": [0, -1, 3]}),
    (13, "Expand", {}, {"shape": [2, 2, 1, 1, 6]}),
    (13, "Tile", {}, {"repeats": [1, 2, 1, 3]}),
    (9, "Dropout", {"ratio": 0.5}, {}),
    (13, "Dropout", {}, {"ratio": np.float32(0.5)}),
    (15, "BatchNormalization", {"epsilon": 0.1}, {key: np.float32([1, 2, 0.5]) for key in ("a", "b", "c", "d")}),
    (9, "BatchNormalization", {"momentum": 0.5}, {key: np.float32([1, 2, 0.5]) for key in ("a", "b", "c", "d")}),
    (13, "MaxPool", {"kernel_shape": [2, 3], "auto_pad": "SAME_LOWER", "strides": [2, 2]}, {}),
    (13, "AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2], "ceil_mode": 1}, {}),
    (13, "Cast", {"to": 7}, {}),
]


@pytest.mark.parametrize(("opset", "type", "attributes", "tensors"), OPERATORS)
def test_an_operator_of_any_opset_computes_what_onnx_runtime_computes(tmp_path, opset, type, attributes, tensors):
    shapes = {"x": (2, 3, 5, 6)}
    path = save(
        tmp_path / "model.onnx",
        [node(type, " ".join(["x", *tensors]), **attributes)],
        inputs=shapes,
        tensors=tensors,
        opset=opset,
    )
    graph = read_onnx(path)
    feeds = images(graph, seed=7)

    outputs = run(graph, feeds, seed=opset)

    (said,) = open_session(path.read_bytes()).run(None, feeds)
    assert outputs[0].dtype == said.dtype
    np.testing.assert_allclose(outputs[0], said, rtol=1e-5, atol=1e-6)
