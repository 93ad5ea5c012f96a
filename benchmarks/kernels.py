"""Compile kernels once, in many threads: `python -m benchmarks.kernels`. CuPy keeps them on disk for what comes after.

Tests and measurements in processes of their own would compile each of them anew, one after the other.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from time import monotonic

from simgpu.calibration.compiling import compile_kernels
from simgpu.calibration.plan import default_plan
from simgpu.storage import storage_named


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile what a calibration runs, as far as the time suffices; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__)
    parser.add_argument("--storage", default="cupy")
    parser.add_argument("--seconds", type=float, default=60.0, help="no more is begun then (default: %(default)g)")
    choice = parser.parse_args(arguments)
    storage = storage_named(choice.storage)
    if storage.is_asynchronous:
        start = monotonic()
        begun = compile_kernels(storage, default_plan().operations, start + choice.seconds, lambda done, all: None)
        print(f"{begun} kinds of kernels in {monotonic() - start:.1f} s")
    else:
        print(f"{storage.name} storage compiles nothing")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
