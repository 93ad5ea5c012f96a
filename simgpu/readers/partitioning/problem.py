"""From a workload of the partitioning benchmark to a graph with given times, and the machine that it is for.

How costs become bytes and links: the benchmark gives the time that the output of a node takes between an accelerator
and host memory. Files have sizes beside the costs, and one speed explains most of them (`Workload.bytes_per_ms`): that
is the speed of the machine's links, and an output has as many bytes as pass in its cost, to the nearest byte, at least
one if the cost is not 0. So a transfer takes the cost again, to within one byte. Between two accelerators the benchmark
pays twice, into host memory and out of it: so does simgpu with `links="fifo"`; with `fair`, which cuts through, once.

How sizes become memory: a node's output is a tensor; what its `size` has beyond that is a variable `name/memory`, there
all the time. The benchmark counts the whole size all the time; here an output goes when it has been read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from simgpu.errors import GraphError, MachineError, ModelFileError
from simgpu.graph import Graph, GraphBuilder
from simgpu.machine import Machine
from simgpu.readers.partitioning.file import Node, Workload, read_workload
from simgpu.readers.partitioning.split import read_split
from simgpu.readers.profiled import add_memory, add_profiled, sized

_HOST = "cpu-2s-8480"  # its memory is larger than any file's; the benchmark gives host memory no limit
_LARGEST_RATE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class PartitioningProblem:
    """A graph, and the machine that its file describes: accelerators with a memory cap, CPUs, links.

    Operations are called as the nodes, or `node7` where names are missing or not unique. Launching takes no time.
    """

    graph: Graph
    machine: Machine


def read_partitioning(
    path: str | os.PathLike[str], *, split: str | os.PathLike[str] | None = None
) -> PartitioningProblem:
    """Read a workload of the DNN partitioning benchmark.

    Each operation has its duration on a CPU and on an accelerator, to the nearest picosecond; without one on the
    latter, it asks for the CPU. Nodes of one color are colocated. With a `split`, such as one of the benchmark's expert
    placements, operations ask for the devices that it says. Raises ModelFileError, with line and column.
    """
    workload = read_workload(path)
    devices = {} if split is None else read_split(split, workload)
    try:
        return PartitioningProblem(_graph(workload, devices), _machine(workload))
    except (GraphError, MachineError) as error:
        raise ModelFileError(f"{workload.name}: {error}") from error


def _graph(workload: Workload, devices: Mapping[int, str]) -> Graph:
    builder = GraphBuilder()
    firsts: dict[int, str] = {}
    for number, node in workload.nodes.items():
        first = node.name if node.color is None else firsts.setdefault(node.color, node.name)
        device = devices.get(number, "/cpu:0" if node.gpu_ps is None else "")
        _add(builder, workload, node, device, [] if first == node.name else [first])
    return builder.build()


def _add(builder: GraphBuilder, workload: Workload, node: Node, device: str, partners: list[str]) -> None:
    output_bytes = _output_bytes(node, workload)
    rest_bytes = node.size_bytes - output_bytes
    reads = [workload.nodes[number].name for number in node.inputs]
    if rest_bytes > 0:
        add_memory(builder, f"{node.name}/memory", rest_bytes, device=device, colocate_with=[node.name])
        reads.append(f"{node.name}/memory")
    durations = {"CPU": node.cpu_ps} if node.gpu_ps is None else {"CPU": node.cpu_ps, "GPU": node.gpu_ps}
    add_profiled(
        builder,
        node.name,
        reads,
        [] if node.cost_ms is None else [sized(output_bytes)],
        attributes={"duration_ps": durations, "memory_bytes": node.size_bytes, "is_backward": node.is_backward},
        device=device,
        colocate_with=partners,
    )


def _output_bytes(node: Node, workload: Workload) -> int:
    cost_ms = node.cost_ms or 0
    return max(round(cost_ms * workload.bytes_per_ms), 1 if cost_ms else 0)


def _machine(workload: Workload) -> Machine:
    rate = min(max(round(workload.bytes_per_ms * 1000), 1), _LARGEST_RATE)
    threads = max(workload.cpus, 1)
    machine = Machine(
        {
            "gpus": [f"{workload.accelerators} x {max(workload.limit_bytes, 1)}B"] if workload.accelerators else [],
            "host": _HOST,
            "links": {"host": {"bandwidth": rate, "latency": 0}},
            "inter_op_threads": threads,
            "intra_op_threads": threads,
        }
    )
    inventory = machine.inventory
    devices = tuple(
        replace(device, model=replace(device.model, name="accelerator", launch_overhead_ps=0))
        if device.kind == "GPU"
        else device
        for device in inventory.physical_devices
    )
    return Machine.from_inventory(replace(inventory, physical_devices=devices))
