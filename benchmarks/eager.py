"""What one small operation costs: 1,000 float32 added, on arrays that live on logical devices, and elsewhere.

Minima of many runs, since everything else on the machine can only make them larger.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.measuring import Figure
from simgpu.arrays import Runtime
from simgpu.memory import MemoryPool

SIZE = 1_000
OTHERS = {
    "array-api-strict": ("array_api_strict", lambda module: module.ones(SIZE, dtype=module.float32)),
    "torch": ("torch", lambda module: module.ones(SIZE, dtype=module.float32)),
    "JAX": ("jax.numpy", lambda module: module.ones(SIZE, dtype=module.float32)),
}
"""Name -> module, and how it makes the operands. Measured where they are installed."""


def one_operation() -> Iterator[Figure]:
    """Measure an addition on both storages, beside others, and what each part of it costs."""
    plain = np.ones(SIZE, np.float32)
    yield _figure("add in NumPy", lambda: plain + plain)
    for name, (module, make) in OTHERS.items():
        if find_spec(module.partition(".")[0]):
            x = make(import_module(module))
            yield _figure(f"add in {name}", lambda x=x: x + x)  # type: ignore[misc]
    for storage in ("numpy", "shape"):
        with Runtime("1 x 1GiB", storage=storage) as runtime:
            xp = runtime.xp()
            yield from _on_device(xp.ones(SIZE, dtype=xp.float32), storage)
    yield from _parts()


def _on_device(x: Any, storage: str) -> Iterator[Figure]:
    xp = x.__array_namespace__()
    cases: dict[str, Callable[[], object]] = {
        "add two arrays": lambda: x + x,
        "add a scalar": lambda: x + 1.0,
        "take a slice, a view": lambda: x[10:20],
        "sum": lambda: xp.sum(x),
        "copy to the CPU": lambda: x.to_device("cpu"),
    }
    for what, case in cases.items():
        yield _figure(f"{what}, {storage} storage", case)


def _parts() -> Iterator[Figure]:
    """Measure what an addition on NumPy storage is made of."""
    left, right, result = (np.ones(SIZE, np.float32) for _ in range(3))
    pool = MemoryPool("GPU:0", 2**30)
    block = pool.allocate(4 * SIZE, owner="add")
    with Runtime("1 x 1GiB") as runtime:
        memory, quiet = runtime.memories[1], runtime.storage.quiet
        yield _figure("part: NumPy, into memory that is there", lambda: np.add(left, right, result))
        yield _figure("part: that, in a context without warnings", lambda: quiet.run(np.add, left, right, result))
        yield _figure("part: the ledger, return and grant in one", lambda: pool.exchange(block, owner="add"))
        yield _figure("part: that, with lock and buffer", lambda: memory.allocate(4 * SIZE, "add"))
        yield _figure("the ledger in two steps", lambda: pool.release(pool.allocate(4 * SIZE, owner="add")))


def _figure(what: str, work: Callable[[], object], *, loops: int = 2_000, runs: int = 50) -> Figure:
    """Return the least time of one call, less that of calling nothing."""
    empty = min(timeit.repeat(lambda: None, number=loops, repeat=runs))
    return Figure(what, (min(timeit.repeat(work, number=loops, repeat=runs)) - empty) / loops * 1e6, "us")
