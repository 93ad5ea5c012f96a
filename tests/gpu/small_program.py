"""A small program for tools that watch a process: `python -m tests.gpu.small_program cupy` prints one number.

It has what the library does on a card: uploads, kernels, reductions, sorts, views, changes in place, copies between
devices and within one, memory that is granted anew while a copy still reads it.
"""

from __future__ import annotations

import sys

import numpy as np

from simgpu.arrays import Runtime
from simgpu.machine import Machine
from simgpu.storage import Storage, cupy_storage


def run(storage: str | Storage) -> float:
    """Return what the program computes. Each value is a small integer, so that the sum is exact everywhere."""
    machine = Machine("1 x 1GiB").split({"GPU:0": ["1MiB", "1MiB"]})
    with Runtime(machine, storage=storage) as runtime:
        xp = runtime.xp()
        x = xp.asarray(np.arange(12, dtype=np.float32).reshape(3, 4))
        y = (x + x[::-1, :]).T.to_device("gpu:1")
        y[1:, :] = y[:-1, :]
        y += xp.sum(y, axis=0)
        for step in range(4):
            moved = x.to_device("gpu:1")
            x = xp.full((3, 4), float(step), dtype=xp.float32)  # where the copy has just been read, perhaps
            y = xp.sort(y, axis=0) + moved.T
        chosen = y[y > 40.0]
        total = xp.sum(y.to_device("gpu:0")) + xp.sum(chosen).to_device("gpu:0")
        return float(total) + float(chosen.size)


if __name__ == "__main__":
    on_card = sys.argv[1] == "cupy"
    result = run(cupy_storage(scratch_bytes=2**21, poison=True) if on_card else sys.argv[1])
    sys.stdout.write(f"{result}\n")
