"""A small graph written out in a scenario: operations by name, in any order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simgpu.errors import GraphError, SimgpuError
from simgpu.graph import Constant, Graph, GraphBuilder, Normal, Tensor, TensorSpec
from simgpu.graph.order import find_cycle, topological_order
from simgpu.kernels import infer
from simgpu.machine.refusal import did_you_mean, shorten, show

_STANDARD_DEVIATION = 0.1
"""Of the values of a variable that gives none."""


class InlineGraphError(GraphError):
    """A fault in one operation, which is at `position` in the list; None: in the graph as a whole."""

    def __init__(self, reason: str, position: int | None) -> None:
        super().__init__(reason)
        self.position = position

    def __reduce__(self) -> tuple[type[InlineGraphError], tuple[str, int | None]]:
        return type(self), (str(self), self.position)


@dataclass(frozen=True, slots=True)
class InlineOperation:
    """One operation. `spec` is for Input and Variable, `fill` the value of every element of a Variable.

    An input is `name` or `name:slot`.
    """

    name: str
    type: str
    inputs: tuple[str, ...] = ()
    device: str = ""
    after: tuple[str, ...] = ()
    colocate_with: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)
    spec: TensorSpec | None = None
    fill: float | None = None


@dataclass(frozen=True, slots=True)
class InlineGraph:
    """Operations in any order, and the tensors to return; none named: those that no operation reads."""

    operations: tuple[InlineOperation, ...]
    fetches: tuple[str, ...] = ()

    def build(self, seed: int) -> Graph:
        """Make the graph; `seed` is for variables without `fill`. Raises InlineGraphError."""
        builder, tensors = GraphBuilder(), dict[str, Tensor]()
        for position in self._order():
            operation = self.operations[position]
            try:
                self._add(builder, operation, tensors, (seed, position))
            except SimgpuError as error:
                raise InlineGraphError(f"operation {operation.name!r}: {error}", position) from error
        builder.fetch(*self._fetched(tensors))
        return builder.build()

    def _order(self) -> list[int]:
        """Return the positions in an order that puts producers first, the listed order where that is one."""
        positions: dict[str, int] = {}
        for position, operation in enumerate(self.operations):
            if operation.name in positions:
                raise InlineGraphError(f"a second operation is named {show(operation.name)}; rename one", position)
            positions[operation.name] = position
        for position, operation in enumerate(self.operations):
            _check_references(operation, position, positions)
        needs = [
            list(dict.fromkeys(positions[_operation_of(name, positions)] for name in (*it.inputs, *it.after)))
            for it in self.operations
        ]
        order = topological_order(needs)
        if len(order) < len(needs):
            names = [self.operations[position].name for position in find_cycle(needs, order)]
            shown = " -> ".join(map(shorten, [*names[:8], names[0]]))
            raise InlineGraphError(f"the graph has a cycle of {len(names)} operations: {shown}", positions[names[0]])
        return order

    @staticmethod
    def _add(
        builder: GraphBuilder, operation: InlineOperation, tensors: dict[str, Tensor], seed: tuple[int, int]
    ) -> None:
        inputs = [_tensor(reference, tensors) for reference in operation.inputs]
        attributes = dict(operation.attributes)
        duration = attributes.pop("duration_ps", None)
        if operation.spec is not None:
            attributes["spec"] = operation.spec
        if operation.type == "Variable":
            fill = operation.fill
            attributes["initializer"] = Normal(0.0, _STANDARD_DEVIATION, seed) if fill is None else Constant(fill)
        outputs = infer(operation.type, [tensor.spec for tensor in inputs], attributes)
        if duration is not None:
            attributes["duration_ps"] = duration
        made = builder.add(
            operation.type,
            inputs,
            name=operation.name,
            outputs=outputs,
            attributes=attributes,
            device=operation.device,
            control_inputs=operation.after,
            colocate_with=operation.colocate_with,
        )
        tensors |= {f"{operation.name}:{tensor.slot}": tensor for tensor in made}

    def _fetched(self, tensors: Mapping[str, Tensor]) -> Sequence[Tensor]:
        if self.fetches:
            return [_tensor(reference, tensors, who="fetch") for reference in self.fetches]
        read = {_slot_of(reference, tensors) for operation in self.operations for reference in operation.inputs}
        return [tensor for name, tensor in tensors.items() if name not in read]


def _check_references(operation: InlineOperation, position: int, positions: Mapping[str, int]) -> None:
    for reference in (*operation.inputs, *operation.after, *operation.colocate_with):
        name = _operation_of(reference, positions)
        if name not in positions:
            reason = f"operation {show(operation.name)} names {show(name)}, which is not there"
            raise InlineGraphError(f"{reason}; {did_you_mean(name, positions)}", position)


def _operation_of(reference: str, names: Mapping[str, int]) -> str:
    """Return the operation that a reference means: `a:1` is output 1 of `a`, unless an operation is named `a:1`."""
    name, colon, slot = reference.rpartition(":")
    return name if reference not in names and colon and slot.isdecimal() else reference


def _slot_of(reference: str, tensors: Mapping[str, Tensor]) -> str:
    return f"{reference}:0" if f"{reference}:0" in tensors else reference


def _tensor(reference: str, tensors: Mapping[str, Tensor], who: str = "an input") -> Tensor:
    slot = _slot_of(reference, tensors)
    if slot not in tensors:
        raise InlineGraphError(f"{who} is {show(reference)}, but no operation has such an output", None)
    return tensors[slot]
