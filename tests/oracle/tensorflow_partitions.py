"""Run recorded cases of TensorFlow's partitioning: which tensors are sent between devices, and what runs where.

The graph is built by a facade, placed, and simulated; what is sent is read from the trace. TensorFlow sends two things
besides that are no tensors of the graph: what is fetched goes to the client on CPU:0, and a control edge between
devices is a dummy, unless data goes the same way. Those are added here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import simgpu as sg

Case = Mapping[str, Any]
PLUMBING = ("_Send", "_Recv", "_Retval", "Const", "Identity")
CPU_0 = "/job:localhost/replica:0/task:0/device:CPU:0"


class GraphFacade:
    """The names of TensorFlow that build a graph."""

    def __init__(self) -> None:
        self.builder = sg.GraphBuilder()
        self._waits_for: list[str] = []

    def tf(self) -> SimpleNamespace:
        unary = {"exp": "Exp", "sqrt": "Sqrt", "identity": "Identity", "abs": "Abs", "negative": "Neg"}
        binary = {"add": "Add", "multiply": "Mul", "subtract": "Sub", "matmul": "MatMul"}
        pointwise = {name: self._operation(type) for name, type in {**unary, **binary}.items()}
        raw = {"AddV2": "Add", "Mul": "Mul", "Exp": "Exp", "Sqrt": "Sqrt", "Neg": "Neg"}
        return SimpleNamespace(
            **pointwise,
            math=SimpleNamespace(**pointwise),
            raw_ops=SimpleNamespace(**{name: self._operation(type) for name, type in raw.items()}),
            device=self.builder.device,
            random=SimpleNamespace(uniform=self._uniform),
            control_dependencies=self._control_dependencies,
        )

    def _add(self, type: str, inputs: Sequence[sg.Tensor], name: str | None, **attributes: Any) -> sg.Tensor:
        (tensor,) = sg.add_operation(
            self.builder, type, inputs, name=name, control_inputs=tuple(self._waits_for), **attributes
        )
        return _with_op(tensor)

    def _uniform(self, shape: Sequence[int], name: str | None = None) -> sg.Tensor:
        return self._add("RandomUniform", (), name, shape=tuple(shape), seed=(7,))

    def _operation(self, type: str) -> Any:
        def operation(*inputs: Any, name: str | None = None, **named: Any) -> sg.Tensor:
            return self._add(type, [it.tensor for it in (*inputs, *named.values())], name)

        return operation

    @contextmanager
    def _control_dependencies(self, operations: Sequence[Any]) -> Iterator[None]:
        before = self._waits_for
        self._waits_for = [*before, *(getattr(it, "name", None) or it.op.name for it in operations)]
        yield
        self._waits_for = before


def _with_op(tensor: sg.Tensor) -> Any:
    return SimpleNamespace(tensor=tensor, op=SimpleNamespace(name=tensor.operation))


def run_case(case: Case) -> tuple[str, str]:
    """Return `passed` or `failed`, and the reason."""
    given, expected = case["input"], case["expect"]
    facade = GraphFacade()
    names: dict[str, Any] = {"tf": facade.tf()}
    exec(given["graph"], names)
    facade.builder.fetch(*(it.tensor for it in names["F"]))
    graph = facade.builder.build()
    machine = sg.Machine("cpu").split({"CPU:0": given["cpus"]})
    placement = sg.place(graph, machine)
    sends = count_sends(placement)
    wrong = [] if sends == expected["sends"] else [f"sends: expected {expected['sends']}, got {sends}"]
    found = {device: sorted(types) for device, types in _partitions(placement).items()}
    wanted = {device: _operations(types) for device, types in expected["partitions"].items()}
    wanted = {device: types for device, types in wanted.items() if types}
    if found != wanted:
        wrong.append(f"partitions: expected {wanted}, got {found}")
    return ("failed", "; ".join(wrong)) if wrong else ("passed", "")


def count_sends(placement: sg.Placement) -> int:
    """Return the transfers of a simulated run, and what TensorFlow sends besides."""
    trace = sg.simulate(placement)
    moved = [span.name for span in trace.spans if span.kind == "transfer" and "caller" not in span.resource]
    graph = placement.graph
    fetched = {tensor for tensor in graph.fetches if placement.device_of(graph.producer(tensor)) != CPU_0}
    return len(moved) + len(fetched) + len(_signals(placement))


def _signals(placement: sg.Placement) -> set[tuple[int, int]]:
    """Return the control edges between devices that no tensor goes along: (operation, device)."""
    graph, devices = placement.graph, placement.devices
    data = {(graph.producer(tensor), devices[operation.index]) for operation in graph for tensor in operation.inputs}
    edges = {
        (source, devices[operation.index])
        for operation in graph
        for source in operation.control_inputs
        if devices[source] != devices[operation.index]
    }
    return edges - data


def _partitions(placement: sg.Placement) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for operation in placement.graph:
        device = placement.device_of(operation.name).rpartition("device:")[2]
        found.setdefault(device, []).append({"Add": "AddV2"}.get(operation.type, operation.type))
    return found


def _operations(types: Sequence[str]) -> list[str]:
    return sorted(type for type in types if not type.startswith(PLUMBING))
