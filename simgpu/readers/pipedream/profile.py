"""A profile: the layers of a network, how long each takes forward and backward, and how many bytes it makes and has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simgpu.errors import GraphError, check_type


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. `inputs` names the layers that it reads, `kind` says what it is, such as `ReLU(inplace)`.

    `activations_bytes` are its outputs: mostly one.
    """

    name: str
    kind: str = ""
    inputs: tuple[str, ...] = ()
    forward_ps: int = 0
    backward_ps: int = 0
    activations_bytes: tuple[int, ...] = (0,)
    parameter_bytes: int = 0

    def __post_init__(self) -> None:
        check_type(self.name, str, "name", "the name of a layer; give a text")
        for what in ("inputs", "activations_bytes"):
            check_type(getattr(self, what), tuple | list, what, "a tuple")


@dataclass(frozen=True, slots=True)
class Profile:
    """Layers in topological order: each reads only layers before it. Raises GraphError for any other order.

    Times and sizes are those of one microbatch.
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        check_type(self.layers, Sequence, "layers", "a sequence of Layers")
        known: set[str] = set()
        for number, layer in enumerate(self.layers):
            check_type(layer, Layer, f"layers[{number}]", "a Layer; make one: Layer('conv1', forward_ps=10**9)")
            if layer.name in known:
                raise GraphError(f"a second layer is named {layer.name!r}; every layer needs a name of its own")
            for name in layer.inputs:
                if name not in known:
                    raise GraphError(f"layer {layer.name!r} reads {name!r}, which is no layer before it; reorder them")
            known.add(layer.name)

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __repr__(self) -> str:
        return f"<Profile of {len(self)} layers>"

    @property
    def edges(self) -> int:
        """How often a layer reads another."""
        return sum(len(layer.inputs) for layer in self.layers)

    @property
    def forward_ps(self) -> int:
        """Time of all layers, forward."""
        return sum(layer.forward_ps for layer in self.layers)

    @property
    def backward_ps(self) -> int:
        """Time of all layers, backward."""
        return sum(layer.backward_ps for layer in self.layers)

    @property
    def parameter_bytes(self) -> int:
        """Bytes of all parameters."""
        return sum(layer.parameter_bytes for layer in self.layers)
