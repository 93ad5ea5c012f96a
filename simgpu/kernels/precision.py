"""Half precision on NumPy, which has no fast arithmetic for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simgpu.kernels.dtypes import HALF
from simgpu.kernels.rules import Attributes, Compute


def through_single(compute: Compute, *, everywhere: bool = False) -> Compute:
    """Return array code that computes half precision in float32 on NumPy, and rounds the result once.

    So sums are accumulated as GPUs do it. Any other module or dtype goes straight to `compute`, but for bfloat16, for
    which CuPy has few functions, and what is to be so `everywhere`: half precision cannot hold it on the way.
    """

    def rounded(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        dtype = inputs[0].dtype
        is_meant = dtype.itemsize == 2 and (everywhere or xp.__name__ == "numpy" or dtype.kind == "V")
        if not is_meant or dtype.name not in HALF:  # the name of a dtype is slow
            compute(xp, inputs, outputs, attributes)
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
