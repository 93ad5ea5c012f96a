"""Measuring copies: of one size after the other, each way that a tensor can go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median_low
from time import perf_counter_ns
from typing import Any

import numpy as np

from simgpu.calibration.case import case
from simgpu.calibration.facts import free_host_bytes
from simgpu.calibration.pinned import pinned_copies
from simgpu.costs.measured_machine import PINNED_WAYS
from simgpu.costs.measured_records import WAYS, CopySample, spread
from simgpu.errors import SimgpuError
from simgpu.graph import TensorSpec
from simgpu.kernels import rule
from simgpu.storage import Opening, Region, Storage
from simgpu.units import PS_PER_MS, PS_PER_NS, PS_PER_S

_PAIRS = 4
_BESIDE_BYTES = 4096
_OF_FREE_MEMORY = 4
"""One part in so many of the host's free memory is pinned at most."""
_TO_THE_DEVICE = ("h2d", "h2d-pageable")
_FEWEST, _MOST = 3, 50
_ENOUGH_PS, _LONG_PS = 3 * PS_PER_MS, PS_PER_S // 4


class Copies:
    """Two GPU regions and two CPU regions of a storage, of one size, between which copies go."""

    def __init__(self, storage: Storage, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._storage = storage
        names = ("GPU:0", "GPU:1")
        storage.check_start([Opening(name, "GPU", limit_bytes) for name in names])
        self._gpus = [storage.open(limit_bytes, "GPU", device=name) for name in names]
        self._cpus = [storage.open(limit_bytes, "CPU") for _ in range(2)]
        largest_bytes = limit_bytes - _BESIDE_BYTES
        self._pinned = pinned_copies(storage, self._gpus[0], largest_bytes, free_host_bytes() // _OF_FREE_MEMORY)
        self.ways = [way for way in WAYS if self._pinned is not None or way not in PINNED_WAYS]

    def close(self) -> None:
        """Give the memory back."""
        for region in (*self._gpus, *self._cpus):
            region.close()

    def samples(self, sizes: Sequence[int]) -> Iterator[CopySample]:
        """Yield every way for each size that fits, the sizes in order."""
        for size in sizes:
            for way in self.ways:
                if self.fits(size, way):
                    yield self._sample(way, size)

    def fits(self, size: int, way: str = "d2d") -> bool:
        """Tell whether the regions have room for copies of a size, and for a byte that is read after each.

        Copies with pinned memory also need as much of that as the host allows.
        """
        has_pinned = self._pinned is not None and size <= self._pinned.limit_bytes
        return size + _BESIDE_BYTES <= self.limit_bytes and (has_pinned or way not in PINNED_WAYS)

    def _sample(self, way: str, size: int) -> CopySample:
        if way in PINNED_WAYS:
            assert self._pinned is not None, "there are such ways only with pinned memory"
            return self._pinned.sample(way, size)
        if way == "d2d" and self._storage.is_asynchronous:
            hosts, times = self._ping_pong(size)
        else:
            run, region = self._run(way, size)
            hosts, times = self._timed(run, region, returns_early=self._returns_early(way))
        return CopySample(way, size, median_low(hosts), median_low(times), spread(times), len(times))

    def _run(self, way: str, size: int) -> tuple[Callable[[], Any], Region]:
        """Return what makes a copy, and the region that is done when it is done."""
        spec = TensorSpec((size,), "uint8")
        gpu, other = (region.arrays(spec)(0) for region in self._gpus)
        cpu, second = (region.arrays(spec)(0) for region in self._cpus)
        storage, value = self._storage, np.ones(size if "pageable" in way else 1, np.uint8)
        runs: dict[str, Callable[[], Any]] = {
            "h2d": lambda: storage.copy(cpu, gpu),
            "h2d-pageable": lambda: storage.write(gpu, value),
            "d2h": lambda: storage.copy(gpu, cpu),
            "d2h-pageable": lambda: storage.read(gpu),
            "d2d": lambda: storage.copy(gpu, other),
            "host": lambda: storage.copy(cpu, second),
        }
        return runs[way], self._gpus[1 if way == "d2d" else 0]

    def _returns_early(self, way: str) -> bool:
        """Tell whether a copy returns when the host has staged and launched it, and ends later."""
        return self._storage.is_asynchronous and way in _TO_THE_DEVICE

    def _timed(self, run: Callable[[], Any], region: Region, *, returns_early: bool) -> tuple[list[int], list[int]]:
        """Return times of the host until a copy returns, and from then on until it is done; else 0 and all of it."""
        run()
        region.finish()
        hosts: list[int] = []
        rests: list[int] = []
        while len(hosts) < _MOST and (len(hosts) < _FEWEST or sum(hosts) + sum(rests) < _ENOUGH_PS):
            start = perf_counter_ns()
            run()
            returned = perf_counter_ns()
            region.finish()
            rests.append((perf_counter_ns() - returned) * PS_PER_NS)
            hosts.append((returned - start) * PS_PER_NS)
            if hosts[-1] + rests[-1] > _LONG_PS:
                break
        return (hosts, rests) if returns_early else ([0], hosts)

    def _ping_pong(self, size: int) -> tuple[list[int], list[int]]:
        """Return host and device times of copies to and fro, between marks of the first device, which reads the last.

        The first device is held while they are launched.
        """
        storage, (first, second) = self._storage, self._gpus
        spec = TensorSpec((size,), "uint8")
        a, b = first.arrays(spec)(0), second.arrays(spec)(0)
        read = self._reader(first, a, size)
        hosts: list[int] = []
        times: list[int] = []
        for _ in range(_FEWEST + 1):
            first.hold()
            before = first.mark()
            start = perf_counter_ns()
            for _ in range(_PAIRS):
                storage.copy(a, b)
                storage.copy(b, a)
            hosts.append((perf_counter_ns() - start) * PS_PER_NS // (2 * _PAIRS))
            read()
            after = first.mark()
            first.finish()
            times.append(storage.between_ps(before, after) // (2 * _PAIRS))
        return hosts[1:], times[1:]

    def _reader(self, region: Region, array: Any, size: int) -> Callable[[], None]:
        """Return what makes the device read a byte of an array, so that it waits for what arrives there."""
        found = case("Identity", (1,), dtype="uint8")
        target = region.arrays(found.outputs[0])(-(-size // 512) * 512)
        source = self._storage.view(array, lambda bytes: bytes[:1])[0]
        return lambda: self._storage.compute(rule("Identity"), [source], [target], {})


def open_copies(storage: Storage, largest_bytes: int) -> Copies:
    """Return regions for copies of up to a size, or of as much less as this computer can hold."""
    while True:
        try:
            return Copies(storage, largest_bytes + _BESIDE_BYTES)
        except (SimgpuError, MemoryError):
            if largest_bytes < 2**20:
                raise
            largest_bytes //= 4
