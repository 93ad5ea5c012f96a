"""NVIDIA's compute-sanitizer over a small program, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.gpu

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import numpy as np
from simgpu.arrays import Runtime
from simgpu.machine import Machine
from simgpu.storage import cupy_storage

machine = Machine("1 x 1GiB").split({"GPU:0": ["1MiB", "1MiB"]})
with Runtime(machine, storage=cupy_storage(scratch_bytes=2**21, poison=True)) as runtime:
    xp = runtime.xp()
    x = xp.asarray(np.arange(12, dtype=np.float32).reshape(3, 4))
    y = (x + x[::-1]).T.to_device("gpu:1")
    y[1:] = y[:-1]
    y += xp.sum(y, axis=0)
    print(float(xp.sum(y.to_device("gpu:0"))))
"""


@pytest.mark.parametrize("tool", ["memcheck", "racecheck"])
def test_the_sanitizer_finds_nothing(card, tool):
    sanitizer = shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path="/usr/local/cuda/bin")
    if sanitizer is None:
        pytest.skip("compute-sanitizer is not installed: it comes with the CUDA toolkit")
    command = [sanitizer, "--tool", tool, "--error-exitcode", "9", sys.executable, "-c", PROGRAM]
    try:
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"compute-sanitizer --tool {tool} takes more than a minute here")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "ERROR SUMMARY: 0 errors" in ran.stdout or "RACECHECK SUMMARY: 0 hazards" in ran.stdout
