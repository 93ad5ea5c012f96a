"""Reading a model: the one function that puts the parts of this package together."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simgpu.errors import InvalidValue, check_type
from simgpu.graph import Graph, GraphBuilder, Initializer, Tensor
from simgpu.kernels import OPERATIONS, add_operation
from simgpu.readers.onnx.constants import SOURCES
from simgpu.readers.onnx.file import load_model
from simgpu.readers.onnx.inputs import check_batch, resolve_shapes
from simgpu.readers.onnx.names import operation_names
from simgpu.readers.onnx.order import live_nodes, refuse_unsupported
from simgpu.readers.onnx.source import locate
from simgpu.readers.onnx.translate import Step, Translation, translate
from simgpu.readers.onnx.weights import initializers

WEIGHTS = ("given", "random")
NO_SHAPES: Mapping[str, Sequence[int]] = {}


def read_onnx(
    source: str | os.PathLike[str],
    *,
    batch: int | None = None,
    weights: str = "given",
    seed: int = 0,
    shapes: Mapping[str, Sequence[int]] = NO_SHAPES,
) -> Graph:
    """Read an ONNX model.

    `source` is the path of an .onnx file, or the name of a model that comes with the package `onnx`, such as
    `light_resnet50` or just `resnet50`. `batch` sets the first dimension of the inputs, and `shapes` whole shapes by
    input; both are needed only where the file leaves a dimension open or where another batch is wanted. With
    `weights="random"` float weights are drawn from `seed` instead of taken from the file.

    Nodes become operations of the same type, named as in the file. The inputs become `Input` operations, weights
    `Variable` operations, both named as their tensors; what only parametrises an operation becomes its attributes.
    The fetches are the graph's outputs in order. Raises ModelFileError, UnknownOperation, InvalidValue and, without the
    package `onnx`, MissingDependency.
    """
    check_batch(batch)
    check_type(shapes, Mapping, "shapes", "a mapping; give shapes by the names of inputs, such as {'x': (1, 3)}")
    _check_weights(weights, seed)
    model = load_model(locate(source))
    nodes = live_nodes(model)
    refuse_unsupported(model, nodes, (OPERATIONS.keys() | SOURCES.keys()) - {"Input", "Variable"})
    read = {name for node in nodes for name in node.inputs} | set(model.outputs)
    inputs = [value for value in model.inputs if value.name in read]
    translation = translate(model, nodes, resolve_shapes(inputs, source=model.source, batch=batch, shapes=shapes))
    return _build(
        translation,
        inputs=[value.name for value in inputs],
        outputs=model.outputs,
        seed=seed if weights == "random" else None,
    )


def _check_weights(weights: str, seed: int) -> None:
    if weights not in WEIGHTS:
        raise InvalidValue(f"weights is {weights!r}; it can be {' or '.join(WEIGHTS)}")
    if type(seed) is not int or seed < 0:
        raise InvalidValue(f"seed is {seed!r}; it must be an int of 0 or more")


def _build(translation: Translation, *, inputs: Sequence[str], outputs: Sequence[str], seed: int | None) -> Graph:
    read = dict.fromkeys([*(name for step in translation.steps for name in step.inputs), *outputs])
    recipes = initializers(translation, [name for name in read if name in translation.values], seed=seed)
    building = _Building(translation, recipes)
    for name in inputs:
        if name in read:
            building.add_source("Input", name)
    names = operation_names([step.node for step in translation.steps], taken=[*inputs, *recipes])
    for step, name in zip(translation.steps, names, strict=True):
        building.add_step(step, name)
    for name, tensor in zip(outputs, building.read(outputs), strict=True):
        building.builder.fetch(**{name: tensor})
    return building.builder.build()


@dataclass(frozen=True, slots=True)
class _Building:
    """A graph under construction, and its tensors by their names in the file."""

    translation: Translation
    recipes: Mapping[str, Initializer]
    builder: GraphBuilder = field(default_factory=GraphBuilder)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def add_source(self, type: str, name: str, **attributes: Any) -> None:
        spec = self.translation.specs[name]
        (self.tensors[name],) = add_operation(self.builder, type, name=name, spec=spec, **attributes)

    def add_step(self, step: Step, name: str) -> None:
        inputs = self.read(step.inputs)
        made = self.builder.add(step.type, inputs, name=name, outputs=step.specs, attributes=step.attributes)
        self.tensors.update(zip(step.outputs, made, strict=False))

    def read(self, names: Sequence[str]) -> list[Tensor]:
        """Return tensors by name. A variable is added when it is first read, so just before its first reader."""
        for name in names:
            if name not in self.tensors:
                self.add_source("Variable", name, initializer=self.recipes[name])
        return [self.tensors[name] for name in names]
