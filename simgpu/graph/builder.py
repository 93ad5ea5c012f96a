"""Building a graph: operations are added in any order, and checked as a whole when it is built."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simgpu.errors import GraphError
from simgpu.graph.graph import Graph, GraphData
from simgpu.graph.order import find_cycle
from simgpu.graph.tensors import TensorSpec
from simgpu.naming import DeviceSpec, merge_scopes

NO_ATTRIBUTES: Mapping[str, Any] = {}


class Tensor(NamedTuple):
    """A tensor of a graph under construction: an output slot of a named operation."""

    operation: str
    slot: int
    spec: TensorSpec


@dataclass(slots=True)
class _Node:
    name: str
    type: str
    inputs: tuple[Tensor | str, ...]
    control_inputs: tuple[str, ...]
    specs: tuple[TensorSpec, ...]
    attributes: Mapping[str, Any]
    device: str
    colocation: tuple[str, ...]


@dataclass(slots=True)
class GraphBuilder:
    """Collects operations and makes a `Graph` of them."""

    _nodes: dict[str, _Node] = field(default_factory=dict)
    _scopes: list[str | None] = field(default_factory=list)
    _fetches: list[Tensor | str] = field(default_factory=list)
    _names_tried: dict[str, int] = field(default_factory=dict)

    def add(
        self,
        type: str,
        inputs: Sequence[Tensor | str] = (),
        *,
        outputs: Sequence[TensorSpec] = (),
        name: str | None = None,
        attributes: Mapping[str, Any] = NO_ATTRIBUTES,
        device: str = "",
        colocate_with: Sequence[str] = (),
        control_inputs: Sequence[str] = (),
    ) -> tuple[Tensor, ...]:
        """Add an operation and return its output tensors.

        An input is a tensor returned earlier or text: `name`, `name:slot`, also of an operation added later. `device`
        is merged into the enclosing `device` scopes as TensorFlow does; without it, the request of an operation named
        in `colocate_with` takes the place of the scopes.
        """
        name = self._unused_name(type) if name is None else name
        if not name or name in self._nodes:
            raise GraphError(f"operation {name!r} ({type}) is there already; every operation needs a name of its own")
        self._nodes[name] = _Node(
            name=name,
            type=type,
            inputs=tuple(inputs),
            control_inputs=tuple(control_inputs),
            specs=tuple(outputs),
            attributes=attributes,
            device=self._requested(device, colocate_with),
            colocation=tuple(dict.fromkeys(colocate_with)),
        )
        return tuple(Tensor(name, slot, spec) for slot, spec in enumerate(outputs))

    @contextmanager
    def device(self, scope: str | None) -> Iterator[None]:
        """Request a device for the operations added inside; scopes merge, and `None` clears the outer ones."""
        if scope is not None:
            DeviceSpec.parse(scope)
        self._scopes.append(scope)
        try:
            yield
        finally:
            self._scopes.pop()

    def fetch(self, *tensors: Tensor | str) -> None:
        """Have these tensors returned to the caller of a run."""
        self._fetches.extend(tensors)

    def build(self) -> Graph:
        """Make the graph. Raises GraphError for an unknown input, a slot that is not there, or a cycle."""
        nodes = list(self._nodes.values())
        index = {node.name: position for position, node in enumerate(nodes)}
        first_tensor, producers = [0], []
        for position, node in enumerate(nodes):
            producers += [position] * len(node.specs)
            first_tensor.append(len(producers))

        def number(reference: Tensor | str, reader: str) -> int:
            name, slot = _split_reference(reference, index)
            if name not in index:
                raise GraphError(f"{reader} reads {name!r}, but the graph has no such operation")
            count = len(nodes[index[name]].specs)
            if slot >= count:
                raise GraphError(
                    f"{reader} reads output {slot} of {name!r}, which has {count} outputs (numbered from 0)"
                )
            return first_tensor[index[name]] + slot

        def control(name: str, reader: str) -> int:
            if name not in index:
                raise GraphError(f"{reader} waits for {name!r}, but the graph has no such operation")
            return index[name]

        graph = Graph(
            GraphData(
                names=[node.name for node in nodes],
                types=[node.type for node in nodes],
                attributes=[node.attributes for node in nodes],
                devices=[node.device for node in nodes],
                colocations=[node.colocation for node in nodes],
                inputs=[tuple(number(ref, f"operation {node.name!r}") for ref in node.inputs) for node in nodes],
                control_inputs=[
                    tuple(control(name, f"operation {node.name!r}") for name in dict.fromkeys(node.control_inputs))
                    for node in nodes
                ],
                first_tensor=first_tensor,
                specs=[spec for node in nodes for spec in node.specs],
                producers=producers,
                fetches=tuple(number(ref, "a fetch") for ref in self._fetches),
            )
        )
        _refuse_cycles(graph)
        return graph

    def _unused_name(self, type: str) -> str:
        while True:
            count = self._names_tried.get(type, 0)
            self._names_tried[type] = count + 1
            name = f"{type}_{count}" if count else type
            if name not in self._nodes:
                return name

    def _requested(self, device: str, colocate_with: Sequence[str]) -> str:
        if not self._scopes:
            return str(merge_scopes([device])) if device else ""
        partners = (self._nodes[name].device for name in colocate_with if name in self._nodes)
        of_partner = next(filter(None, partners), "")
        return of_partner if of_partner and not device else str(merge_scopes([*self._scopes, device]))


def _split_reference(reference: Tensor | str, names: Collection[str]) -> tuple[str, int]:
    if isinstance(reference, Tensor):
        return reference.operation, reference.slot
    if reference in names:
        return reference, 0
    name, colon, slot = reference.rpartition(":")
    return (name, int(slot)) if colon and slot.isdecimal() else (reference, 0)


def _refuse_cycles(graph: Graph) -> None:
    if len(graph.order) < len(graph):
        predecessors = [graph.predecessors(index) for index in range(len(graph))]
        cycle = [graph.data.names[index] for index in find_cycle(predecessors, graph.order)]
        shown = " -> ".join(cycle[:8]) + (" -> ..." if len(cycle) > 8 else f" -> {cycle[0]}")
        raise GraphError(f"the graph has a cycle of {len(cycle)} operations: {shown}; a graph must be acyclic")
