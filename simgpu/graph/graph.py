"""The work: operations and the tensors between them, as integer-indexed lists under a small object face.

A graph says what is computed and which devices were requested. It knows nothing of speed, bytes in memory or clocks.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from simgpu.errors import GraphError, check_type
from simgpu.graph.order import topological_order
from simgpu.graph.rows import Rows
from simgpu.graph.tensors import TensorSpec

BACK_EDGE_SOURCE = "NextIteration"
"""The one operation type whose outputs may go backwards: TensorFlow's while loops are cycles through it."""


@dataclass(frozen=True, slots=True)
class GraphData:
    """The lists behind a graph. `first_tensor[i]:first_tensor[i + 1]` are the output tensors of operation i.

    `fetch_names` are the names under which the caller gets the fetched tensors.
    """

    names: list[str]
    types: list[str]
    attributes: list[Mapping[str, Any]]
    devices: list[str]
    colocations: list[tuple[str, ...]]
    inputs: Rows
    control_inputs: Rows
    first_tensor: array[int]
    specs: list[TensorSpec]
    producers: array[int]
    fetches: tuple[int, ...] = ()
    fetch_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a graph, seen as an object. Inputs and outputs are tensor numbers of its graph."""

    graph: Graph
    index: int

    @property
    def name(self) -> str:
        """The operation's name, unique in its graph."""
        return self.graph.data.names[self.index]

    @property
    def type(self) -> str:
        """The operation's type, such as `Conv`."""
        return self.graph.data.types[self.index]

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The operation's constants, such as strides."""
        return self.graph.data.attributes[self.index]

    @property
    def device(self) -> str:
        """The requested device in canonical form, possibly partial; empty if none was requested."""
        return self.graph.data.devices[self.index]

    @property
    def colocation(self) -> tuple[str, ...]:
        """Names of the operations that this one must share a device with."""
        return self.graph.data.colocations[self.index]

    @property
    def inputs(self) -> tuple[int, ...]:
        """Tensors that the operation reads, in order."""
        return self.graph.data.inputs.row(self.index)

    @property
    def control_inputs(self) -> tuple[int, ...]:
        """Operations that must have finished before this one starts."""
        return self.graph.data.control_inputs.row(self.index)

    @property
    def outputs(self) -> range:
        """Tensors that the operation makes, in order of their slots."""
        first = self.graph.data.first_tensor
        return range(first[self.index], first[self.index + 1])

    @property
    def input_specs(self) -> tuple[TensorSpec, ...]:
        """Shapes and dtypes of the inputs."""
        return tuple(self.graph.data.specs[tensor] for tensor in self.inputs)

    @property
    def output_specs(self) -> tuple[TensorSpec, ...]:
        """Shapes and dtypes of the outputs."""
        return tuple(self.graph.data.specs[tensor] for tensor in self.outputs)

    def __repr__(self) -> str:
        return f"<Operation {self.name!r} ({self.type})>"


class Graph:
    """Operations and tensors, numbered from 0 in the order of their making. Made by `GraphBuilder.build`."""

    def __init__(self, data: GraphData) -> None:
        check_type(data, GraphData, "data", "a GraphData; build a graph with a GraphBuilder")
        self.data = data

    def __len__(self) -> int:
        return len(self.data.names)

    def __iter__(self) -> Iterator[Operation]:
        return (Operation(self, index) for index in range(len(self)))

    def __repr__(self) -> str:
        return f"<Graph of {len(self)} operations and {len(self.data.specs)} tensors>"

    def operation(self, key: int | str) -> Operation:
        """Return an operation by number or name. Raises GraphError for one that is not there."""
        try:
            return Operation(self, range(len(self))[key] if isinstance(key, int) else self._index_by_name[key])
        except (KeyError, IndexError, TypeError):
            what, order = ("number", ", numbered from 0") if isinstance(key, int) else ("named", "")
            there = f"it has {len(self)} operations{order}"
            raise GraphError(f"the graph has no operation {what} {key!r:.60}; {there}") from None

    @property
    def fetches(self) -> tuple[int, ...]:
        """Tensors that the caller gets back, in order."""
        return self.data.fetches

    @property
    def fetch_names(self) -> tuple[str, ...]:
        """Names of the fetched tensors, in order."""
        return self.data.fetch_names

    def tensor_spec(self, tensor: int) -> TensorSpec:
        """Return shape and dtype of a tensor."""
        return self.data.specs[tensor]

    def producer(self, tensor: int) -> int:
        """Return the operation that makes a tensor."""
        return self.data.producers[tensor]

    def tensor_name(self, tensor: int) -> str:
        """Return `name` for the first output of an operation, `name:slot` for the others."""
        producer = self.data.producers[tensor]
        slot = tensor - self.data.first_tensor[producer]
        return self.data.names[producer] + (f":{slot}" if slot else "")

    def consumers(self, tensor: int) -> Sequence[int]:
        """Return the operations that read a tensor, each once, in order."""
        return self._consumers[tensor]

    def predecessors(self, index: int) -> list[int]:
        """Return the operations that must finish before operation `index` starts, each once; no back edges of loops."""
        data = self.data
        sources = [data.producers[tensor] for tensor in data.inputs[index]]
        sources = [source for source in sources if data.types[source] != BACK_EDGE_SOURCE]
        return list(dict.fromkeys([*sources, *data.control_inputs[index]]))

    @cached_property
    def order(self) -> Sequence[int]:
        """Operations in topological order, the lowest number first among those that are ready."""
        if self._is_in_order():
            return range(len(self))
        return topological_order([self.predecessors(index) for index in range(len(self))])

    def _is_in_order(self) -> bool:
        """Tell whether every operation comes after those that it needs, as it does in most graphs."""
        data = self.data
        return all(
            max(tensors, default=-1) < data.first_tensor[index] and max(befores, default=-1) < index
            for index, (tensors, befores) in enumerate(zip(data.inputs, data.control_inputs, strict=True))
        )

    @cached_property
    def _index_by_name(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.data.names)}

    @cached_property
    def _consumers(self) -> list[list[int]]:
        consumers: list[list[int]] = [[] for _ in self.data.specs]
        for index, inputs in enumerate(self.data.inputs):
            for tensor in dict.fromkeys(inputs):
                consumers[tensor].append(index)
        return consumers
