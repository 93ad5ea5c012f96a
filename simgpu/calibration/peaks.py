"""What a device does at most, by samples of its operations: bytes and FLOP in a second."""

from __future__ import annotations

from collections.abc import Sequence

from simgpu.costs import OperationSample
from simgpu.costs.measured_features import FAMILIES
from simgpu.kernels import Work, rule
from simgpu.units import PS_PER_S


def rate(sample: OperationSample) -> float:
    """Return FLOP/s of a product, or bytes/s of anything else; infinity for a sample that failed."""
    if sample.failed:
        return float("inf")
    amount = _work(sample).flop if _is_product(sample) else _work(sample).bytes
    return max(1.0, amount * PS_PER_S / max(1, sample.device_ps))


def memory_bandwidth(samples: Sequence[OperationSample]) -> int:
    """Return the rate of the fastest sum among those that move the most: caches count for less there."""
    sums = [sample for sample in samples if sample.kind == "GPU" and sample.type == "Add"]
    largest = max((_work(sample).bytes for sample in sums), default=0)
    return max((int(rate(sample)) for sample in sums if 2 * _work(sample).bytes >= largest), default=1)


def peak_flop_per_s(samples: Sequence[OperationSample]) -> dict[str, int]:
    """Return the rate of the fastest product of each dtype. Without one of float32, that of all others stands in."""
    peaks: dict[str, int] = {}
    for sample in samples:
        if sample.kind == "GPU" and _is_product(sample):
            dtype = sample.inputs[0].dtype
            peaks[dtype] = max(peaks.get(dtype, 1), int(rate(sample)))
    return peaks if "float32" in peaks else {"float32": max(peaks.values(), default=1), **peaks}


def _is_product(sample: OperationSample) -> bool:
    return FAMILIES.get(sample.type, sample.type) in ("MatMul", "Gemm")


def _work(sample: OperationSample) -> Work:
    return rule(sample.type).work(sample.inputs, sample.outputs, sample.attributes)
