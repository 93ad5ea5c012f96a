"""What simgpu is held against on one device: the same array module and the same kernels, without simgpu around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from threading import local
from typing import Any

import numpy as np

from benchmarks.measuring import resident_bytes
from simgpu.graph import Graph, Operation
from simgpu.kernels import array_dtype, rule
from simgpu.storage import Storage, storage_named


class Counter:
    """How often CuPy's pools have nothing left and call `cudaMalloc`, in the threads that have entered.

    `sizes_bytes` is None where that cannot be told.
    """

    def __init__(self, peer: Peer) -> None:
        self.sizes_bytes: list[int] | None = [] if peer.storage == "cupy" else None
        self._threads = local()

    def enter_thread(self) -> None:
        """Count in this thread, too. Hooks of CuPy's are for each thread."""
        if self.sizes_bytes is not None and not hasattr(self._threads, "hook"):
            self._threads.hook = _hook(self.sizes_bytes)
            self._threads.hook.__enter__()

    def leave_thread(self) -> None:
        """Count no more in this thread."""
        if hasattr(self._threads, "hook"):
            self._threads.hook.__exit__()
            del self._threads.hook

    @contextmanager
    def here(self) -> Iterator[None]:
        """Count in this thread while the context lasts."""
        self.enter_thread()
        try:
            yield
        finally:
            self.leave_thread()

    def storage(self, name: str) -> Storage:
        """Return storage whose own threads are counted: those in which an engine computes."""
        storage: Any = storage_named(name)
        enter = storage.enter_thread

        def enter_and_count() -> None:
            enter()
            self.enter_thread()

        storage.enter_thread = enter_and_count
        return storage  # type: ignore[no-any-return]


def _hook(sizes_bytes: list[int]) -> Any:
    from cupy.cuda.memory_hook import MemoryHook

    class Hook(MemoryHook):  # type: ignore[misc]
        name = "count"

        def alloc_preprocess(self, *, mem_size: int, **_: object) -> None:
            sizes_bytes.append(mem_size)

    return Hook()


@dataclass(frozen=True, slots=True)
class Peer:
    """An array module, and what its device needs: waiting for it, and the bytes of it that are taken."""

    storage: str
    device: str
    module: Any
    finish: Callable[[], object]
    held_bytes: Callable[[], int]
    versions: Mapping[str, str] = field(default_factory=dict)

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
    versions = {
        "cupy": cupy.__version__,
        "cuda": str(cupy.cuda.runtime.runtimeGetVersion()),
        "driver": str(cupy.cuda.runtime.driverGetVersion()),
    }
    return Peer("cupy", name, cupy, cupy.cuda.runtime.deviceSynchronize, _taken_bytes, versions)


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
    kept: dict[int, Any] = {}
    for operation in graph:
        if operation.type == "Variable":
            (kept[operation.outputs[0]],) = _computed(peer, operation, ())
    steps = _steps(graph)

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


def _computed(peer: Peer, operation: Operation, inputs: Any) -> list[Any]:
    made = [peer.module.empty(spec.shape, array_dtype(spec.dtype)) for spec in operation.output_specs]
    rule(operation.type).compute(peer.module, inputs, made, operation.attributes)
    return made


def _steps(graph: Graph) -> list[Step]:
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
