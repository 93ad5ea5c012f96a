"""Measuring copies between a card and pinned memory of the host: what the link does, without any staging."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median_low
from time import perf_counter_ns

from simgpu.costs.measured_records import CopySample, spread
from simgpu.graph import TensorSpec
from simgpu.storage import CupyRegion, Region, Storage
from simgpu.storage.driver import Pinned
from simgpu.units import PS_PER_NS, MiB

_LARGE_BYTES, _FEWEST, _MOST = 64 * MiB, 3, 7


class PinnedCopies:
    """A device's memory, and pinned memory as large, or as large as the host allows."""

    def __init__(self, storage: Storage, region: CupyRegion, largest_bytes: int, most_bytes: int) -> None:
        self._storage = storage
        self._region = region
        self._memory = _pinned(region, min(largest_bytes, most_bytes))
        self.limit_bytes = len(self._memory.array) if self._memory else 0

    def sample(self, way: str, size: int) -> CopySample:
        """Measure a copy of one size that fits: one `cudaMemcpyAsync`, each between two marks of the device.

        The device is held while they are launched. The first is not counted.
        """
        assert self._memory is not None, "only sizes that fit are measured"
        array = self._region.arrays(TensorSpec((size,), "uint8"))(0)
        ends = (array.data.ptr, self._memory.ptr)
        target, source = ends if way == "h2d-pinned" else reversed(ends)
        hosts, times = self._timed(target, source, size, 1 + (_MOST if size < _LARGE_BYTES else _FEWEST))
        return CopySample(way, size, median_low(hosts), median_low(times), spread(times), len(times))

    def _timed(self, target: int, source: int, size: int, count: int) -> tuple[Sequence[int], Sequence[int]]:
        region, driver, hosts = self._region, self._region.driver, []
        region.hold()
        marks = [region.mark()]
        for _ in range(count):
            start = perf_counter_ns()
            driver.copy_bytes(target, source, size, region.stream)
            hosts.append((perf_counter_ns() - start) * PS_PER_NS)
            marks.append(region.mark())
        region.finish()
        times = [self._storage.between_ps(before, after) for before, after in pairwise(marks)]
        return hosts[1:], times[1:]


def pinned_copies(storage: Storage, region: Region, largest_bytes: int, most_bytes: int) -> PinnedCopies | None:
    """Return copies with pinned memory of so much at most; None where the storage has no card that could reach it."""
    if not isinstance(region, CupyRegion):
        return None
    return PinnedCopies(storage, region, largest_bytes, most_bytes)


def _pinned(region: CupyRegion, size: int) -> Pinned | None:
    """Return pinned memory of a size, or of as much less as the host gives; None if it gives none."""
    while size:
        try:
            return region.driver.pinned(size)
        except (MemoryError, RuntimeError):  # errors of CUDA are of the second kind
            size //= 4
    return None
