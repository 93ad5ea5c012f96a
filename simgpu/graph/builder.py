"""Building a graph: operations are added in any order, and checked as a whole when it is built."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
    _fetches: list[tuple[str, Tensor | str]] = field(default_factory=list)
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
        if not isinstance(type, str):
            raise GraphError(f"the type of an operation is text, such as 'Relu', not {type!r:.60}")
        name = self._unused_name(type) if name is None else name
        self._check_name(name, type)
        if attributes.__class__ is not dict and not isinstance(attributes, Mapping):
            raise GraphError(f"operation {name!r}: attributes is {attributes!r:.60}; give a mapping")
        partners, specs = _listed("colocate_with", colocate_with, name), _listed("outputs", outputs, name)
        self._nodes[name] = _Node(
            name=name,
            type=type,
            inputs=_listed("inputs", inputs, name),
            control_inputs=_listed("control_inputs", control_inputs, name),
            specs=specs,
            attributes=attributes,
            device=self._requested(device, partners),
            colocation=tuple(dict.fromkeys(partners)),
        )
        return tuple(Tensor(name, slot, spec) for slot, spec in enumerate(specs))

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

    def fetch(self, *tensors: Tensor | str, **named: Tensor | str) -> None:
        """Have these tensors returned to the caller of a run, under the names given or under their own."""
        for tensor in (*tensors, *named.values()):
            if not isinstance(tensor, Tensor | str):
                raise GraphError(f"a fetch is a tensor, or text such as 'name:1', not {tensor!r:.60}")
        self._fetches += [(_own_name(tensor), tensor) for tensor in tensors]
        self._fetches += named.items()

    def build(self) -> Graph:
        """Make the graph. Raises GraphError for an unknown input, a slot that is not there, or a cycle."""
        nodes = list(self._nodes.values())
        numbers = _Numbers(nodes)
        graph = Graph(
            GraphData(
                names=[node.name for node in nodes],
                types=[node.type for node in nodes],
                attributes=[node.attributes for node in nodes],
                devices=[node.device for node in nodes],
                colocations=[node.colocation for node in nodes],
                inputs=[numbers.inputs(node) for node in nodes],
                control_inputs=[numbers.control_inputs(node) for node in nodes],
                first_tensor=numbers.first_tensor,
                specs=[spec for node in nodes for spec in node.specs],
                producers=numbers.producers,
                fetches=tuple(numbers.tensor(reference, "a fetch") for _, reference in self._fetches),
                fetch_names=tuple(name for name, _ in self._fetches),
            )
        )
        _refuse_cycles(graph)
        return graph

    def _check_name(self, name: str, type: str) -> None:
        if not isinstance(name, str) or not name or not name.isprintable():
            raise GraphError(f"an operation of type {type} is called {name!r}; a name is printable text and not empty")
        if name in self._nodes:
            raise GraphError(f"operation {name!r} ({type}) is there already; every operation needs a name of its own")

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


class _Numbers:
    """Numbers operations and tensors, and finds those that references mean."""

    def __init__(self, nodes: Sequence[_Node]) -> None:
        self._nodes = nodes
        self._index = {node.name: position for position, node in enumerate(nodes)}
        self.first_tensor = [0]
        self.producers: list[int] = []
        for position, node in enumerate(nodes):
            self.producers += [position] * len(node.specs)
            self.first_tensor.append(len(self.producers))
            self._refuse_names_of_outputs(node)

    def inputs(self, node: _Node) -> tuple[int, ...]:
        return tuple(self.tensor(reference, f"operation {node.name!r}") for reference in node.inputs)

    def control_inputs(self, node: _Node) -> tuple[int, ...]:
        for name in node.control_inputs:
            if name not in self._index:
                raise GraphError(f"operation {node.name!r} waits for {name!r}, but the graph has no such operation")
        return tuple(self._index[name] for name in dict.fromkeys(node.control_inputs))

    def _refuse_names_of_outputs(self, node: _Node) -> None:
        for slot in range(1, len(node.specs)):
            if f"{node.name}:{slot}" in self._index:
                raise GraphError(
                    f"operation '{node.name}:{slot}' is called as output {slot} of {node.name!r}; give it another name"
                )

    def tensor(self, reference: Tensor | str, reader: str) -> int:
        name, slot = _split_reference(reference, self._index)
        if name not in self._index:
            raise GraphError(f"{reader} reads {name!r}, but the graph has no such operation")
        position = self._index[name]
        count = len(self._nodes[position].specs)
        if slot >= count:
            raise GraphError(f"{reader} reads output {slot} of {name!r}, which has {count} outputs (numbered from 0)")
        return self.first_tensor[position] + slot


_LISTS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "inputs": ((Tensor, str), "tensors, or of texts such as 'name:1'"),
    "outputs": ((TensorSpec,), "TensorSpecs"),
    "control_inputs": ((str,), "names"),
    "colocate_with": ((str,), "names"),
}
"""What the lists of an operation hold, and how that is called."""


def _listed(what: str, given: Any, name: str) -> tuple[Any, ...]:
    """Return a list of an operation as a tuple. Refuses all else: a text and a tensor have items, but are no lists."""
    kinds, wanted = _LISTS[what]
    is_list = given.__class__ in (tuple, list) or (
        isinstance(given, Iterable) and not isinstance(given, str | bytes | Tensor)
    )
    listed = tuple(given) if is_list else ()
    for item in listed if is_list else (given,):
        if not isinstance(item, kinds) or not is_list:
            raise GraphError(
                f"operation {name!r}: {what} {'holds' if is_list else 'is'} {item!r:.60}; give a list of {wanted}"
            )
    return listed


def _own_name(reference: Tensor | str) -> str:
    if isinstance(reference, str):
        return reference
    return f"{reference.operation}:{reference.slot}" if reference.slot else reference.operation


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
