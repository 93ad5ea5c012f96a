"""Measuring operations on one device of a storage, by its marks alone.

Inputs lie in one half of the device's memory, filled once with numbers from 0.5 to 1.5; results in the other half, so
that inputs stay as they are. Operations are run as a network runs them: what the first input holds was just written,
but weights and results lie somewhere else each time, and so in no cache. Where computing is asynchronous, host time is
measured with an idle device, and device time while the device is held until all is launched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle, pairwise
from statistics import median_low
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

from simgpu.calibration.case import Case
from simgpu.calibration.values import has_values, values_of
from simgpu.costs.measured_records import OperationSample, spread
from simgpu.errors import CalibrationError
from simgpu.graph import TensorSpec
from simgpu.kernels import rule
from simgpu.storage import Region, Storage
from simgpu.units import PS_PER_MS, PS_PER_NS, PS_PER_S, MiB

GRAIN_BYTES = 512
_FILL_BYTES = 16 * MiB
_FOR_TEMPORARIES = 4
"""One part in so many of a device's memory is left to the temporaries of operations."""
_ENOUGH_PS = 2 * PS_PER_MS
_FEWEST, _MOST = 3, 100
_LONG_PS = PS_PER_S // 4
"""What takes this long is measured once more, and not three times."""
MOST_HOLDS = 16
"""How often a device is held at most while work for it is launched."""
_MOST_AT_ONCE = 20
_PLACES = 5
"""How many places arrays have in turn."""


class Times(NamedTuple):
    """Host and device time of one operation, each as measured again and again."""

    host_ps: Sequence[int]
    device_ps: Sequence[int]


