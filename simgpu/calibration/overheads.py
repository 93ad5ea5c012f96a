"""Measuring what `execute` takes of the host for each task: by chains of trivial operations, and of small transfers."""

from __future__ import annotations

from statistics import median_low

import numpy as np

from simgpu.costs.measured_records import Overheads
from simgpu.execution import execute
from simgpu.graph import Graph, GraphBuilder, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.storage import Storage

_REPETITIONS = 9


def overheads(storage: Storage, lengths: tuple[int, int], compute_ps: int, copy_ps: int) -> Overheads:
    """Return the time that each task of a longer chain adds, less what the task itself takes of the host.

    `compute_ps` is that of a Relu of one element, `copy_ps` that of a copy of four bytes between siblings.
    """
    for_computing = _added_ps(storage, lengths, ("GPU:0",))
    for_both = _added_ps(storage, lengths, ("GPU:0", "GPU:1"))
    return Overheads(max(0, for_computing - compute_ps), max(0, for_both - for_computing - copy_ps))


def _added_ps(storage: Storage, lengths: tuple[int, int], devices: tuple[str, ...]) -> int:
    """Return the time that each link of a chain adds, from two lengths: what is the same for both does not count."""
    machine = Machine("1 x 16MiB").split({"GPU:0": ["4MiB", "4MiB"], "CPU:0": ["4MiB"]})
    short, long = (place(_chain(length, devices), machine) for length in lengths)
    feeds = {"x": np.ones(1, np.float32)}
    execute(short, feeds, storage=storage)
    spans = [
        median_low([execute(chain, feeds, storage=storage)[1].makespan_ps for _ in range(_REPETITIONS)])
        for chain in (short, long)
    ]
    return max(0, spans[1] - spans[0]) // max(1, lengths[1] - lengths[0])


def _chain(length: int, devices: tuple[str, ...]) -> Graph:
    """Return a chain of operations on one element, on one device after the other."""
    builder = GraphBuilder()
    (value,) = add_operation(builder, "Input", name="x", device="GPU:0", spec=TensorSpec((1,), "float32"))
    for number in range(length):
        (value,) = add_operation(builder, "Relu", [value], name=f"r{number}", device=devices[number % len(devices)])
    builder.fetch(value)
    return builder.build()
