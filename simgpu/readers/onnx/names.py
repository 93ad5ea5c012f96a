"""Names of operations: those of the nodes, as far as they are there and tell the nodes apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from simgpu.readers.onnx.model import Node


def operation_names(nodes: Sequence[Node], taken: Iterable[str]) -> Iterator[str]:
    """Yield a name for each node: its own if nothing else has it, else that of what it makes, numbered if need be."""
    used = set(taken)
    counts = Counter(node.name for node in nodes)
    own = {node.name for node in nodes if node.name and counts[node.name] == 1 and node.name not in used}
    used |= own
    for node in nodes:
        if node.name in own:
            yield node.name
            continue
        base = name = next((made for made in node.outputs if made), node.type)
        number = 0
        while name in used:
            number += 1
            name = f"{base}_{number}"
        used.add(name)
        yield name
