"""Measuring what siblings on one card take from each other: the same operation on one, two and four of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median_low
from time import perf_counter_ns

from simgpu.calibration.bench import Bench
from simgpu.calibration.case import Case
from simgpu.costs.measured_records import ContentionSample
from simgpu.storage import Opening, Storage
from simgpu.units import PS_PER_MS, PS_PER_NS, MiB

_AT_ONCE, _REPETITIONS = 8, 3
_ENOUGH_PS = 10 * PS_PER_MS
_REGION_BYTES = 96 * MiB
Run = Callable[[], None]


def contention(storage: Storage, cases: Sequence[Case], siblings: Sequence[int]) -> Iterator[ContentionSample]:
    """Yield a sample for each case and number of siblings."""
    benches: list[Bench] = []
    together = _launched if storage.is_asynchronous else _in_threads
    try:
        most = max(siblings, default=1)
        storage.check_start([Opening(f"GPU:{number}", "GPU", _REGION_BYTES) for number in range(most)])
        for _ in range(most):
            benches.append(Bench(storage, _REGION_BYTES))
        for case in cases:
            alone_ps = together(storage, benches[:1], case)
            for count in siblings:
                together_ps = together(storage, benches[:count], case)
                yield ContentionSample(case.type, case.inputs, count, alone_ps, together_ps)
    finally:
        for bench in benches:
            bench.close()


def _in_threads(storage: Storage, benches: Sequence[Bench], case: Case) -> int:
    """Return the time of one operation while each device has a thread that runs it again and again."""
    count = _count(benches[0], case)
    again = [_repeated(bench.prepared(case), count) for bench in benches]
    with ThreadPoolExecutor(len(again), initializer=storage.enter_thread) as pool:
        times = []
        for _ in range(_REPETITIONS):
            start = perf_counter_ns()
            list(pool.map(lambda run: run(), again))
            times.append((perf_counter_ns() - start) * PS_PER_NS // count)
    return median_low(times)


def _count(bench: Bench, case: Case) -> int:
    """Return how often something runs in a row: less often what takes long."""
    run = bench.prepared(case)
    run()
    before = bench.region.mark()
    run()
    taken_ps = bench.storage.between_ps(before, bench.region.mark())
    return max(1, min(_AT_ONCE, _ENOUGH_PS // max(1, taken_ps)))


def _repeated(run: Run, count: int) -> Run:
    def repeated() -> None:
        for _ in range(count):
            run()

    return repeated


def _launched(storage: Storage, benches: Sequence[Bench], case: Case) -> int:
    """Return the device time of one operation while each device has a queue of them. All queues are held at first."""
    runs = [bench.prepared(case) for bench in benches]
    regions = [bench.region for bench in benches]
    times = []
    for _ in range(_REPETITIONS + 1):
        for region in regions:
            region.hold()
        before = [region.mark() for region in regions]
        for _ in range(_AT_ONCE):
            for run in runs:
                run()
        after = [region.mark() for region in regions]
        for region in regions:
            region.finish()
        spans = [storage.between_ps(start, end) for start, end in zip(before, after, strict=True)]
        times.append(max(spans) // _AT_ONCE)
    return median_low(times[1:])
