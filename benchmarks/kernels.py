"""Compile kernels once, in many threads: `python -m benchmarks.kernels`. CuPy keeps them on disk for what comes after.

Tests and measurements in processes of their own would compile each of them anew, one after the other.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from time import monotonic

from simgpu.calibration.compiling import compile_kernels
from simgpu.calibration.plan import default_plan
from simgpu.storage import Storage, storage_named


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile what a calibration runs, as far as the time suffices; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__)
    parser.add_argument("--storage", default="cupy")
    parser.add_argument("--seconds", type=float, default=60.0, help="no more is begun then (default: %(default)g)")
    choice = parser.parse_args(arguments)
    storage = storage_named(choice.storage)
    if storage.is_asynchronous:
        start = monotonic()
        print(f"{_run(storage, start + choice.seconds)} kinds of kernels in {monotonic() - start:.1f} s")
    else:
        print(f"{storage.name} storage compiles nothing")
    return 0


def _run(storage: Storage, end_s: float) -> int:
    """Run a case of each kind until the clock is at `end_s`, and return how many have begun by then."""
    begun = 0

    def progress(done: int, all: int) -> None:
        nonlocal begun
        if monotonic() < end_s:
            begun = done

    compile_kernels(storage, default_plan().operations, end_s, progress)
    return begun


if __name__ == "__main__":
    raise SystemExit(main())
