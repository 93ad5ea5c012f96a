"""Half precision on NumPy, which has no fast arithmetic for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simgpu.kernels.dtypes import HALF
from simgpu.kernels.rules import Attributes, Compute


def through_single(compute: Compute, *, everywhere: bool = False) -> Compute:
    """Return array code that computes half precision in float32 on NumPy, and rounds the result once.

    So sums are accumulated as GPUs do it. Any other module or dtype goes straight to `compute`; any other module not if
    it is `everywhere`, for what half precision cannot hold on the way.
    """

    def rounded(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        dtype = inputs[0].dtype
        if dtype.itemsize != 2 or not (everywhere or xp.__name__ == "numpy") or dtype.name not in HALF:
            compute(xp, inputs, outputs, attributes)  # the name of a dtype is slow, and asked for last
            return
        wide = [_widened(xp, array) for array in inputs]
        results = [xp.empty(y.shape, _wide_dtype(xp, y)) for y in outputs]
        compute(xp, wide, results, attributes)
        for y, result in zip(outputs, results, strict=True):
            xp.copyto(y, result, casting="unsafe")

    return rounded


def _wide_dtype(xp: Any, array: Any) -> Any:
    return xp.float32 if array.dtype.name in HALF else array.dtype


def _widened(xp: Any, array: Any) -> Any:
    return array.astype(_wide_dtype(xp, array), copy=False)
