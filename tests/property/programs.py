"""Strategies for whole programs: a graph with requests, on a machine, to be placed by some rules."""

from dataclasses import dataclass

import hypothesis.strategies as st

from simgpu.graph import Graph
from simgpu.machine import Machine
from simgpu.testing.strategies import graphs, machines

MISSING = ("/gpu:7", "/cpu:9", "/device:XPU:0", "/task:7", "/job:w/gpu:0")


@dataclass(frozen=True)
class Case:
    """One program, before it is placed."""

    graph: Graph
    machine: Machine
    kernels: str
    soft: bool


@st.composite
def cases(draw):
    """A program of everything. Most requests can be met; in one program of eight some name what is not there."""
    machine = draw(machines())
    requests = ["", "", "/cpu:0", *(device.name for device in machine.devices)]
    requests += MISSING if draw(st.integers(0, 7)) == 0 else ()
    soft = draw(st.integers(0, 3)) > 0
    kernels = draw(st.sampled_from(("float-only", "tensorflow", "all")))
    return Case(draw(graphs(requests=requests)), machine, kernels, soft)
