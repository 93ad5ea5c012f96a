"""Building a graph: operations are added in any order, and checked as a whole when it is built."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, NamedTuple

from simgpu.errors import GraphError
from simgpu.graph.graph import Graph, GraphData
from simgpu.graph.order import find_cycle
from simgpu.graph.rows import Rows
from simgpu.graph.tensors import TensorSpec
from simgpu.naming import DeviceSpec, merge_scopes

NO_ATTRIBUTES: Mapping[str, Any] = {}
_LATER = -1  # in the place of what a reference means that may be added later


class Tensor(NamedTuple):
    """A tensor of a graph under construction: an output slot of a named operation."""

    operation: str
    slot: int
    spec: TensorSpec


def _no_operations() -> GraphData:
    return GraphData(
        names=[],
        types=[],
        attributes=[],
        devices=[],
        colocations=[],
        inputs=Rows(),
        control_inputs=Rows(),
        first_tensor=array("i", [0]),
        specs=[],
        producers=array("i"),
    )


@dataclass(slots=True)
class GraphBuilder:
    """Collects operations and makes a `Graph` of them."""

    _data: GraphData = field(default_factory=_no_operations)  # references that mean nothing yet are _LATER
    _index: dict[str, int] = field(default_factory=dict)
    _open_inputs: dict[int, tuple[Tensor | str, ...]] = field(default_factory=dict)  # of operations that have such
    _open_control_inputs: dict[int, tuple[str, ...]] = field(default_factory=dict)
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
        inputs, control_inputs = _listed("inputs", inputs, name), _listed("control_inputs", control_inputs, name)
        requested = self._requested(device, partners)
        self._connect(inputs, tuple(dict.fromkeys(control_inputs)))
        self._append(name, type, attributes, requested, tuple(dict.fromkeys(partners)), specs)
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
        data = GraphData(**{it.name: copy(getattr(self._data, it.name)) for it in fields(GraphData)})
        meanings = _Meanings(data, self._index)
        meanings.find(self._open_inputs, self._open_control_inputs)
        fetches = tuple(meanings.tensor(reference, "a fetch") for _, reference in self._fetches)
        graph = Graph(replace(data, fetches=fetches, fetch_names=tuple(name for name, _ in self._fetches)))
        _refuse_cycles(graph)
        return graph

    def _connect(self, inputs: tuple[Tensor | str, ...], control_inputs: tuple[str, ...]) -> None:
        """Note what the next operation reads and waits for."""
        number, data = len(self._index), self._data
        tensors = [self._tensor_now(reference) for reference in inputs]
        befores = [self._index.get(name, _LATER) for name in control_inputs]
        if _LATER in tensors:
            self._open_inputs[number] = inputs
        if _LATER in befores:
            self._open_control_inputs[number] = control_inputs
        data.inputs.append(tensors)
        data.control_inputs.append(befores)

    def _append(
        self,
        name: str,
        type: str,
        attributes: Mapping[str, Any],
        device: str,
        colocation: tuple[str, ...],
        specs: tuple[TensorSpec, ...],
    ) -> None:
        data = self._data
        data.producers.extend([len(self._index)] * len(specs))
        self._index[name] = len(self._index)
        data.names.append(name)
        data.types.append(type)
        data.attributes.append(attributes)
        data.devices.append(device)
        data.colocations.append(colocation)
        data.specs.extend(specs)
        data.first_tensor.append(len(data.specs))

    def _tensor_now(self, reference: Tensor | str) -> int:
        """Return the tensor that a reference means whatever is added later."""
        name, slot = (reference, 0) if isinstance(reference, str) else reference[:2]
        number = self._index.get(name)
        if number is None:
            return _LATER
        first, end = self._data.first_tensor[number], self._data.first_tensor[number + 1]
        return first + slot if first + slot < end else _LATER

    def _check_name(self, name: str, type: str) -> None:
        if not isinstance(name, str) or not name or not name.isprintable():
            raise GraphError(f"an operation of type {type} is called {name!r}; a name is printable text and not empty")
        if name in self._index:
            raise GraphError(f"operation {name!r} ({type}) is there already; every operation needs a name of its own")

    def _unused_name(self, type: str) -> str:
        while True:
            count = self._names_tried.get(type, 0)
            self._names_tried[type] = count + 1
            name = f"{type}_{count}" if count else type
            if name not in self._index:
                return name

    def _requested(self, device: str, colocate_with: Sequence[str]) -> str:
        if not self._scopes:
            return _merged(device) if device else ""
        partners = (self._data.devices[self._index[name]] for name in colocate_with if name in self._index)
        of_partner = next(filter(None, partners), "")
        return of_partner if of_partner and not device else _merged(*self._scopes, device)


def _merged(*scopes: str | None) -> str:
    """Return the request that scopes make: one text for all operations that ask for the same."""
    return _merged_once(scopes) if all(isinstance(it, str | None) for it in scopes) else str(merge_scopes(scopes))


@lru_cache(maxsize=8192)
def _merged_once(scopes: tuple[str | None, ...]) -> str:
    return sys.intern(str(merge_scopes(scopes)))


class _Meanings:
    """Finds what references mean in a graph that is complete."""

    def __init__(self, data: GraphData, index: Mapping[str, int]) -> None:
        self._data = data
        self._index = index

    def find(
        self, inputs: Mapping[int, tuple[Tensor | str, ...]], control_inputs: Mapping[int, tuple[str, ...]]
    ) -> None:
        """Fill in what some operations read and wait for. Raises GraphError for what is not there."""
        self._refuse_names_of_outputs()
        names = self._data.names
        for number, references in inputs.items():
            self._data.inputs.fill(number, [self.tensor(it, f"operation {names[number]!r}") for it in references])
        for number, befores in control_inputs.items():
            self._data.control_inputs.fill(number, [self._operation(it, names[number]) for it in befores])

    def tensor(self, reference: Tensor | str, reader: str) -> int:
        name, slot = _split_reference(reference, self._index)
        if name not in self._index:
            raise GraphError(f"{reader} reads {name!r}, but the graph has no such operation")
        first, end = self._data.first_tensor[self._index[name]], self._data.first_tensor[self._index[name] + 1]
        if slot >= end - first:
            raise GraphError(
                f"{reader} reads output {slot} of {name!r}, which has {end - first} outputs (numbered from 0)"
            )
        return first + slot

    def _operation(self, name: str, reader: str) -> int:
        if name not in self._index:
            raise GraphError(f"operation {reader!r} waits for {name!r}, but the graph has no such operation")
        return self._index[name]

    def _refuse_names_of_outputs(self) -> None:
        for tensor, producer in enumerate(self._data.producers):
            slot = tensor - self._data.first_tensor[producer]
            name = f"{self._data.names[producer]}:{slot}" if slot else ""
            if name in self._index:
                raise GraphError(
                    f"operation '{name}' is called as output {slot} of {self._data.names[producer]!r}; give it another "
                    "name"
                )


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
