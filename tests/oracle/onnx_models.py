"""The light models for ONNX Runtime, with a batch and weights of one's own.

Weights become inputs of the model. So they are handed over without a copy, whatever protobuf's limit for one file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from simgpu.graph import Graph
from simgpu.kernels import OPERATIONS, array_dtype
from simgpu.readers import light_models

Array = NDArray[Any]


@dataclass(frozen=True)
class Answer:
    """What ONNX Runtime says: the model's outputs, and what goes into its softmax (or the outputs, without one)."""

    outputs: list[Array]
    scores: Array


def weight_values(graph: Graph) -> dict[str, Array]:
    """Make the first value of every variable, by name; that is the name of the tensor in the file, too."""
    values = {}
    for operation in graph:
        if operation.type == "Variable":
            (spec,) = operation.output_specs
            values[operation.name] = np.empty(spec.shape, array_dtype(spec.dtype))
            OPERATIONS["Variable"].compute(np, [], [values[operation.name]], operation.attributes)
    return values


def ask_onnxruntime(name: str, feeds: Mapping[str, Array], weights: Mapping[str, Array], threads: int = 2) -> Answer:
    """Run a light model in ONNX Runtime with these inputs and weights; the batch is that of the inputs."""
    session = open_session(model_fed_with(name, feeds, weights).SerializeToString(), threads)
    *outputs, scores = session.run(None, {**feeds, **weights})
    return Answer(outputs, scores)


def open_session(model: bytes, threads: int = 2) -> Any:
    """Open a model in ONNX Runtime on this many threads of the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])


def model_fed_with(name: str, feeds: Mapping[str, Array], weights: Mapping[str, Array]) -> onnx.ModelProto:
    """Return a light model whose weights are inputs, not constants, for the batch of `feeds`.

    What goes into the softmax, or else the first output, becomes one more output at the end.
    """
    model = onnx.load(light_models()[name])
    graph = model.graph
    nodes = [node for node in graph.node if node.op_type != "ConstantOfShape"]
    settings = [tensor for tensor in graph.initializer if tensor.name not in weights]
    (batch,) = {feed.shape[0] for feed in feeds.values()}
    targets = {node.input[1] for node in nodes if node.op_type == "Reshape" and node.input[0] not in weights}
    scores = next((node.input[0] for node in nodes if node.op_type == "Softmax"), graph.output[0].name)
    outputs = [*(value.name for value in graph.output), scores]
    fed = onnx.helper.make_graph(
        [*nodes, onnx.helper.make_node("Identity", [scores], ["scores of the model"])],
        graph.name,
        [_value(name, array) for name, array in {**feeds, **weights}.items()],
        [onnx.helper.make_empty_tensor_value_info(name) for name in [*outputs[:-1], "scores of the model"]],
        [_with_batch(tensor, batch) if tensor.name in targets else tensor for tensor in settings],
    )
    return onnx.helper.make_model(fed, opset_imports=model.opset_import, ir_version=8)


def _value(name: str, array: Array) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def _with_batch(tensor: onnx.TensorProto, batch: int) -> onnx.TensorProto:
    _, *rest = numpy_helper.to_array(tensor).tolist()
    return numpy_helper.from_array(np.array([batch, *rest]), tensor.name)
