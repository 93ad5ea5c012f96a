"""Nodes that are settled while a model is read: constants, shapes, and what is computed from settings alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simgpu.graph import TensorSpec
from simgpu.kernels import OPERATIONS, array_dtype
from simgpu.readers.onnx.model import Array, FileTensor, scalar
from simgpu.readers.onnx.operators import Call
from simgpu.readers.onnx.values import LARGEST_SETTING, Value

ZERO = FileTensor.of("", np.zeros(1, "float32"), "float32")
"""What ConstantOfShape fills with if it does not say."""


def _constant(call: Call) -> Value:
    kind, given = next(iter(call.attributes.items()), ("nothing", None))
    if isinstance(given, FileTensor):
        return Value.given(given)
    dtype = {"value_float": "float32", "value_floats": "float32", "value_int": "int64", "value_ints": "int64"}.get(kind)
    if dtype is None:
        raise call.refuse(f"gives its value as {kind}, which simgpu does not read")
    return Value.given(FileTensor.of(call.node.outputs[0], np.asarray(given, dtype), dtype))


def _constant_of_shape(call: Call) -> Value:
    shape = tuple(int(dim) for dim in call.constant(0, "its shape").reshape(-1).tolist())
    filled = call.attributes.get("value", ZERO)
    if not isinstance(filled, FileTensor) or filled.spec.size != 1:
        raise call.refuse("has a value that is no tensor of one element")
    return Value.filled(TensorSpec(shape, filled.spec.dtype), scalar(filled.read()), from_shape=_from_shape(call))


def _shape(call: Call) -> Value:
    shape = call.spec(0).shape[slice(call.attributes.get("start"), call.attributes.get("end"))]
    return Value.computed(np.asarray(shape, "int64"), "int64", from_shape=True)


def _size(call: Call) -> Value:
    return Value.computed(np.asarray(call.spec(0).size, "int64"), "int64", from_shape=True)


def _range(call: Call) -> Value:
    start, limit, step = (scalar(call.constant(slot, "its bounds")) for slot in range(3))
    if step == 0 or (limit - start) / step > LARGEST_SETTING:
        raise call.refuse(f"counts from {start} to {limit} by {step}, which is more than {LARGEST_SETTING} steps")
    dtype = call.spec(0).dtype
    return Value.computed(np.arange(start, limit, step).astype(array_dtype(dtype)), dtype, from_shape=_from_shape(call))


SOURCES: dict[str, Callable[[Call], Value]] = {
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "Shape": _shape,
    "Size": _size,
}
"""Operators that never become operations: their result is settled when shapes are."""


def is_settled(call: Call) -> bool:
    """Return whether every input of the node is a setting, so that the node can be computed right away."""
    return bool(call.inputs) and all(not name or call.known.is_setting(name) for name in call.node.inputs)


def compute(call: Call, specs: tuple[TensorSpec, ...]) -> list[Value] | None:
    """Return what an operation makes from settings; `None` where that is too large to be a setting."""
    if any(spec.size > LARGEST_SETTING for spec in specs):
        return None
    outputs: list[Array] = [np.empty(spec.shape, array_dtype(spec.dtype)) for spec in specs]
    inputs: list[Any] = [call.known.values[name].read() for name in call.inputs]
    OPERATIONS[call.type].compute(np, inputs, outputs, call.attributes)
    from_shape = _from_shape(call)
    return [
        Value.computed(array, spec.dtype, from_shape=from_shape) for array, spec in zip(outputs, specs, strict=True)
    ]


def _from_shape(call: Call) -> bool:
    values = call.known.values
    return any(values[name].from_shape for name in call.node.inputs if name in values)
