"""From a file to a `Model`: the only place that imports `onnx`, and that only when a model is read."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simgpu.errors import GraphError, MissingDependency, ModelFileError
from simgpu.graph import TensorSpec
from simgpu.readers.onnx.model import A_GRAPH, Array, FileInput, FileTensor, Model, Node, Unread

LARGEST_FILE_BYTES = 2**31 - 1
"""Protobuf's limit for one message; larger models keep their weights in files of their own."""

DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
}
"""TensorProto.DataType of the ONNX format, as far as simgpu has the dtype."""

ONNX_DOMAINS = ("", "ai.onnx")


def package() -> Any:
    """Return the package `onnx`. Raises MissingDependency, with the extra to install, if it is not there."""
    try:
        return importlib.import_module("onnx")
    except ImportError as error:
        raise MissingDependency(
            "reading ONNX models needs the package 'onnx', which cannot be imported "
            f"({error}); install it again with simgpu, or alone: pip install onnx"
        ) from error


def load_model(path: Path) -> Model:
    """Decode a file. Weights stay encoded until they are asked for.

    Raises ModelFileError for whatever is not an ONNX model, in one paragraph that names the file.
    """
    onnx = package()
    data = _read_bytes(path)
    try:
        proto = onnx.ModelProto.FromString(data)
    except Exception as error:  # protobuf's DecodeError, whose module depends on the protobuf backend
        raise ModelFileError(
            f"{path} ({len(data)} bytes) is not an ONNX model, or is cut short or damaged: {error}; "
            "check the file's size against its source, and that it is not a pointer of Git LFS"
        ) from error
    if not proto.HasField("graph") or not proto.graph.output:
        raise ModelFileError(f"{path} holds no ONNX graph with outputs; is it an ONNX model?")
    try:
        return _decode_model(proto, path)
    except (GraphError, UnicodeDecodeError) as error:
        raise ModelFileError(f"{path} is damaged: {error}") from error


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise ModelFileError(f"{path} is a directory; name the .onnx file inside it")
    try:
        size = os.path.getsize(path)
        data = path.read_bytes() if size <= LARGEST_FILE_BYTES else b""
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelFileError(f"{path} cannot be read: {reason}; give the path of a readable .onnx file") from error
    if size > LARGEST_FILE_BYTES:
        raise ModelFileError(
            f"{path} has {size} bytes; an ONNX file has at most {LARGEST_FILE_BYTES}: keep the weights in external "
            "data (onnx.save_model(..., save_as_external_data=True))"
        )
    if not data:
        raise ModelFileError(f"{path} is empty; an ONNX model was expected")
    return data


def _decode_model(proto: Any, path: Path) -> Model:
    graph = proto.graph
    if graph.sparse_initializer:
        names = ", ".join(repr(sparse.values.name) for sparse in list(graph.sparse_initializer)[:5])
        raise ModelFileError(f"{path} has sparse initializers ({names}), which simgpu does not read; make them dense")
    tensors = {tensor.name: _decode_tensor(tensor, path) for tensor in graph.initializer}
    model = Model(
        source=str(path),
        opset=max((entry.version for entry in proto.opset_import if entry.domain in ONNX_DOMAINS), default=1),
        nodes=tuple(_decode_node(node, path) for node in graph.node),
        inputs=tuple(_decode_input(value, path) for value in graph.input if value.name not in tensors),
        tensors=tensors,
        outputs=tuple(value.name for value in graph.output),
        functions=frozenset(_node_type(function.domain, function.name) for function in proto.functions),
    )
    _refuse_bytes(model)
    return model


def _refuse_bytes(model: Model) -> None:
    """Protobuf hands over text that is not UTF-8 as bytes."""
    names: set[object] = {*model.tensors, *model.outputs, *(value.name for value in model.inputs)}
    for node in model.nodes:
        names.update((node.name, node.type, *node.inputs, *node.outputs, *node.attributes))
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise ModelFileError(f"{model.source} is damaged: the name {odd[0]!r} is not UTF-8")


def _node_type(domain: str, name: str) -> str:
    return name if domain in ONNX_DOMAINS else f"{domain}.{name}"


def _decode_node(node: Any, path: Path) -> Node:
    type = _node_type(node.domain, node.op_type)
    attributes = {entry.name: _decode_attribute(entry, path) for entry in node.attribute}
    return Node(node.name, type, tuple(node.input), tuple(node.output), attributes)


def _decode_attribute(entry: Any, path: Path) -> Any:
    decode = _ATTRIBUTE_DECODERS.get(entry.type)
    if decode is not None:
        return decode(entry)
    if entry.type == 4:
        return _decode_tensor(entry.t, path)
    return Unread(_UNREAD_ATTRIBUTES.get(entry.type, "something other than numbers, text and tensors"))


_ATTRIBUTE_DECODERS: dict[int, Callable[[Any], Any]] = {
    1: lambda entry: entry.f,
    2: lambda entry: entry.i,
    3: lambda entry: entry.s.decode(),
    6: lambda entry: tuple(entry.floats),
    7: lambda entry: tuple(entry.ints),
    8: lambda entry: tuple(text.decode() for text in entry.strings),
}
"""By AttributeProto.AttributeType of the ONNX format; 4 is a tensor."""

_UNREAD_ATTRIBUTES = {5: A_GRAPH, 10: A_GRAPH, 11: "a sparse tensor", 12: "a sparse tensor"}


def _decode_tensor(tensor: Any, path: Path) -> FileTensor:
    dtype = _dtype(tensor.data_type, f"tensor {tensor.name!r}", path)

    def read() -> Array:
        helper = package().numpy_helper
        try:
            array: Array = helper.to_array(tensor, base_dir=str(path.parent))
        except Exception as error:  # onnx raises what its C++ parts and NumPy happen to raise
            raise ModelFileError(f"{path}: tensor {tensor.name!r} cannot be decoded: {error}") from error
        return array

    return FileTensor(tensor.name, TensorSpec(tuple(tensor.dims), dtype), read)


def _decode_input(value: Any, path: Path) -> FileInput:
    if not value.type.HasField("tensor_type"):
        raise ModelFileError(f"{path}: input {value.name!r} is not a tensor; simgpu reads tensors alone")
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        raise ModelFileError(f"{path}: input {value.name!r} has no shape; simgpu needs its number of dimensions")
    dims = tuple(_decode_dim(dim) for dim in tensor.shape.dim)
    return FileInput(value.name, dims, _dtype(tensor.elem_type, f"input {value.name!r}", path))


def _decode_dim(dim: Any) -> int | str:
    if dim.HasField("dim_value") and dim.dim_value > 0:
        return int(dim.dim_value)
    return str(dim.dim_param) or "?"


def _dtype(number: int, owner: str, path: Path) -> str:
    try:
        return DTYPES[number]
    except KeyError:
        raise ModelFileError(
            f"{path}: {owner} has ONNX data type {number}, which simgpu does not have; known are "
            f"{', '.join(DTYPES.values())}"
        ) from None
