"""Placements: a graph on a machine, by TensorFlow's rules."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import reject

from simgpu.errors import PlacementError
from simgpu.graph import Graph
from simgpu.machine import Machine
from simgpu.placement import Placement, place
from simgpu.testing.strategies.graphs import graphs as any_graphs
from simgpu.testing.strategies.machines import machines as any_machines

KERNELS = ("float-only", "tensorflow", "all")


@st.composite
def placements(
    draw: st.DrawFn,
    *,
    graphs: st.SearchStrategy[Graph] | None = None,
    machines: st.SearchStrategy[Machine] | None = None,
    kernels: st.SearchStrategy[str] | None = None,
    soft: bool = True,
) -> Placement:
    """Graphs placed on machines; by default, some operations ask for devices that the machine has.

    What the placer refuses is passed over; with `soft`, that is rare.
    """
    machine = draw(any_machines() if machines is None else machines)
    requests = ["", "", *(device.name for device in machine.devices)]
    graph = draw(any_graphs(requests=requests) if graphs is None else graphs)
    kernel_set = draw(st.sampled_from(KERNELS) if kernels is None else kernels)
    try:
        return place(graph, machine, kernels=kernel_set, soft=soft)
    except PlacementError:
        reject()
