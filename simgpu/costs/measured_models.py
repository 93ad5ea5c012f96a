"""Predictions from the samples of a calibration: which samples serve an operation, and what they say of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from simgpu.costs.measured_features import features
from simgpu.costs.measured_records import Calibration, OperationSample
from simgpu.costs.measured_shape import Features, Product, product_features
from simgpu.costs.measured_surface import Surface
from simgpu.kernels import Attributes, rule
from simgpu.kernels.rules import Specs
from simgpu.units import PS_PER_S

TOLERANCE = 0.5
"""How far beyond the samples a size may lie and still count as within: a factor of 1.4."""
_FEWEST_PRODUCTS = 8
_SLOWEST = 100.0
"""A sample that takes longer than so many times its bytes or FLOP by the measured peaks is all fixed cost."""
_FOR_ALL = ("Add", "Identity", "Relu")
"""Families that stand for what was never measured, as long as it passes once over its bytes."""
GroupKey = tuple[str, str, str, str]
"""Kind of device, family, path, dtype."""


class Asked(NamedTuple):
    """An operation without its graph."""

    type: str
    inputs: Specs
    outputs: Specs
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is predicted of an operation, and how. `beyond` says why it lies beyond the samples; empty if it does not.

    `nearest` is the factor by which the size that differs most is apart from the nearest sample.
    """

    host_ps: int
    device_ps: int
    how: str
    nearest: float = 1.0
    beyond: str = ""


class _Group:
    """The samples of one kind, family, path and dtype, and the surfaces through them."""

    def __init__(self, samples: list[tuple[Features, OperationSample]], models: Models, kind: str) -> None:
        self.samples = samples
        places = np.array([found.place for found, _ in samples], float)
        counts = np.array([found.counts for found, _ in samples], float)
        terms = np.array([models.terms(found, kind) for found, _ in samples], float)
        self.host = Surface(counts, places, np.array([sample.host_ps for _, sample in samples], float))
        self.device = Surface(terms, places, np.array([sample.device_ps for _, sample in samples], float))
        self.is_launched = any(sample.host_ps for _, sample in samples)
        self._longest_ps = max(sample.device_ps for _, sample in samples)
        self._slowness = _slowness([sample.device_ps / models.peaks_ps(found, sample) for found, sample in samples])

    def bound_ps(self, peaks_ps: float) -> float:
        """Return the most that a size beyond the samples takes, of which the measured peaks alone say `peaks_ps`."""
        return self._longest_ps + self._slowness * peaks_ps


def _slowness(ratios: Sequence[float]) -> float:
    """Return how many times longer than by the peaks large samples take: 1 if all are small, which says nothing."""
    return max(1.0, min((ratio for ratio in ratios if ratio <= _SLOWEST), default=1.0))


