"""Cut a graph into contiguous parts of about equal cost, one for each logical GPU."""

from __future__ import annotations

from dataclasses import replace

from simgpu.costs import Roofline
from simgpu.graph import Graph
from simgpu.machine import Machine

SOURCES = ("Input", "Variable")


def split_by_cost(graph: Graph, machine: Machine, parts: int) -> Graph:
    """Return the graph with a request for `GPU:0` to `GPU:<parts - 1>` on each operation.

    Operations are cut in topological order. Each goes to the part in which the middle of its cost lies, if the sum of
    all roofline costs is cut into equal parts. Inputs and variables follow the first operation that reads them.
    """
    part_of = _parts_of_operations(graph, machine, parts)
    for index in [index for index in graph.order if index in part_of]:
        for tensor in graph.operation(index).inputs:
            part_of.setdefault(graph.producer(tensor), part_of[index])
    requests = [f"/device:GPU:{part_of.get(index, 0)}" for index in range(len(graph))]
    return Graph(replace(graph.data, devices=requests))


def _parts_of_operations(graph: Graph, machine: Machine, parts: int) -> dict[int, int]:
    roofline, gpu = Roofline(machine), machine.device("GPU:0")
    computed = [graph.operation(index) for index in graph.order if graph.operation(index).type not in SOURCES]
    costs_ps = [max(1, roofline.cost(operation, gpu).serial_ps) for operation in computed]
    total_ps, before_ps, part_of = sum(costs_ps), 0, {}
    for operation, cost_ps in zip(computed, costs_ps, strict=True):
        part_of[operation.index] = (2 * before_ps + cost_ps) * parts // (2 * total_ps)
        before_ps += cost_ps
    return part_of
