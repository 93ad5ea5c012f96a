"""From the nodes of a model to steps: operations of the table with shapes, in the order of the nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simgpu.errors import ModelFileError, SimgpuError
from simgpu.graph import TensorSpec
from simgpu.kernels import infer
from simgpu.readers.onnx.constants import SOURCES, compute, is_settled
from simgpu.readers.onnx.inputs import InputShapes
from simgpu.readers.onnx.model import Model, Node, Unread
from simgpu.readers.onnx.operators import Call, translate_call
from simgpu.readers.onnx.values import Tensors, Value

DAMAGE = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)
"""What comes of attributes that mean nothing; a file may hold any."""


@dataclass(frozen=True, slots=True)
class Step:
    """An operation to be added, in place of a node. Inputs and outputs are names of tensors in the file."""

    node: Node
    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    specs: tuple[TensorSpec, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Translation:
    """All steps in order, and the tensors that they read, those with a settled value among them.

    `with_batch` names the tensors that depend on an input of the model.
    """

    steps: tuple[Step, ...]
    specs: Mapping[str, TensorSpec]
    values: Mapping[str, Value]
    with_batch: set[str]


def translate(model: Model, nodes: Sequence[Node], shapes: InputShapes) -> Translation:
    """Return the steps of a model. Raises ModelFileError for a node that cannot be read, naming file and node."""
    known = Tensors.starting_with(model.tensors, shapes.specs)
    batches = _changed_batch(shapes)
    read = {name for node in nodes for name in node.inputs} | set(model.outputs)
    steps = []
    for node in nodes:
        call = Call(node, model.opset, known, node.type, list(node.inputs), dict(node.attributes), batches)
        try:
            step = _translate_node(call, read)
        except SimgpuError as error:
            text = str(error).removeprefix(f"{model.source}: ").removeprefix(f"{node.label}: ")
            raise ModelFileError(f"{model.source}: {node.label}: {text}") from error
        except DAMAGE as error:
            raise ModelFileError(f"{model.source}: {node.label} is damaged or not valid ONNX: {error}") from error
        if step is not None:
            steps.append(step)
    return Translation(tuple(steps), known.specs, known.values, known.with_batch)


def _changed_batch(shapes: InputShapes) -> tuple[int, int] | None:
    if shapes.file_batch is None or shapes.batch is None or shapes.file_batch == shapes.batch:
        return None
    return shapes.file_batch, shapes.batch


def _translate_node(call: Call, read: set[str]) -> Step | None:
    known, node = call.known, call.node
    _refuse_unread(call)
    if node.type in SOURCES:
        _refuse_missing_outputs(call, 1, read)
        known.settle(node.outputs[0], SOURCES[node.type](call))
        return None
    translate_call(call)
    specs = infer(call.type, [known.specs[source] for source in call.inputs], call.attributes)
    _refuse_missing_outputs(call, len(specs), read)
    values = compute(call, specs) if is_settled(call) else None
    if values is not None:
        for output, value in zip(node.outputs, values, strict=False):
            if output:
                known.settle(output, value)
        return None
    known.specs.update((output, spec) for output, spec in zip(node.outputs, specs, strict=False) if output)
    if any(source in known.with_batch for source in call.inputs):
        known.with_batch.update(node.outputs)
    return Step(node, call.type, tuple(call.inputs), node.outputs, specs, call.attributes)


def _refuse_unread(call: Call) -> None:
    for name, value in call.attributes.items():
        if isinstance(value, Unread):
            raise call.refuse(f"holds {value.what} in its attribute {name!r}, which simgpu does not read")


def _refuse_missing_outputs(call: Call, count: int, read: set[str]) -> None:
    wanted = [output for output in call.node.outputs[count:] if output in read and output]
    if wanted:
        raise call.refuse(
            f"makes {', '.join(map(repr, wanted))}, which somebody reads, but simgpu's {call.type} makes "
            f"{count} output{'s'[: count > 1]} at inference"
        )