class Bench:
    """One device of a storage, ready to run cases."""

    def __init__(self, storage: Storage, limit_bytes: int, kind: str = "GPU") -> None:
        self.storage = storage
        self.region: Region = storage.open(limit_bytes, kind)
        self.kind = kind
        self._half_bytes = limit_bytes * (_FOR_TEMPORARIES - 1) // _FOR_TEMPORARIES // 2 // GRAIN_BYTES * GRAIN_BYTES
        self.is_asynchronous = storage.is_asynchronous and kind == "GPU"
        self._fill()
        self.hold_ps = self._held() if self.is_asynchronous else 0

    def close(self) -> None:
        """Give the memory back."""
        self.region.close()

    def fits(self, case: Case) -> bool:
        """Tell whether both halves of the memory have room for a case. Raises GraphError for inputs that do not fit."""
        needs = [has_values(case, number) for number in range(len(case.inputs))]
        sizes = [_rounded(spec) for spec in case.inputs]
        plain = sum(size for size, need in zip(sizes, needs, strict=True) if not need)
        chosen = sum(size for size, need in zip(sizes, needs, strict=True) if need) + sum(map(_rounded, case.outputs))
        return max(plain, chosen) <= self._half_bytes

    def sample(self, case: Case) -> OperationSample:
        """Measure a case. What fails is told in the sample, not raised."""
        try:
            outputs = case.outputs
            times = self.times(self.prepared(case), self._refreshed(case))
        except Exception as error:  # whatever a storage raises for an operation that it cannot run
            reason = f"{type(error).__name__}: {error}"[:200]
            return OperationSample(case.kind, case.type, case.inputs, (), case.attributes, 0, 0, 0, 0, 0, reason)
        host, device = times
        return OperationSample(
            kind=case.kind,
            type=case.type,
            inputs=case.inputs,
            outputs=outputs,
            attributes=case.attributes,
            host_ps=median_low(host),
            host_spread_ps=spread(host),
            device_ps=median_low(device),
            device_spread_ps=spread(device),
            repetitions=len(device),
        )

    def prepared(self, case: Case) -> Callable[[], None]:
        """Return a function that runs a case, each time on the arrays of another place.

        Raises CalibrationError if this device cannot hold its tensors.
        """
        found, compute, attributes = rule(case.type), self.storage.compute, case.attributes
        places = cycle([self._arrays(case, shift) for shift in self._shifts(case)])

        def run() -> None:
            inputs, outputs = next(places)
            compute(found, inputs, outputs, attributes)

        return run

    def times(self, run: Callable[[], None], refresh: Callable[[], Any]) -> Times:
        """Measure something that the device does, after running it once. `refresh` is called before, and not timed."""
        run()
        self.region.finish()
        return self._launched(run) if self.is_asynchronous else Times((0,), self._done(run, refresh))

    def _done(self, run: Callable[[], None], refresh: Callable[[], Any]) -> list[int]:
        """Return the times of something that returns when it is done."""
        times: list[int] = []
        while len(times) < _MOST and (len(times) < _FEWEST or sum(times) < _ENOUGH_PS):
            refresh()
            before = self.region.mark()
            run()
            times.append(self.storage.between_ps(before, self.region.mark()))
            if times[-1] > _LONG_PS:
                break
        return times

    def _launched(self, run: Callable[[], None]) -> Times:
        """Return the times of something that returns when it is launched."""
        whole_ps = max(1, self._timed(run, 1, finish=True))
        count = max(1, min(_MOST_AT_ONCE, PS_PER_MS // 2 // whole_ps))
        groups = 5 if whole_ps < _LONG_PS // 5 else 2
        hosts = [self._timed(run, count) // count for _ in range(groups)]
        count = max(1, min(_MOST_AT_ONCE, PS_PER_MS // whole_ps))
        groups = _FEWEST if whole_ps < _LONG_PS else 1
        return Times(hosts, self._back_to_back(run, groups, count, median_low(hosts)))

    def _timed(self, run: Callable[[], None], count: int, *, finish: bool = False) -> int:
        """Return the time of the host for so many launches. The device is idle before and after."""
        start = perf_counter_ns()
        for _ in range(count):
            run()
        launched = perf_counter_ns()
        self.region.finish()
        return ((perf_counter_ns() if finish else launched) - start) * PS_PER_NS

    def _back_to_back(self, run: Callable[[], None], groups: int, count: int, host_ps: int) -> list[int]:
        """Return the time of the device for one of `count`, for each group. All are launched while it is held."""
        for _ in range(min(MOST_HOLDS, 1 + 3 * groups * count * host_ps // (2 * max(1, self.hold_ps)))):
            self.region.hold()
        marks = [self.region.mark()]
        for _ in range(groups):
            for _ in range(count):
                run()
            marks.append(self.region.mark())
        self.region.finish()
        return [self.storage.between_ps(before, after) // count for before, after in pairwise(marks)]

    def _held(self) -> int:
        """Return how long the device is held at once."""
        before = self.region.mark()
        self.region.hold()
        after = self.region.mark()
        self.region.finish()
        return self.storage.between_ps(before, after)

    def _fill(self) -> None:
        """Fill both halves by copies of one piece: memory that was never written is not there yet."""
        items = min(_FILL_BYTES, self._half_bytes) // 4
        values = np.random.default_rng(0).random(items, np.float32) + np.float32(0.5)
        make = self.region.arrays(TensorSpec((items,), "float32"))
        first = make(0)
        self.storage.write(first, values)
        for piece in range(1, 2 * self._half_bytes // (items * 4)):
            self.storage.copy(first, make(piece * items * 4))
        self.region.finish()

    def _shifts(self, case: Case) -> list[int]:
        """Return by how much the arrays of a case move from time to time, as far as both halves have room."""
        used = max(sum(_rounded(spec) for spec in specs) for specs in (case.inputs, (*case.outputs, *case.inputs)))
        step = max(0, self._half_bytes - used) // _PLACES // GRAIN_BYTES * GRAIN_BYTES
        return [step * number for number in range(_PLACES)] if step else [0]

    def _refreshed(self, case: Case) -> Callable[[], Any]:
        """Return what writes the first input anew, with what it holds, if there is room for both."""
        if not case.inputs:
            return lambda: None
        spec = case.inputs[0]
        source = self._half_bytes - _rounded(spec)
        if self.is_asynchronous or source < _rounded(spec):
            return lambda: None
        make, values = self.region.arrays(spec), values_of(case, 0)
        if values is not None:
            return partial(self.storage.write, make(self._half_bytes), values)
        return partial(self.storage.copy, make(source), make(0))

    def _arrays(self, case: Case, shift: int = 0) -> tuple[list[Any], list[Any]]:
        """Return inputs and outputs. All but the first input move by `shift` bytes."""
        plain, chosen = _Shelf(self, 0), _Shelf(self, self._half_bytes)
        inputs = []
        for number, spec in enumerate(case.inputs):
            is_chosen = has_values(case, number)
            inputs.append((chosen if is_chosen else plain).array(spec))
            if is_chosen and shift == 0:  # it lies in the same place for every shift
                self.storage.write(inputs[-1], values_of(case, number))
            if number == 0:
                plain.skip(shift)
        chosen.skip(shift)
        return inputs, [chosen.array(spec) for spec in case.outputs]

    def place(self, spec: TensorSpec, offset: int, base: int) -> Any:
        """Return an array at an offset behind the start of one half."""
        if offset + spec.nbytes > self._half_bytes:
            raise CalibrationError(f"{spec} does not fit into {self._half_bytes} B; calibrate with more memory")
        return self.region.arrays(spec)(base + offset)


class _Shelf:
    """One half of a device's memory, from which arrays are taken one after the other."""

    def __init__(self, bench: Bench, base: int) -> None:
        self._bench = bench
        self._base = base
        self._used = 0

    def array(self, spec: TensorSpec) -> Any:
        found = self._bench.place(spec, self._used, self._base)
        self._used += _rounded(spec)
        return found

    def skip(self, count: int) -> None:
        """Leave some bytes free."""
        self._used += count


def _rounded(spec: TensorSpec) -> int:
    return -(-spec.nbytes // GRAIN_BYTES) * GRAIN_BYTES
