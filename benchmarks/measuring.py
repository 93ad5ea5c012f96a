"""How benchmarks take time."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import process_time
from typing import NamedTuple


class Figure(NamedTuple):
    """One measured number."""

    what: str
    value: float
    unit: str


def median_cpu_s(work: Callable[[], object], *, runs: int = 5) -> float:
    """Return the median CPU time of a piece of work, all threads together, after one run to warm up."""
    work()
    return statistics.median(_cpu_s(work) for _ in range(runs))


def _cpu_s(work: Callable[[], object]) -> float:
    start = process_time()
    work()
    return process_time() - start
