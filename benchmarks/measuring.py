"""How benchmarks take time and memory."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from time import process_time
from types import MappingProxyType
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
"""Where `python -m benchmarks` works."""


class Figure(NamedTuple):
    """One measured number, and what else is to be kept of it."""

    what: str
    value: float
    unit: str
    details: Mapping[str, Any] = MappingProxyType({})


def median_cpu_s(work: Callable[[], object], *, runs: int = 5) -> float:
    """Return the median CPU time of a piece of work, all threads together, after one run to warm up."""
    work()
    return statistics.median(cpu_s(work) for _ in range(runs))


def cpu_s(work: Callable[[], object]) -> float:
    """Return the CPU time of a piece of work, all threads together."""
    start = process_time()
    work()
    return process_time() - start


def resident_bytes(what: str) -> int:
    """Return what Linux says of this process's memory: `VmRSS` is held now, `VmHWM` was the most; 0 on other systems.

    `resource.getrusage` will not do: its maximum includes the process that started this one.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{what}:"))
