"""From layers to operations: parameters, the forward pass and the backward pass of one microbatch."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.readers.pipedream.profile import Layer, Profile
from simgpu.readers.profiled import add_memory, add_profiled, sized

_SELECTION = re.compile(r"__getitem__\((\d+)\)")

Read = tuple[str, int]
"""A layer, and which of its outputs."""


@dataclass(slots=True)
class Work:
    """Adds the operations of a profile's layers to a builder. Names of one microbatch begin with its `prefix`.

    Forward, a layer reads the outputs of its `inputs`, and its parameters. Backward it reads its own outputs, its
    parameters and the gradients of its outputs, and makes a gradient of each tensor that it had read, of the same size.
    """

    profile: Profile
    builder: GraphBuilder = field(default_factory=GraphBuilder)
    _layers: dict[str, Layer] = field(init=False)
    _reads: dict[str, list[Read]] = field(init=False)
    _gradients: defaultdict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._layers = {layer.name: layer for layer in self.profile}
        self._reads = {layer.name: self._reads_of(layer) for layer in self.profile}
        self._gradients = defaultdict(list)
        for reader, reads in self._reads.items():
            for slot, (source, _) in enumerate(reads):
                self._gradients[source].append(f"{reader}/backward:{slot}" if slot else f"{reader}/backward")

    def parameters(self, layer: Layer, device: str = "") -> None:
        """Add the parameters of a layer as a variable, if it has any."""
        if layer.parameter_bytes:
            add_memory(self.builder, f"{layer.name}/parameters", layer.parameter_bytes, device=device)

    def forward(self, layer: Layer, prefix: str = "", *, device: str = "", after: Sequence[str] = ()) -> str:
        """Add the forward pass of a layer, and return its name."""
        reads = [
            f"{prefix}{source}:{slot}" if slot else f"{prefix}{source}" for source, slot in self._reads[layer.name]
        ]
        return self._add(
            f"{prefix}{layer.name}",
            [*reads, *self._parameters(layer)],
            [sized(size) for size in layer.activations_bytes],
            attributes=_figures(layer, layer.forward_ps),
            device=device,
            after=after,
        )

    def backward(self, layer: Layer, prefix: str = "", *, device: str = "", after: Sequence[str] = ()) -> str:
        """Add the backward pass of a layer, and return its name."""
        activations = [
            f"{prefix}{layer.name}:{slot}" if slot else f"{prefix}{layer.name}"
            for slot in range(len(layer.activations_bytes))
        ]
        gradients = [prefix + gradient for gradient in self._gradients[layer.name]]
        return self._add(
            f"{prefix}{layer.name}/backward",
            [*activations, *self._parameters(layer), *gradients],
            [sized(self._layers[source].activations_bytes[slot]) for source, slot in self._reads[layer.name]],
            attributes={**_figures(layer, layer.backward_ps), "is_backward": True},
            device=device,
            after=after,
        )

    def _reads_of(self, layer: Layer) -> list[Read]:
        """Return the outputs that a layer reads: `__getitem__(1)` the second one of a layer that has several."""
        selected = _SELECTION.fullmatch(layer.kind)
        reads: list[Read] = []
        for source in layer.inputs:
            slots: Sequence[int] = range(len(self._layers[source].activations_bytes))
            if selected is not None and int(selected[1]) in slots:
                slots = [int(selected[1])]
            reads += [(source, slot) for slot in slots]
        return reads

    def _parameters(self, layer: Layer) -> list[str]:
        return [f"{layer.name}/parameters"] if layer.parameter_bytes else []

    def _add(
        self,
        name: str,
        inputs: Sequence[str],
        outputs: Sequence[TensorSpec],
        *,
        attributes: dict[str, Any],
        device: str,
        after: Sequence[str],
    ) -> str:
        add_profiled(self.builder, name, inputs, outputs, attributes=attributes, device=device, control_inputs=after)
        return name


def _figures(layer: Layer, duration_ps: int) -> dict[str, Any]:
    """Return the attributes of an operation. The times are those of a GPU, and of no CPU."""
    return {"duration_ps": {"GPU": duration_ps}, "layer": layer.kind}
