"""Measuring what siblings on one card take from each other: the same operation on one, two and four of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from statistics import median_low
from threading import Barrier
from time import monotonic, perf_counter_ns

from simgpu.calibration.bench import MOST_HOLDS, Bench
from simgpu.calibration.case import Case
from simgpu.costs.measured_records import ContentionSample, spread
from simgpu.errors import SimgpuError
from simgpu.storage import CupyRegion, Mark, Opening, Region, Storage
from simgpu.units import PS_PER_MS, PS_PER_NS, MiB

_REPETITIONS = 5
_LAUNCHED_AT_ONCE, _MOST_IN_A_ROW = 8, 1000
_ENOUGH_PS = 5 * PS_PER_MS
_LEAST_BYTES, _CARD_BYTES = 96 * MiB, 512 * MiB
"""Memory of each sibling: on a card enough for sums that its caches do not hold, if there is that much."""
Run = Callable[[], None]
Together = Callable[[Sequence[Bench], Case], list[int]]
"""Times of one operation, while all devices do it again and again: of the last that is done, from the first start."""


def contention(
    storage: Storage, cases: Sequence[Case], siblings: Sequence[int], seconds: float
) -> Iterator[ContentionSample]:
    """Yield a sample for each case and number of siblings, within some seconds.

    A case is left out that the devices have no room for, or that would take longer than what is left of the time.
    """
    end = monotonic() + seconds
    together = _launched if storage.is_asynchronous else _in_threads
    with ExitStack() as opened:
        benches = _benches(storage, max(siblings, default=1), opened)
        for case in cases:
            if monotonic() < end and benches[0].fits(case):
                yield from _samples(together, benches, case, siblings, end)


def _benches(storage: Storage, count: int, opened: ExitStack) -> list[Bench]:
    """Open devices, on a card with much memory if it has that."""
    if storage.is_asynchronous:
        with suppress(SimgpuError, MemoryError), ExitStack() as large:
            benches = _of_size(storage, count, _CARD_BYTES, large)
            opened.enter_context(large.pop_all())
            return benches
    return _of_size(storage, count, _LEAST_BYTES, opened)


def _of_size(storage: Storage, count: int, size: int, opened: ExitStack) -> list[Bench]:
    storage.check_start([Opening(f"GPU:{number}", "GPU", size) for number in range(count)])
    return [opened.enter_context(closing(Bench(storage, size))) for _ in range(count)]


def _samples(
    together: Together, benches: Sequence[Bench], case: Case, siblings: Sequence[int], end: float
) -> Iterator[ContentionSample]:
    start = monotonic()
    alone = together(benches[:1], case)
    taken = monotonic() - start
    for count in siblings:
        if monotonic() + count * taken > end:
            return
        times = together(benches[:count], case)
        medians = median_low(alone), median_low(times)
        yield ContentionSample(case.type, case.inputs, count, *medians, spread(times), len(times))


def _in_threads(benches: Sequence[Bench], case: Case) -> list[int]:
    """Return times where each device has a thread. All threads begin when the last of them is ready."""
    storage, count, ready = benches[0].storage, _count(benches[0], case), Barrier(len(benches))

    def again(run: Run) -> tuple[int, int]:
        ready.wait()
        start = perf_counter_ns()
        for _ in range(count):
            run()
        return start, perf_counter_ns()

    runs, times = [bench.prepared(case) for bench in benches], []
    with ThreadPoolExecutor(len(runs), initializer=storage.enter_thread) as pool:
        for _ in range(1 + _REPETITIONS):
            starts, ends = zip(*pool.map(again, runs), strict=True)
            times.append((max(ends) - min(starts)) * PS_PER_NS // count)
    return times[1:]


def _count(bench: Bench, case: Case) -> int:
    """Return how often something runs in a row: less often what takes long."""
    run = bench.prepared(case)
    run()
    before = bench.region.mark()
    run()
    taken_ps = bench.storage.between_ps(before, bench.region.mark())
    return max(1, min(_MOST_IN_A_ROW, _ENOUGH_PS // max(1, taken_ps)))


def _launched(benches: Sequence[Bench], case: Case) -> list[int]:
    """Return times where each device has a queue. All are held until all is launched, and begin at once."""
    storage, runs = benches[0].storage, [bench.prepared(case) for bench in benches]
    regions, launching_ps, times = [bench.region for bench in benches], 0, []
    for number in range(2 + _REPETITIONS):  # the first compiles, the second tells how long launching takes
        origin = regions[0].mark()
        starts = _held(regions, _holds(benches[0], launching_ps))
        begin = perf_counter_ns()
        for run in _LAUNCHED_AT_ONCE * runs:
            run()
        launching_ps = (perf_counter_ns() - begin) * PS_PER_NS if number else 0
        ends = [region.mark() for region in regions]
        for region in regions:
            region.finish()
        begins, dones = ([storage.between_ps(origin, mark) for mark in marks] for marks in (starts, ends))
        times.append((max(dones) - min(begins)) // _LAUNCHED_AT_ONCE)
    return times[2:]


def _holds(bench: Bench, launching_ps: int) -> int:
    """Return how often a device is held so that it waits for all that is launched, and half as long again."""
    return min(MOST_HOLDS, 1 + 3 * launching_ps // (2 * max(1, bench.hold_ps)))


def _held(regions: Sequence[Region], count: int) -> list[Mark]:
    """Hold the first device, and have the others wait for it. Return when each of them begins.

    Where a device cannot wait for another, each is held as long.
    """
    first, *others = regions
    waiting = [region for region in others if isinstance(region, CupyRegion)]
    for region in count * [first, *(region for region in others if region not in waiting)]:
        region.hold()
    begin = first.mark()
    for region in waiting:
        region.driver.wait(region.stream, begin)
    return [begin, *(region.mark() for region in others)]
