"""What simgpu is held against on one device: the same array module and the same kernels, without simgpu around them.

Plain is this: arrays that the module makes, in CuPy's default memory pool and on its default stream; and functions of
the module, called one after the other. Of simgpu there are only the functions in `simgpu.kernels`, which are array
code and know neither devices nor memory. No runtime, ledger, storage, guard or engine runs; while plain is timed, no
device of simgpu's is open, so CuPy allocates as it does without simgpu.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.measuring import resident_bytes
from simgpu.errors import SimgpuError
from simgpu.graph import Graph, Operation
from simgpu.kernels import array_dtype, rule
from simgpu.storage import cupy_storage


@dataclass(frozen=True, slots=True)
class Peer:
    """An array module, and what its device needs: waiting for it, and the bytes of it that are taken.

    `driver` is that of simgpu's storage on the same card; None where there is none.
    """

    storage: str
    device: str
    module: Any
    finish: Callable[[], object]
    held_bytes: Callable[[], int]
    versions: Mapping[str, str] = field(default_factory=dict)
    driver: Any = None

    def to_host(self, array: Any) -> Any:
        """Return an array as NumPy's, once it is there."""
        return array.copy() if isinstance(array, np.ndarray) else self.module.asnumpy(array)


def peer_of(storage: str) -> Peer | str:
    """Return the module behind a storage; or, in words, why it cannot be used."""
    if storage == "numpy":
        return Peer("numpy", "this computer", np, lambda: None, lambda: resident_bytes("VmRSS"))
    if find_spec("cupy") is None:
        return "CuPy is not installed: pip install 'simgpu[gpu]'"
    import cupy

    try:
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"there is no GPU that CuPy can use ({error})"
    try:
        on_card: Any = cupy_storage()
    except SimgpuError as error:
        return str(error)
    versions = {
        "cupy": cupy.__version__,
        "cuda": str(cupy.cuda.runtime.runtimeGetVersion()),
        "driver": str(cupy.cuda.runtime.driverGetVersion()),
    }
    return Peer("cupy", name, cupy, cupy.cuda.runtime.deviceSynchronize, _taken_bytes, versions, on_card.driver)


def _taken_bytes() -> int:
    import cupy

    free, total = cupy.cuda.runtime.memGetInfo()
    return int(total - free)


@dataclass(frozen=True, slots=True)
class Step:
    """An operation, and the tensors that nobody reads after it."""

    operation: Operation
    dead: tuple[int, ...]


def plain_loop(peer: Peer, graph: Graph, feeds: Mapping[str, Any]) -> Callable[[], list[Any]]:
    """Return what runs the kernels of a graph in order: feeds in, fetched values out. Its variables are there already.

    Each output is a new array of the module, which lets it go after its last reader, as the engine does.
    """
    kept, steps = variables_of(peer, graph), steps_of(graph)

    def run() -> list[Any]:
        values = dict(kept)
        for step in steps:
            operation = step.operation
            if operation.type == "Input":
                made = [peer.module.asarray(feeds[operation.name])]
            else:
                made = _computed(peer, operation, [values[tensor] for tensor in operation.inputs])
            values.update(zip(operation.outputs, made, strict=True))
            for tensor in step.dead:
                del values[tensor]
        return [peer.to_host(values[tensor]) for tensor in graph.fetches]

    return run


def variables_of(peer: Peer, graph: Graph) -> dict[int, Any]:
    """Return the values of all variables of a graph, as arrays of the module."""
    kept: dict[int, Any] = {}
    for operation in graph:
        if operation.type == "Variable":
            (kept[operation.outputs[0]],) = _computed(peer, operation, ())
    return kept


def _computed(peer: Peer, operation: Operation, inputs: Any) -> list[Any]:
    made = [peer.module.empty(spec.shape, array_dtype(spec.dtype)) for spec in operation.output_specs]
    rule(operation.type).compute(peer.module, inputs, made, operation.attributes)
    return made


def steps_of(graph: Graph) -> list[Step]:
    """Return the operations of a graph in order, without its variables."""
    order = [graph.operation(index) for index in graph.order if graph.operation(index).type != "Variable"]
    last: dict[int, int] = {}
    for place, operation in enumerate(order):
        last.update(dict.fromkeys(operation.outputs, place))
        last.update(dict.fromkeys(operation.inputs, place))
    dead: dict[int, list[int]] = {}
    for tensor, place in last.items():
        if tensor not in graph.fetches:
            dead.setdefault(place, []).append(tensor)
    return [Step(operation, tuple(dead.get(place, ()))) for place, operation in enumerate(order)]
