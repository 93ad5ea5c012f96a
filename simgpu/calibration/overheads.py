"""Measuring what `execute` takes of the host for each task: by chains of small operations, and of small transfers.

What a chain takes beyond its operations themselves is the overhead. The operations are of several types, with weights
and several readers, as those of a network: around one trivial operation again and again, everything that the host needs
lies in its caches, and it takes a third less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

Chain = Callable[[int, tuple[str, ...]], Graph]
"""Makes a chain of so many links on some devices."""

_REPETITIONS = 9
_IMAGE = (1, 16, 14, 14)
"""Small enough for a GPU to be done before the host has launched what comes next."""
_WEIGHTS = {
    "point": (16, 16, 1, 1),
    "window": (16, 16, 3, 3),
    "both": (16, 32, 1, 1),
    **dict.fromkeys(("scale", "bias", "mean", "variance"), (16,)),
}
_OVER_THREE = {"kernel_shape": (3, 3), "strides": (1, 1), "pads": (1, 1, 1, 1)}
_BLOCK: Sequence[tuple[str, str, Sequence[str], dict[str, Any]]] = (
    ("mixed", "Conv", ("image", "point"), {}),
    ("normal", "BatchNormalization", ("mixed", "scale", "bias", "mean", "variance"), {}),
    ("cut", "Relu", ("normal",), {}),
    ("seen", "Conv", ("cut", "window"), {"pads": (1, 1, 1, 1)}),
    ("added", "Add", ("seen", "image"), {}),
    ("largest", "MaxPool", ("added",), _OVER_THREE),
    ("joined", "Concat", ("largest", "seen"), {"axis": 1}),
    ("halved", "Conv", ("joined", "both"), {}),
    ("smooth", "AveragePool", ("halved",), _OVER_THREE),
    ("image", "Relu", ("smooth",), {}),
)
"""Results, types, inputs and attributes of operations that make an image of an image."""


def overheads(storage: Storage, bench: Bench, lengths: tuple[int, int], copy_ps: int) -> Overheads:
    """Return the time that each task of a longer chain adds, less what the task itself takes of the host.

    Where operations are launched, that is what a bench measures, and `copy_ps` for a copy between siblings; elsewhere
    it is what they take in the chain. The lengths are about those of the chains, in operations.
    """
    blocks = (max(1, lengths[0] // len(_BLOCK)), max(2, lengths[1] // len(_BLOCK)))
    chains = _Chains(storage)
    block_ps = chains.added_ps(_network, blocks, ("GPU:0",), np.ones(_IMAGE, np.float32))
    here_ps = chains.added_ps(_chain, lengths, ("GPU:0",), np.ones(1, np.float32))
    away_ps = chains.added_ps(_chain, lengths, ("GPU:0", "GPU:1"), np.ones(1, np.float32))
    if storage.is_asynchronous:
        block_ps -= sum(bench.sample(case).host_ps for case in _cases())
        away_ps -= copy_ps
    return Overheads(max(0, block_ps) // len(_BLOCK), max(0, away_ps - here_ps))


def _cases() -> list[Case]:
    """Return the operations of a block."""
    known = {name: TensorSpec(shape, "float32") for name, shape in {"image": _IMAGE, **_WEIGHTS}.items()}
    cases = []
    for result, type, inputs, attributes in _BLOCK:
        cases.append(Case(type, tuple(known[name] for name in inputs), attributes))
        (known[result],) = cases[-1].outputs
    return cases


class _Chains:
    """Chains that are executed on two slices of a card."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._machine = Machine("1 x 32MiB").split({"GPU:0": ["8MiB", "8MiB"], "CPU:0": ["4MiB"]})

    def added_ps(self, chain: Chain, lengths: tuple[int, int], devices: tuple[str, ...], fed: Any) -> int:
        """Return the time that each link of a chain adds, from two lengths: what both have in common does not count."""
        short, long = (place(chain(length, devices), self._machine) for length in lengths)
        self._taken_ps(short, fed)
        added = median_low([self._taken_ps(long, fed) - self._taken_ps(short, fed) for _ in range(_REPETITIONS)])
        return max(0, added) // max(1, lengths[1] - lengths[0])

    def _taken_ps(self, placement: Placement, fed: Any) -> int:
        """Return the time of a run, less that of what is done, and not only launched, while the host waits for it."""
        trace = execute(placement, {"x": fed}, storage=self._storage)[1]
        if self._storage.is_asynchronous:
            return trace.makespan_ps
        return trace.makespan_ps - sum(span.end_ps - span.start_ps for span in trace.spans)


def _chain(length: int, devices: tuple[str, ...]) -> Graph:
    """Return a chain of operations on one element, on one device after the other."""
    builder = GraphBuilder()
    (value,) = add_operation(builder, "Input", name="x", device="GPU:0", spec=TensorSpec((1,), "float32"))
    for number in range(length):
        (value,) = add_operation(builder, "Relu", [value], name=f"r{number}", device=devices[number % len(devices)])
    builder.fetch(value)
    return builder.build()


def _network(length: int, devices: tuple[str, ...]) -> Graph:
    """Return a chain of blocks of operations, on the first device."""
    builder, device = GraphBuilder(), devices[0]

    def added(type: str, inputs: Sequence[Tensor], name: str, **attributes: Any) -> Tensor:
        (made,) = add_operation(builder, type, inputs, name=name, device=device, **attributes)
        return made

    known = {"image": added("Input", (), "x", spec=TensorSpec(_IMAGE, "float32"))}
    for name, shape in _WEIGHTS.items():
        known[name] = added("Variable", (), name, spec=TensorSpec(shape, "float32"), initializer=Constant(1.0))
    for number in range(length):
        for result, type, inputs, attributes in _BLOCK:
            known[result] = added(type, [known[name] for name in inputs], f"{result}{number}", **attributes)
    builder.fetch(known["image"])
    return builder.build()