class Models:
    """The samples of a calibration in groups. A group is fitted when it is first asked."""

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._samples: defaultdict[GroupKey, list[tuple[Features, OperationSample]]] = defaultdict(list)
        self._groups: dict[GroupKey, _Group] = {}
        self._exact: dict[tuple[object, ...], OperationSample] = {}
        for sample in calibration.good:
            asked = Asked(sample.type, sample.inputs, sample.outputs, sample.attributes)
            found = features(*asked, self._module(sample.kind))
            self._samples[sample.kind, *found.key].append((found, sample))
            self._exact[identity(asked, sample.kind)] = sample

    def estimate(self, asked: Asked, kind: str) -> Estimate:
        """Return what the samples say of an operation on a kind of device."""
        rule(asked.type)  # refuses what is unknown
        kind, why = self._measured_kind(kind)
        sample = self._exact.get(identity(asked, kind))
        if sample is not None:
            how = f"measured as it is, {sample.repetitions} times"
            return Estimate(sample.host_ps, sample.device_ps, how, beyond=why)
        found = features(*asked, self._module(kind))
        for key, wanted, reason in self._candidates(kind, found, asked):
            if key in self._samples:
                return self._from_group(key, wanted, why or reason, asked)
        return self._from_roofline(asked, found)

    def _module(self, kind: str) -> str:
        """Return the array module that computes on a kind of device."""
        return "cupy" if kind == "GPU" and self._calibration.device.storage == "cupy" else "numpy"

    def terms(self, found: Features, kind: str) -> tuple[float, ...]:
        """Return the terms of the device's time, the time of the product inside among them."""
        if found.product is None:
            return found.terms
        return (*found.terms, found.product.repeats * self._product_ps(found.product, found.dtype, kind))

    def _product_ps(self, product: Product, dtype: str, kind: str) -> float:
        """Return the time of a stack of products, by the samples of MatMul if there are enough, else by the peaks."""
        found = product_features(product, dtype)
        key = (kind, *found.key)
        if len(self._samples.get(key, ())) >= _FEWEST_PRODUCTS:
            return self._group(key).device.predict(np.array(found.terms), np.array(found.place)).time
        return self._roofline_ps(product.flop, found.terms[1], dtype)

    def _measured_kind(self, kind: str) -> tuple[str, str]:
        """Return the kind of device whose samples serve, and why they are not its own, if that matters."""
        kinds = self._calibration.kinds
        if kind in kinds or not kinds:
            return kind, ""
        other = min(kinds)
        is_same = not self._calibration.device.is_asynchronous
        return other, "" if is_same else f"nothing was measured on a {kind}"

    def _candidates(self, kind: str, found: Features, asked: Asked) -> Iterable[tuple[GroupKey, Features, str]]:
        """Yield groups that could serve an operation, the nearest first, and why one is not its own."""
        yield (kind, *found.key), found, ""
        alike = sorted(
            (key for key in self._samples if key[:2] == (kind, found.family) and self._is_like(key, found)),
            key=lambda key: (key[3] != found.dtype, key[2] != found.path, -len(self._samples[key])),
        )
        for key in alike:
            path = f" of path {key[2]!r}" if key[2] != found.path else ""
            yield key, found, f"{found.family} on {found.dtype} by samples on {key[3]}{path}"
        if found.product is not None or found.family in ("MatMul", "Gemm"):
            return
        for family in _FOR_ALL:
            stand_in = features("Identity", asked.inputs, asked.outputs, {})
            for dtype in (found.dtype, "float32"):
                yield (kind, family, "", dtype), stand_in, f"{found.family} was not measured, so by bytes as {family}"

    def _is_like(self, key: GroupKey, found: Features) -> bool:
        other = self._samples[key][0][0]
        return len(other.place) == len(found.place) and len(self.terms_of(other)) == len(self.terms_of(found))

    @staticmethod
    def terms_of(found: Features) -> tuple[object, ...]:
        """Return what must be as long in two groups for one to stand for the other."""
        return (*found.terms, *found.counts, *(() if found.product is None else (found.product,)))

    def _group(self, key: GroupKey) -> _Group:
        if key not in self._groups:
            self._groups[key] = _Group(self._samples[key], self, key[0])
        return self._groups[key]

    def _from_group(self, key: GroupKey, found: Features, reason: str, asked: Asked) -> Estimate:
        group, place = self._group(key), np.array(found.place, float)
        device = group.device.predict(np.array(self.terms(found, key[0]), float), place)
        host = group.host.predict(np.array(found.counts, float), place) if group.is_launched else None
        if not reason and device.beyond > TOLERANCE:
            reason = f"{2**device.beyond:.3g} times beyond the sizes that were measured"
        if not reason and device.outgrown > TOLERANCE:
            reason = f"{2**device.outgrown:.3g} times as much to do as in any that was measured"
        device_ps = device.time
        if device.beyond > TOLERANCE:
            device_ps = min(device_ps, group.bound_ps(self.peaks_ps(found, asked)))
        if device.outgrown > TOLERANCE:
            device_ps = max(device_ps, self._least_ps(found, asked))
        how = f"from {len(group.samples)} samples of {' '.join(filter(None, key[1:]))}"
        how += f", each of which the others predict within {100 * device.error:.0f} % on average"
        nearest = float(2**device.nearest)
        return Estimate(0 if host is None else round(host.time), round(device_ps), how, nearest, reason)

    def _from_roofline(self, asked: Asked, found: Features) -> Estimate:
        device_ps = round(self.peaks_ps(found, asked))
        reason = f"{found.family} was not measured, so by the peaks alone"
        return Estimate(0, device_ps, "from the measured peaks", beyond=reason)

    def peaks_ps(self, found: Features, asked: Asked | OperationSample) -> float:
        """Return the time of an operation by the measured peaks alone."""
        work = rule(asked.type).work(asked.inputs, asked.outputs, asked.attributes)
        return self._roofline_ps(work.flop, work.bytes, found.dtype)

    def _least_ps(self, found: Features, asked: Asked) -> float:
        """Return the least that a large operation takes: not all bytes of its inputs need be read, nor all at once."""
        work = rule(asked.type).work(asked.inputs, asked.outputs, asked.attributes)
        return self._roofline_ps(work.flop, min(work.bytes, sum(found.terms[1:2])), found.dtype)

    def _roofline_ps(self, flop: float, moved: float, dtype: str) -> float:
        peaks = self._calibration.peak_flop_per_s
        peak = peaks.get(dtype) or peaks.get("float32") or 1
        return PS_PER_S * max(flop / peak, moved / max(1, self._calibration.memory_bandwidth_bytes_per_s), 1e-9)


def identity(asked: Asked, kind: str) -> tuple[object, ...]:
    """Return what two operations share that must take the same time."""
    return kind, asked.type, tuple(asked.inputs), tuple(asked.outputs), _frozen(asked.attributes)


def _frozen(attributes: Mapping[str, Any]) -> str:
    return repr(sorted(attributes.items()))
