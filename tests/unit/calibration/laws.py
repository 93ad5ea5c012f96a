"""A storage whose operations take times by a known law, on a clock that only they move."""

from __future__ import annotations

import math

from simgpu.costs import Calibration, DeviceFacts, OperationSample, Overheads
from simgpu.costs.measured_features import features
from simgpu.kernels import rule
from simgpu.storage import ShapeStorage
from simgpu.storage.shape_storage import ShapeRegion

FACTS = DeviceFacts("law", "GPU", "law", True, 2**34, 8, "1.0", {"numpy": "2"}, "2026-01-01T00:00:00+00:00")
BANDWIDTH, PEAK = 10**12, 10**13


def device_ps(type, inputs, outputs, attributes):
    """2 us for each kernel, bytes at 1 TB/s, products at 10 TFLOP/s, and a wave of 10 % over the size."""
    found = features(type, inputs, outputs, attributes)
    work = rule(type).work(inputs, outputs, attributes)
    wave = 1 + 0.1 * math.sin(math.log2(max(1, work.bytes)) / 3)
    moved = sum(found.terms[1:2]) * 10**12 // BANDWIDTH  # what touches no bytes has no such term
    flop = work.flop if type in ("MatMul", "Gemm", "Conv") else 0
    return round((2_000_000 * found.terms[0] + moved + flop * 10**12 // PEAK) * wave)


def host_ps(type, inputs, outputs, attributes):
    """7 us for the first call and 3 us for each that is counted."""
    counts = features(type, inputs, outputs, attributes).counts
    return round(7_000_000 + 3_000_000 * sum(counts))


def sampled(case):
    """What the law says of a case."""
    asked = (case.type, case.inputs, case.outputs, case.attributes)
    return OperationSample(
        case.kind, *asked, host_ps=host_ps(*asked), host_spread_ps=0, device_ps=device_ps(*asked), device_spread_ps=0,
        repetitions=3,
    )  # fmt: skip


def calibration(cases, **changes):
    """A calibration that holds what the law says of some cases."""
    figures = {
        "device": FACTS,
        "overheads": Overheads(1_000_000, 2_000_000),
        "memory_bandwidth_bytes_per_s": BANDWIDTH,
        "peak_flop_per_s": {"float32": PEAK},
        "operations": tuple(map(sampled, cases)),
        "copies": (),
    }
    return Calibration(**(figures | changes))


class LawStorage(ShapeStorage):
    """Computes nothing, and takes its time. `now_ps` is the host's clock, `busy_ps` when the device will be idle."""

    name = "law"

    def __init__(self, *, is_asynchronous=False, failing=()):
        self.is_asynchronous = is_asynchronous
        self.failing = failing
        self.now_ps = self.busy_ps = 0
        self.computed = []

    def open(self, limit_bytes, kind="GPU", **_):
        return LawRegion(limit_bytes, self)

    def compute(self, rule, inputs, outputs, attributes):
        if rule.name in self.failing:
            raise RuntimeError(f"no kernel for {rule.name}")
        self.computed.append(rule.name)
        asked = (rule.name, [x.spec for x in inputs], [y.spec for y in outputs], attributes)
        self.take(host_ps(*asked), device_ps(*asked))

    def take(self, host, device):
        """Let the host launch something, and the device do it; both are one where nothing is asynchronous."""
        if self.is_asynchronous:
            self.now_ps += host
            self.busy_ps = max(self.busy_ps, self.now_ps) + device
        else:
            self.now_ps += device

    def copy(self, source, target):
        self.take(5_000_000, 1_000_000 + source.spec.nbytes)

    def write(self, target, value):
        self.copy(target, target)

    def between_ps(self, earlier, later):
        return later - earlier

    def perf_counter_ns(self):
        """The host's clock, for modules that read the real one."""
        return self.now_ps // 1000


class LawRegion(ShapeRegion):
    """A region that tells the time of its storage's device."""

    def __init__(self, limit_bytes, storage):
        object.__setattr__(self, "limit_bytes", limit_bytes)
        object.__setattr__(self, "storage", storage)

    def mark(self):
        storage = self.storage
        return max(storage.busy_ps, storage.now_ps) if storage.is_asynchronous else storage.now_ps

    def hold(self):
        self.storage.busy_ps = max(self.storage.busy_ps, self.storage.now_ps) + 3_000_000_000

    def finish(self):
        self.storage.now_ps = max(self.storage.now_ps, self.storage.busy_ps)
