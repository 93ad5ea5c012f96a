"""Placement policies by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simgpu.errors import PlacementError, check_type
from simgpu.graph import Graph
from simgpu.kernels import kernel_set
from simgpu.machine import Machine, parse_machine
from simgpu.placement.placement import Placement, Policy, Problem
from simgpu.placement.requests import Rule, requests_of
from simgpu.placement.tensorflow import place_as_tensorflow

POLICIES: Mapping[str, Policy] = {"tensorflow": place_as_tensorflow}


def place(
    graph: Graph,
    machine: Machine | str,
    *,
    policy: str = "tensorflow",
    kernels: str = "float-only",
    soft: bool = True,
    rules: Sequence[Rule | Mapping[str, str]] = (),
) -> Placement:
    """Give every operation of a graph a logical device of a machine, which may be given by its one-line form.

    `kernels` names the kernel set that says what can run where. With `soft`, a requested type or index that cannot be
    had gives way to the best device there is; a job or task never does. A rule asks for a device for all operations
    whose name matches: `{"match": "conv4*", "device": "/gpu:1"}`; the last one that matches counts.

    Raises PlacementError, in words, for what cannot be met, and InvalidValue for a kernel set that there is not.
    """
    check_type(graph, Graph, "graph", "a Graph; give what `read_onnx` or `GraphBuilder.build` returns")
    check_type(soft, bool, "soft", "a bool; give True or False")
    if not isinstance(policy, str) or policy not in POLICIES:
        raise PlacementError(f"there is no placement policy {policy!r}; choose {', '.join(POLICIES)}")
    problem = Problem(graph, parse_machine(machine), kernel_set(kernels), requests_of(graph, rules), soft)
    return POLICIES[policy](problem)
