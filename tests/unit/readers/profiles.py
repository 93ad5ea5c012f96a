"""Profiles, the files that hold them, and machines without overheads, that the tests of profiles share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from simgpu.graph import Graph
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.readers import Layer, Profile
from simgpu.simulation import simulate
from simgpu.trace import Trace
from simgpu.units import PS_PER_MS

MS = PS_PER_MS
FASTEST = 2**63 - 1

TEXT = """\
node1 -- Input -- forward_compute_time=9.5, backward_compute_time=0.000, activation_size=64.0, parameter_size=0.000
node2 -- Conv2d(3, 64, kernel_size=(3, 3)) -- forward_compute_time=1.500, backward_compute_time=3.250, \
activation_size=128.000, parameter_size=16.000
node10 -- Add -- forward_compute_time=0.001, backward_compute_time=0.000, activation_size=6.0, parameter_size=0.000
node3 -- LSTM(2, 2) -- forward_compute_time=2, backward_compute_time=4, activation_size=[256.0; 32.0], \
parameter_size=8.0
node4 -- __getitem__(1) -- forward_compute_time=0.0, backward_compute_time=0.0, activation_size=32.0, parameter_size=0.0
\tnode1 -- node2
\tnode2 -- node3
\tnode3 -- node4
\tnode4 -- node10
\tnode2 -- node10"""


def chain(times_ms: Sequence[tuple[int, int]], *, activation_bytes: int = 0) -> Profile:
    """Return layers one after the other, with these times forward and backward."""
    layers = [
        Layer(
            f"node{number}",
            "Linear",
            (f"node{number - 1}",) if number else (),
            forward_ps=forward * MS,
            backward_ps=backward * MS,
            activations_bytes=(activation_bytes,),
        )
        for number, (forward, backward) in enumerate(times_ms)
    ]
    return Profile(tuple(layers))


def without_bytes(profile: Profile) -> Profile:
    """Return a profile whose transfers take no time at all."""
    return Profile(tuple(replace(layer, activations_bytes=(0,) * len(layer.activations_bytes)) for layer in profile))


def free_machine(gpus: int) -> Machine:
    """Return GPUs that are launched in no time and have all the memory there is, on links of 9e18 B/s each flow."""
    links = {"host": {"bandwidth": FASTEST, "latency": 0, "duplex": "fatpipe"}}
    inventory = Machine({"gpus": f"{gpus} x {2**45}B", "links": links}).inventory
    devices = [replace(it, model=replace(it.model, launch_overhead_ps=0)) for it in inventory.physical_devices]
    return Machine.from_inventory(replace(inventory, physical_devices=tuple(devices)))


def predicted(graph: Graph, gpus: int) -> Trace:
    return simulate(place(graph, free_machine(gpus), soft=False), copy_engines=False)
