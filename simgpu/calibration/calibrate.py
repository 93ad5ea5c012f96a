"""Calibrate a device: run the plan within its time, and put what was measured together."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from time import monotonic

from simgpu.calibration.bench import Bench
from simgpu.calibration.benches import SMALLEST_BYTES, Benches
from simgpu.calibration.case import Case, case
from simgpu.calibration.compiling import compile_kernels
from simgpu.calibration.copies import Copies, open_copies
from simgpu.calibration.facts import device_facts, free_host_bytes
from simgpu.calibration.overheads import overheads
from simgpu.calibration.peaks import memory_bandwidth, peak_flop_per_s, rate
from simgpu.calibration.plan import Plan, default_plan
from simgpu.calibration.siblings import contention
from simgpu.costs import Calibration, ContentionSample, CopySample, OperationSample, Overheads
from simgpu.errors import InvalidValue, MissingDependency, SimgpuError, check_type
from simgpu.kernels import array_dtype, rule
from simgpu.storage import Storage, storage_named
from simgpu.units import short_size

OnProgress = Callable[[str, int, int], None]
"""(what is measured, how many are done, how many in all)"""
_SHARE_OF_ONE = 0.005
"""What alone would take more than this part of the time is left out."""
_ROUNDS = 4
"""How often a case is run at least: once to warm up, and three times measured."""
_UNSTEADY = 0.2
"""The spread, as a part of the time, from which on a sample is measured again if there is time left."""
_PROBES = (case("MatMul", (512, 512), (512, 512)), case("Add", (2**20,), (2**20,)))


def calibrate(
    storage: str | Storage = "numpy",
    *,
    quick: bool = False,
    budget_s: float | None = None,
    seed: int = 0,
    plan: Plan | None = None,
    on_progress: OnProgress | None = None,
) -> Calibration:
    """Measure the device behind a storage: operations, copies, siblings, and what `execute` takes of the host.

    Takes `budget_s` seconds at most: by default 165, and 15 if `quick`; what does not fit is left out, from the end of
    the plan. An operation that fails is kept with its reason. Warns of copies and siblings that this device has no
    memory for; they are left out. Raises InvalidValue for storage that holds no bytes.
    """
    check_type(plan, Plan | None, "plan", "a Plan; give what `default_plan` returns")
    check_type(quick, bool, "quick", "a bool; give True or False")
    check_type(on_progress, Callable | None, "on_progress", "a function of what is done, steps done, and all steps")
    if budget_s is not None and not (isinstance(budget_s, int | float) and 0 < budget_s < math.inf):
        raise InvalidValue(f"budget_s={budget_s!r} is no time; give seconds, more than 0")
    if type(seed) is not int or seed < 0:
        raise InvalidValue(f"seed is {seed!r}; it must be an int of 0 or more")
    store = storage_named(storage)
    if store.name == "shape":
        raise InvalidValue("storage 'shape' computes nothing, so there is nothing to measure; calibrate 'numpy'")
    found = default_plan(quick=quick, budget_s=budget_s, seed=seed) if plan is None else plan
    return _Run(store, found, on_progress or (lambda stage, done, total: None)).calibration()


class _Run:
    """One calibration under way."""

    def __init__(self, storage: Storage, plan: Plan, on_progress: OnProgress) -> None:
        self._storage = storage
        self._plan = plan
        self._on_progress = on_progress
        self._end = monotonic() + plan.budget_s
        self._memory_bytes = min(plan.region_bytes, max(SMALLEST_BYTES, free_host_bytes() // 4))

    def calibration(self) -> Calibration:
        """Measure everything, what the others need first."""
        facts = device_facts(self._storage, free_host_bytes())
        self._compile()
        copies = self._copies()
        siblings = self._contention()
        with Benches(self._storage, self._memory_bytes) as benches:
            overhead = self._overheads(benches.of("GPU"), copies)
            samples = self._operations(benches)
        good = [sample for sample in samples if not sample.failed]
        return Calibration(
            device=facts,
            overheads=overhead,
            memory_bandwidth_bytes_per_s=memory_bandwidth(good),
            peak_flop_per_s=peak_flop_per_s(good),
            operations=samples,
            copies=copies,
            contention=siblings,
        )

    def _compile(self) -> None:
        """Have kernels compiled, within a third of the time, where operations are launched."""
        if self._storage.is_asynchronous:
            cases, end_s = _computable(self._plan.operations), monotonic() + self._left_s() / 3
            compile_kernels(self._storage, cases, end_s, lambda done, all: self._on_progress("kernels", done, all))

    def _left_s(self) -> float:
        return self._end - monotonic()

    def _copies(self) -> list[CopySample]:
        """Measure copies within an eighth of the time, small ones first."""
        limit = self._left_s() * 7 / 8
        sizes = [size for size in self._plan.copy_sizes if size <= self._memory_bytes // 2]
        copies = open_copies(self._storage, max(sizes, default=1))
        found: list[CopySample] = []
        self._leave_out_copies(copies, sizes)
        try:
            for sample in copies.samples(sizes):
                found.append(sample)
                self._on_progress("copies", len(found), len(copies.ways) * len(sizes))
                if self._left_s() < limit:
                    break
        finally:
            copies.close()
        return found

    def _leave_out_copies(self, copies: Copies, sizes: Sequence[int]) -> None:
        too_large = [size for size in sizes if not copies.fits(size)]
        if too_large:
            self._leave_out(f"copies of {_in_words(too_large)} do not fit into its memory")
        unpinned = [
            size for size in sizes if copies.fits(size) and not all(copies.fits(size, way) for way in copies.ways)
        ]
        if unpinned:
            self._leave_out(f"the host does not pin as much memory as copies of {_in_words(unpinned)} need")

    def _contention(self) -> list[ContentionSample]:
        """Measure siblings within an eighth of the time."""
        plan, found = self._plan, list[ContentionSample]()
        steps = len(plan.contention) * len(plan.siblings)
        if not steps:
            return found
        try:
            for sample in contention(self._storage, plan.contention, plan.siblings, self._left_s() / 8):
                found.append(sample)
                self._on_progress("siblings", len(found), steps)
        except (SimgpuError, MemoryError) as error:
            self._leave_out(f"siblings at work at once do not fit into its memory ({error})")
        return found

    def _leave_out(self, reason: str) -> None:
        warnings.warn(f"{self._storage.name} storage: {reason}; they are left out", UserWarning, stacklevel=5)

    def _overheads(self, bench: Bench, copies: Sequence[CopySample]) -> Overheads:
        self._on_progress("overheads", 0, 1)
        small = next((copy for copy in copies if copy.way == "d2d"), None)
        copy_ps = 0 if small is None else small.host_ps if self._storage.is_asynchronous else small.time_ps
        found = overheads(self._storage, bench, self._plan.chains, copy_ps)
        self._on_progress("overheads", 1, 1)
        return found

    def _operations(self, benches: Benches) -> list[OperationSample]:
        flop_per_s, bytes_per_s = (rate(benches.of("GPU").sample(probe)) for probe in _PROBES)
        cases, samples = _computable(self._plan.operations), list[OperationSample]()
        for number, found in enumerate(cases):
            if self._left_s() <= 0:
                break
            work = _work(found)
            seconds = max(work[0] / flop_per_s, work[1] / bytes_per_s)
            bench = benches.of(found.kind)
            if seconds * _ROUNDS <= self._plan.budget_s * _SHARE_OF_ONE and _fits(bench, found):
                samples.append(bench.sample(found))
            self._on_progress("operations", number + 1, len(cases))
        self._look_again(benches, samples)
        return samples

    def _look_again(self, benches: Benches, samples: list[OperationSample]) -> None:
        """Measure again, as long as there is time, what came out most differently from time to time."""
        numbers = [number for number, sample in enumerate(samples) if _unsteadiness(sample) > _UNSTEADY]
        for done, number in enumerate(sorted(numbers, key=lambda number: -_unsteadiness(samples[number]))):
            if self._left_s() <= 0:
                break
            old = samples[number]
            results = old.outputs if rule(old.type).compute_dynamic else None
            found = Case(old.type, old.inputs, old.attributes, kind=old.kind, results=results)
            again = benches.of(old.kind).sample(found)
            if not again.failed and _unsteadiness(again) < _unsteadiness(old):
                samples[number] = again
            self._on_progress("second look", done + 1, len(numbers))


def _computable(cases: Sequence[Case]) -> Sequence[Case]:
    """Return cases without those on bfloat16 where `ml_dtypes` is missing: no array can be of that then."""
    try:
        array_dtype("bfloat16")
    except MissingDependency:
        return [found for found in cases if not any(spec.dtype == "bfloat16" for spec in found.inputs)]
    return cases


def _in_words(sizes: Sequence[int]) -> str:
    return ", ".join(map(short_size, sizes))


def _unsteadiness(sample: OperationSample) -> float:
    """Return the spread of a sample's times as a part of them, of host or device, whichever is worse."""
    spreads = ((sample.host_spread_ps, sample.host_ps), (sample.device_spread_ps, sample.device_ps))
    return max(spread / max(1, time) for spread, time in spreads)


def _fits(bench: Bench, found: Case) -> bool:
    """Tell whether a device can hold a case, or will refuse it for another reason, which is kept."""
    try:
        return bench.fits(found)
    except SimgpuError:
        return True


def _work(found: Case) -> tuple[int, int]:
    """Return FLOP and bytes of a case; nothing for one that will be refused."""
    try:
        work = found.work
    except SimgpuError:
        return 0, 0
    return work.flop, work.bytes
