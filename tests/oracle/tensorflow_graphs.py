"""Run recorded graphs of TensorFlow's placer: a case is a graph as a list of nodes, and the device of each.

On the machine that recorded them, only kernels for any device (DEFAULT) served the GPUs, which a plug-in provided:
float32 AddV2, Exp, MatMul, Cast went to the CPU, and constants, variables and int32 AddV2 to the GPU. Therefore the
cases run on the kernel set `tensorflow-plugin`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simgpu.errors import DeviceNameError, PlacementError
from simgpu.graph import ITEM_BYTES, Graph, GraphBuilder, TensorSpec
from simgpu.kernels.tensorflow_table import Argument, tensorflow_table
from simgpu.machine import Machine
from simgpu.placement import Placement, place

KERNELS = "tensorflow-plugin"
SHAPE = (2, 2)
DTYPES_OF_ARGUMENTS = {"resource": "resource", "output_handle": "variant", "z": "bool", "value_index": "int32"}
"""Dtypes of outputs that no attribute gives. Others are taken for float32: they do not matter here."""


def run_case(case: Mapping[str, Any]) -> tuple[str, str]:
    """Return `passed` or `failed`, and the reason where it did not pass."""
    expected = case["expect"]
    try:
        placement = place_case(case["input"])
    except (PlacementError, DeviceNameError) as error:
        return ("passed", "") if "exception" in expected else ("failed", f"refused: {error}")
    if "exception" in expected:
        return "failed", f"was placed, but TensorFlow refused it: {expected.get('message', '')[:160]}"
    assigned: Mapping[str, str] = expected["assigned"]
    wrong = [
        f"{name}: expected {device}, got {placement.device_of(name)} ({placement.why(name)})"
        for name, device in assigned.items()
        if placement.device_of(name) != device
    ]
    return ("failed", f"{len(wrong)} of {len(assigned)} wrong; {wrong[0]}") if wrong else ("passed", "")


def place_case(given: Mapping[str, Any]) -> Placement:
    """Place the graph of a case on its machine: one host with a number of GPUs."""
    return place(build_graph(given["nodes"]), machine_with(given["gpus"]), kernels=KERNELS, soft=given["soft"])


def machine_with(gpus: int) -> Machine:
    """Return one host with this many GPUs, all alike."""
    return Machine(f"{gpus} x 2GiB" if gpus else "cpu")


def build_graph(nodes: Sequence[Mapping[str, Any]]) -> Graph:
    """Return the graph of a list of nodes. Inputs are `name`, `name:slot` or `^name`, for a control edge."""
    used = _used_slots(nodes)
    builder = GraphBuilder()
    for node in nodes:
        inputs = node.get("inputs", ())
        builder.add(
            node["op"],
            [text for text in inputs if not text.startswith("^")],
            outputs=_outputs(node, used.get(node["name"], 0)),
            name=node["name"],
            attributes=node.get("attrs", {}),
            device=node.get("device") or "",
            colocate_with=[text.removeprefix("loc:@") for text in node.get("colocate") or ()],
            control_inputs=[text[1:] for text in inputs if text.startswith("^")],
        )
    return builder.build()


def _used_slots(nodes: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many outputs of each node the others use: the only trace of the length of a list of outputs."""
    used: dict[str, int] = {}
    for text in (text for node in nodes for text in node.get("inputs", ()) if not text.startswith("^")):
        name, _, slot = text.partition(":")
        used[name] = max(used.get(name, 0), int(slot or 0) + 1)
    return used


def _outputs(node: Mapping[str, Any], used: int) -> list[TensorSpec]:
    operation = tensorflow_table().operations.get(node["op"])
    arguments = operation.outputs if operation else ()
    dtypes: list[str] = []
    for argument in arguments:
        length = max(used - len(arguments) + 1, 1) if argument.is_list else 1
        dtypes += [_dtype(argument, node.get("attrs", {}))] * length
    dtypes += ["float32"] * (used - len(dtypes))
    return [TensorSpec(SHAPE, dtype) for dtype in dtypes]


def _dtype(argument: Argument, attributes: Mapping[str, Any]) -> str:
    if argument.attribute is None:
        return DTYPES_OF_ARGUMENTS.get(argument.name, "float32")
    dtype = attributes.get(argument.attribute) or tensorflow_table().defaults.get(argument.attribute, "float32")
    return dtype if isinstance(dtype, str) and dtype in ITEM_BYTES else "float32"
