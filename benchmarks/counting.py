"""What is asked of CUDA while something runs: by simgpu's driver, which counts; and by CuPy around it, as far as seen.

What the libraries of CUDA do by themselves is in none of these counts. It shows in the memory of the card, and in
whether launches wait while the card is held: `benchmarks.small` looks at both.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import local
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

from benchmarks.measuring import Figure
from benchmarks.plain import Peer
from simgpu.storage import DriverCalls, Storage
from simgpu.storage.driver_calls import Tally

NAMES = {
    "mallocs": "cudaMalloc",
    "frees": "cudaFree",
    "pinned_mallocs": "cudaHostAlloc",
    "pinned_frees": "cudaFreeHost",
    "stream_waits": "cudaStreamSynchronize",
    "event_waits": "cudaEventSynchronize",
    "device_waits": "cudaDeviceSynchronize",
}


@dataclass(frozen=True, slots=True)
class Counted:
    """What was called: by simgpu; by all pools of CuPy, simgpu's among them; waits that Python code asked CuPy for."""

    simgpu: DriverCalls
    pools: DriverCalls
    waits: DriverCalls

    def figures(self, where: str, details: Mapping[str, Any] = MappingProxyType({})) -> Iterator[Figure]:
        """Yield a figure for each function of CUDA that simgpu called, or CuPy; details are those of its pools."""
        for field, name in NAMES.items():
            if field != "device_waits":
                yield Figure(f"{name} by simgpu {where}", getattr(self.simgpu, field), "calls")
        yield Figure(f"cudaMalloc by CuPy's pools {where}", self.pools.mallocs, "calls", details)
        for field in ("stream_waits", "device_waits"):
            yield Figure(f"{NAMES[field]} through CuPy {where}", getattr(self.waits, field), "calls")

    def unsteady(self) -> list[str]:
        """Return what a steady state has none of: memory taken or given back, and waits for the whole card."""
        found = {
            **{name: getattr(self.simgpu, field) for field, name in NAMES.items() if not field.endswith("_waits")},
            "cudaMalloc by CuPy's pools": self.pools.mallocs,
            "cudaDeviceSynchronize": self.waits.device_waits,
        }
        return [f"{count} calls of {name}" for name, count in found.items() if count]


class Counter:
    """Counts on one storage; nothing where the storage has no driver, as NumPy's."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._pools, self._waits = Tally(), Tally()
        self._threads = local()

    @property
    def can_tell(self) -> bool:
        """Tell whether there is anything to count."""
        return self._peer.driver is not None

    @contextmanager
    def counting(self, *, here: bool = True) -> Iterator[Callable[[], Counted]]:
        """Count while the context lasts; what it gives returns the counts since its beginning.

        Pools are counted in this thread if it says `here`, and in those of the storages that it was told of.
        """
        gc.collect()  # what earlier work has left would be given back in the midst of this
        before = self._now()
        with ExitStack() as stack:
            if self.can_tell:
                stack.enter_context(_watched(self._waits))
                if here:
                    stack.enter_context(self._here())
            yield lambda: self._since(before)

    def storage(self, storage: Storage) -> Storage:
        """Have the pools counted also in a storage's own threads: those in which an engine computes."""
        found: Any = storage
        enter = found.enter_thread

        def enter_and_count() -> None:
            enter()
            self._enter_thread()

        found.enter_thread = enter_and_count
        return storage

    def _now(self) -> tuple[DriverCalls, ...]:
        driver = self._peer.driver
        return (DriverCalls() if driver is None else driver.calls(), self._pools.calls(), self._waits.calls())

    def _since(self, before: tuple[DriverCalls, ...]) -> Counted:
        return Counted(*(now - then for now, then in zip(self._now(), before, strict=True)))

    @contextmanager
    def _here(self) -> Iterator[None]:
        self._enter_thread()
        try:
            yield
        finally:
            self._threads.hook.__exit__()
            del self._threads.hook

    def _enter_thread(self) -> None:
        """Count in this thread, too. Hooks of CuPy's are for each thread."""
        if self.can_tell and not hasattr(self._threads, "hook"):
            self._threads.hook = _hook(self._pools)
            self._threads.hook.__enter__()


def _hook(tally: Tally) -> Any:
    from cupy.cuda.memory_hook import MemoryHook

    class Hook(MemoryHook):  # type: ignore[misc]
        name = "count"

        def alloc_preprocess(self, **_: object) -> None:
            tally.add("mallocs")

    return Hook()


@contextmanager
def _watched(tally: Tally) -> Iterator[None]:
    """Count waits that Python code asks CuPy for. What is compiled within CuPy waits through no such name."""
    import cupy
    from cupy.cuda import stream

    class Device(cupy.cuda.Device):  # type: ignore[misc]
        def synchronize(self) -> None:
            tally.add("device_waits")
            super().synchronize()

    with (
        patch.object(cupy.cuda, "Device", Device),
        _counting_calls(cupy.cuda.runtime, "deviceSynchronize", tally, "device_waits"),
        _counting_calls(stream._BaseStream, "synchronize", tally, "stream_waits"),
    ):
        yield


def _counting_calls(owner: Any, name: str, tally: Tally, counted: str) -> Any:
    """Return a context in which calls of a function are counted."""
    function = getattr(owner, name)

    def call(*arguments: Any) -> Any:
        tally.add(counted)
        return function(*arguments)

    return patch.object(owner, name, call)
