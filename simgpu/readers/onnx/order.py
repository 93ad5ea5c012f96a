"""Which nodes of a model matter, and in which order they run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence

from simgpu.errors import ModelFileError, UnknownOperation
from simgpu.graph.order import find_cycle, topological_order
from simgpu.readers.onnx.model import A_GRAPH, Model, Node, Unread

CONTROL_FLOW = frozenset({"If", "Loop", "Scan"})
NAMES_SHOWN = 12


def live_nodes(model: Model) -> list[Node]:
    """Return the nodes that the outputs depend on, in file order if that is an order to run them in.

    A file whose nodes are not sorted is sorted, the first in the file first. Raises ModelFileError for a tensor that
    two nodes make, for one that nothing makes, and for a cycle, naming them.
    """
    makers = _makers(model)
    nodes = _needed(model, makers)
    position = {id(node): index for index, node in enumerate(nodes)}
    predecessors = [[position[id(makers[name])] for name in node.inputs if name in makers] for node in nodes]
    if all(before < index for index, befores in enumerate(predecessors) for before in befores):
        return nodes
    order = topological_order([list(dict.fromkeys(befores)) for befores in predecessors])
    if len(order) < len(nodes):
        cycle = " -> ".join(nodes[index].label for index in find_cycle(predecessors, order)[:NAMES_SHOWN])
        raise ModelFileError(f"{model.source} has a cycle: {cycle}; a model must be acyclic")
    return [nodes[index] for index in order]


def refuse_unsupported(model: Model, nodes: Sequence[Node], known: Container[str]) -> None:
    """Raise UnknownOperation, with all that simgpu cannot read at once, if there is any."""
    _refuse_subgraphs(model, nodes)
    _refuse_functions(model, nodes, known)
    unknown = Counter(node.type for node in nodes if node.type not in known)
    if unknown:
        listed = ", ".join(f"{type} ({count})" for type, count in unknown.most_common())
        noun = "an operator" if len(unknown) == 1 else f"{len(unknown)} operators"
        raise UnknownOperation(
            f"{model.source} uses {noun} that simgpu does not know: {listed}; export the model without, or add a row "
            "for each to the operation table"
        )


def _makers(model: Model) -> dict[str, Node]:
    makers: dict[str, Node] = {}
    given = {value.name for value in model.inputs} | set(model.tensors)
    for node in model.nodes:
        for name in node.outputs:
            if name and (name in makers or name in given):
                other = makers[name].label if name in makers else "the graph's inputs or initializers"
                raise ModelFileError(f"{model.source}: tensor {name!r} is made twice: by {other} and by {node.label}")
            if name:
                makers[name] = node
    return makers


def _needed(model: Model, makers: dict[str, Node]) -> list[Node]:
    given = {value.name for value in model.inputs} | set(model.tensors)
    waiting: list[tuple[str, Node | None]] = [(name, None) for name in model.outputs]
    needed: set[int] = set()
    while waiting:
        name, reader = waiting.pop()
        node = makers.get(name)
        if node is None and name not in given:
            who = reader.label if reader else "the graph as an output"
            raise ModelFileError(f"{model.source}: {name!r} is read by {who}, but nothing makes it")
        if node is not None and id(node) not in needed:
            needed.add(id(node))
            waiting += [(other, node) for other in node.inputs if other]
    return [node for node in model.nodes if id(node) in needed]


def _refuse_subgraphs(model: Model, nodes: Sequence[Node]) -> None:
    holders = [node for node in nodes if node.type in CONTROL_FLOW or Unread(A_GRAPH) in node.attributes.values()]
    if holders:
        listed = ", ".join(node.label for node in holders[:NAMES_SHOWN])
        more = f" and {len(holders) - NAMES_SHOWN} more" if len(holders) > NAMES_SHOWN else ""
        raise UnknownOperation(
            f"{model.source} has nodes with graphs inside: {listed}{more}; simgpu reads models without control flow: "
            "export the model for one fixed path, or fold the condition with onnxsim or onnxruntime's optimizer"
        )


def _refuse_functions(model: Model, nodes: Sequence[Node], known: Container[str]) -> None:
    called = sorted({node.type for node in nodes if node.type in model.functions and node.type not in known})
    if called:
        raise UnknownOperation(
            f"{model.source} calls functions of its own: {', '.join(called[:NAMES_SHOWN])}; simgpu reads models "
            "without: inline them with onnx.inliner.inline_local_functions"
        )
