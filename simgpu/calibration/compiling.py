"""Compiling kernels before anything is measured, several at a time.

CuPy compiles a kernel when it is first launched, without Python's lock. One after the other, all kernels of a plan
would take most of the time that a calibration has.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing, suppress
from queue import SimpleQueue
from time import monotonic

from simgpu.calibration.bench import Bench
from simgpu.calibration.case import Case
from simgpu.costs.measured_features import features
from simgpu.errors import SimgpuError
from simgpu.storage import Storage
from simgpu.units import MiB

THREADS = 16
_BENCH_BYTES = 64 * MiB


def compile_kernels(
    storage: Storage, cases: Iterable[Case], end_s: float, on_progress: Callable[[int, int], None]
) -> int:
    """Run one case of each sort on devices that launch, until all are done or the clock is at `end_s`.

    Returns how many have run. What fails here fails again when it is measured, and is kept then. Where there is no
    memory for devices, nothing is done.
    """
    begun: list[Case] = []
    with ExitStack() as opened, suppress(SimgpuError, MemoryError):
        idle: SimpleQueue[Bench] = SimpleQueue()
        threads = min(THREADS, os.cpu_count() or 1)
        for _ in range(threads):
            bench = opened.enter_context(closing(Bench(storage, _BENCH_BYTES)))
            idle.put(bench)
        chosen = smallest_of_each_sort(case for case in cases if case.kind == "GPU" and _fits(bench, case))

        def run(case: Case) -> None:
            if monotonic() < end_s:
                begun.append(case)
                _run(idle, case)

        with ThreadPoolExecutor(threads, initializer=storage.enter_thread) as pool:
            for done, _ in enumerate(as_completed([pool.submit(run, case) for case in chosen])):
                on_progress(done + 1, len(chosen))
    return len(begun)


def smallest_of_each_sort(cases: Iterable[Case]) -> list[Case]:
    """Return the case that moves the fewest bytes of each type, path and dtypes, in the order of the first of each."""
    chosen: dict[tuple[object, ...], Case] = {}
    for case in cases:
        path = features(case.type, case.inputs, case.outputs, case.attributes, "cupy").path
        sort = (case.type, path, *(spec.dtype for spec in (*case.inputs, *case.outputs)))
        if sort not in chosen or case.work.bytes < chosen[sort].work.bytes:
            chosen[sort] = case
    return list(chosen.values())


def _fits(bench: Bench, case: Case) -> bool:
    try:
        return bench.fits(case)
    except SimgpuError:
        return False


def _run(idle: SimpleQueue[Bench], case: Case) -> None:
    bench = idle.get()
    try:
        with suppress(Exception):  # whatever a storage raises for an operation that it cannot run
            bench.prepared(case)()
            bench.region.finish()
    finally:
        idle.put(bench)
