"""Small ONNX files for the tests, written with the helpers of the package `onnx`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str | None]


def node(type: str, inputs: str, outputs: str = "y", *, name: str = "", domain: str = "", **attributes: Any) -> Any:
    """Make a node. Inputs and outputs are in one text, and `-` is one that is left out."""
    names = [["" if name == "-" else name for name in text.split()] for text in (inputs, outputs)]
    return helper.make_node(type, *names, name=name, domain=domain, **attributes)


def save(
    path: Path,
    nodes: Sequence[Any],
    *,
    inputs: Mapping[str, Shape] | None = None,
    tensors: Mapping[str, Any] | None = None,
    outputs: str = "y",
    opset: int = 21,
    dtype: int = TensorProto.FLOAT,
) -> Path:
    """Write a model. `inputs` are shapes by name, by default `x` of (1, 3, 4, 4); `tensors` are its initializers."""
    shapes = {"x": (1, 3, 4, 4)} if inputs is None else inputs
    graph = helper.make_graph(
        list(nodes),
        "model",
        [helper.make_tensor_value_info(name, dtype, shape) for name, shape in shapes.items()],
        [helper.make_empty_tensor_value_info(name) for name in outputs.split()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (tensors or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def edit(path: Path, change: Any) -> Path:
    """Read a file, let `change` work on the model, and write it again."""
    model = onnx.load(path, load_external_data=False)
    change(model)
    path.write_bytes(model.SerializeToString())
    return path
