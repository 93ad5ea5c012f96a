"""Which edges of a graph tie two operations to one device.

Mostly those that carry a variable itself, not its value: in TensorFlow, edges of dtype `resource`, reference edges (a
variable of old, and operations that change it in place), and edges between data sets. Reference dtypes are not part of
a tensor here; they follow from operation types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from simgpu.graph import Graph

_SCATTER = [f"Scatter{verb}" for verb in ("Add", "Sub", "Mul", "Div", "Min", "Max", "Update")]
_ASSIGN = ["Assign", "AssignAdd", "AssignSub", *_SCATTER, "ScatterNdUpdate", "ScatterNdAdd", "ScatterNdSub"]
REFERENCE_OUTPUTS = frozenset({"VariableV2", "TemporaryVariable", "RefIdentity", "RefSwitch", "RefEnter", *_ASSIGN})
"""Operations whose outputs are references to a variable."""

_APPLY = {"GradientDescent": 1, "Momentum": 2, "Adagrad": 2, "RMSProp": 3, "Adam": 3, "Ftrl": 3, "Adadelta": 3}
REFERENCE_INPUTS = {
    **dict.fromkeys(_ASSIGN, 1),
    **{f"Apply{name}": count for name, count in _APPLY.items()},
    **dict.fromkeys(("RefIdentity", "RefSwitch", "RefEnter", "CountUpTo", "IsVariableInitialized"), 1),
}
"""How many of the first inputs of an operation are references."""

EXEMPT = frozenset({"PartitionedCall", "StatefulPartitionedCall", "If", "StatelessIf", "While", "StatelessWhile"})
"""Operations that only hand variables on, to bodies placed by themselves."""

_DATASET = re.compile(r"Dataset(V\d+)?$")


def tying_edges(graph: Graph) -> Iterator[tuple[int, int]]:
    """Return the edges (from, to) that tie two operations to one device, in the order of the graph."""
    data = graph.data
    for index in graph.order:
        if data.types[index] not in EXEMPT:
            for slot, tensor in enumerate(data.inputs[index]):
                if _ties(graph, tensor, index, slot):
                    yield data.producers[tensor], index


def plain_identities(graph: Graph, is_free: Callable[[int], bool]) -> Iterator[tuple[int, int]]:
    """Return the Identity operations that only pass one tensor on to one reader at most, each after its source.

    `is_free` tells whether no device is requested for an operation; source, Identity and reader must all be free.
    Control edges count as edges, so an Identity that waits for something is not plain. TensorFlow 2.21 keeps a plain
    one with its source: observed in recorded placements, and in every one of them.
    """
    data = graph.data
    found = [index for index, type in enumerate(data.types) if type == "Identity" and len(data.inputs[index]) == 1]
    readers: dict[int, list[int]] = {index: [] for index in found if not data.control_inputs[index]}
    for reader in range(len(graph)) if readers else ():
        before = [*(data.producers[tensor] for tensor in data.inputs[reader]), *data.control_inputs[reader]]
        for source in before:
            if source in readers:
                readers[source].append(reader)
    for index, after in readers.items():
        source = data.producers[data.inputs[index][0]]
        if len(after) < 2 and all(map(is_free, (source, index, *after))):
            yield source, index


def makes_reference(graph: Graph, index: int) -> bool:
    """Tell whether an operation's outputs are references."""
    return graph.data.types[index] in REFERENCE_OUTPUTS


def is_variable_source(graph: Graph, index: int) -> bool:
    """Tell whether an operation makes a variable out of nothing: no inputs, one output, a resource or reference."""
    data = graph.data
    if data.inputs[index] or data.first_tensor[index + 1] - data.first_tensor[index] != 1:
        return False
    return makes_reference(graph, index) or data.specs[data.first_tensor[index]].dtype == "resource"


def _ties(graph: Graph, tensor: int, reader: int, slot: int) -> bool:
    data = graph.data
    dtype = data.specs[tensor].dtype
    if dtype == "variant":
        return all(_DATASET.search(data.types[end]) for end in (data.producers[tensor], reader))
    is_reference = slot < REFERENCE_INPUTS.get(data.types[reader], 0) and makes_reference(graph, data.producers[tensor])
    return dtype == "resource" or is_reference
