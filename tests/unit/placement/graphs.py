"""Small graphs for tests of placement: one line for an operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simgpu.graph import Graph, GraphBuilder, TensorSpec
from simgpu.machine import Machine

SPECS = {
    "f": TensorSpec((2, 2), "float32"),
    "i": TensorSpec((2, 2), "int32"),
    "r": TensorSpec((), "resource"),
    "v": TensorSpec((), "variant"),
}
TWO_GPUS = Machine("2 x t4")
TWO_HOSTS = Machine({"hosts": [{"gpus": "t4"}, {"gpus": "2 x t4"}]})


def graph_of(
    *lines: str, devices: Mapping[str, str] | None = None, colocate: Mapping[str, Sequence[str]] | None = None
) -> Graph:
    """Return the graph of lines such as `y = Exp x ^go : f`: name, type, inputs, and outputs by letters of SPECS."""
    builder = GraphBuilder()
    for line in lines:
        definition, _, outputs = line.partition(":")
        name, _, call = definition.partition("=")
        type, *inputs = call.split()
        builder.add(
            type,
            [text for text in inputs if not text.startswith("^")],
            name=name.strip(),
            outputs=[SPECS[letter] for letter in outputs.strip()],
            device=(devices or {}).get(name.strip(), ""),
            colocate_with=(colocate or {}).get(name.strip(), ()),
            control_inputs=[text[1:] for text in inputs if text.startswith("^")],
        )
    return builder.build()
