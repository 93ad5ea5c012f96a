"""Measuring what `execute` takes of the host for each task: by chains of small operations, without transfers and with.

What a chain takes beyond its operations themselves is the overhead. The operations are of several types, with weights
and several readers, as those of a network: around one trivial operation again and again, everything that the host needs
lies in its caches, and it takes a third less.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low
from typing import Any

import numpy as np

from simgpu.calibration.bench import Bench
from simgpu.calibration.case import Case
from simgpu.costs.measured_records import Overheads
from simgpu.execution import execute
from simgpu.graph import Constant, Graph, GraphBuilder, Tensor, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.placement import Placement, place
from simgpu.storage import Storage

_REPETITIONS = 9
_ONE, _TWO = ("GPU:0",), ("GPU:0", "GPU:1")
_IMAGE = (1, 16, 14, 14)
"""Small enough for a GPU to be done before the host has launched what comes next."""
_WEIGHTS = {
    "point": (16, 16, 1, 1),
    "window": (16, 16, 3, 3),
    "both": (16, 32, 1, 1),
    **dict.fromkeys(("scale", "bias", "mean", "variance"), (16,)),
}
_OVER_THREE = {"kernel_shape": (3, 3), "strides": (1, 1), "pads": (1, 1, 1, 1)}
_LAST = "last"
_BLOCK: Sequence[tuple[str, Sequence[str], dict[str, Any]]] = (
    ("Conv", (_LAST, "point"), {}),
    ("BatchNormalization", (_LAST, "scale", "bias", "mean", "variance"), {}),
    ("Relu", (_LAST,), {}),
    ("Conv", (_LAST, "window"), {"pads": (1, 1, 1, 1)}),
    ("Add", (_LAST, _LAST), {}),
    ("MaxPool", (_LAST,), _OVER_THREE),
    ("Concat", (_LAST, _LAST), {"axis": 1}),
    ("Conv", (_LAST, "both"), {}),
    ("AveragePool", (_LAST,), _OVER_THREE),
    ("Sigmoid", (_LAST,), {}),
)
"""Types, inputs and attributes of operations that make an image of an image, one after the other.

They are even in number: with two devices in turn, each weight is needed on one of them alone.
"""


def overheads(storage: Storage, bench: Bench, lengths: tuple[int, int], copy_ps: int) -> Overheads:
    """Return the time that each task of a longer chain adds, less what the task itself takes of the host.

    Where operations are launched, that is what a bench measures, and `copy_ps` for a copy between siblings; elsewhere
    it is what they take in the chain. The lengths are about those of the chains, in operations.
    """
    blocks = (max(1, lengths[0] // len(_BLOCK)), max(2, lengths[1] // len(_BLOCK)))
    here_ps, away_ps = (_added_ps(storage, blocks, devices) // len(_BLOCK) for devices in (_ONE, _TWO))
    if not storage.is_asynchronous:
        return Overheads(here_ps, max(0, away_ps - here_ps))
    launch_ps = sum(bench.sample(case).host_ps for case in _cases()) // len(_BLOCK)
    return Overheads(max(0, here_ps - launch_ps), max(0, away_ps - here_ps - copy_ps))


def _cases() -> list[Case]:
    """Return the operations of a block."""
    known = {name: TensorSpec(shape, "float32") for name, shape in {_LAST: _IMAGE, **_WEIGHTS}.items()}
    cases = []
    for type, inputs, attributes in _BLOCK:
        cases.append(Case(type, tuple(known[name] for name in inputs), attributes))
        (known[_LAST],) = cases[-1].outputs
    return cases


def _added_ps(storage: Storage, lengths: tuple[int, int], devices: Sequence[str]) -> int:
    """Return the time that each block of a chain adds, from two lengths: what both have in common does not count."""
    machine = Machine("1 x 32MiB").split({"GPU:0": ["8MiB", "8MiB"], "CPU:0": ["4MiB"]})
    short, long = (place(_chain(length, devices), machine) for length in lengths)
    _taken_ps(storage, short)
    added = median_low([_taken_ps(storage, long) - _taken_ps(storage, short) for _ in range(_REPETITIONS)])
    return max(0, added) // (lengths[1] - lengths[0])


def _taken_ps(storage: Storage, placement: Placement) -> int:
    """Return the time of a run, less that of what is done, and not only launched, while the host waits for it."""
    trace = execute(placement, {"x": np.ones(_IMAGE, np.float32)}, storage=storage)[1]
    if storage.is_asynchronous:
        return trace.makespan_ps
    return trace.makespan_ps - sum(span.end_ps - span.start_ps for span in trace.spans)


def _chain(length: int, devices: Sequence[str]) -> Graph:
    """Return a chain of blocks, each operation on the next device."""
    builder = GraphBuilder()

    def added(type: str, number: int, name: str, inputs: Sequence[Tensor] = (), **attributes: Any) -> Tensor:
        device = devices[number % len(devices)]
        return add_operation(builder, type, inputs, name=name, device=device, **attributes)[0]

    known = {_LAST: added("Input", 0, "x", spec=TensorSpec(_IMAGE, "float32"))}
    reader = {name: number for number, (_, names, _) in enumerate(_BLOCK) for name in names}
    for name, shape in _WEIGHTS.items():
        spec, ones = TensorSpec(shape, "float32"), Constant(1.0)
        known[name] = added("Variable", reader[name], name, spec=spec, initializer=ones)
    for number, (type, names, attributes) in enumerate(length * tuple(_BLOCK)):
        known[_LAST] = added(type, number, f"{type}{number}", [known[name] for name in names], **attributes)
    builder.fetch(known[_LAST])
    return builder.build()
