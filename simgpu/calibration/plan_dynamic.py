"""Cases of operations whose results have shapes that follow from values: `values` gives them such as make these."""

from __future__ import annotations

from collections.abc import Iterator

from simgpu.calibration.case import Case
from simgpu.graph import TensorSpec

_SIZES = ((8, 0), (14, 1), (20, 1), (17, 2), (23, 3))
"""Logarithms of the number of elements, and tiers."""
_COLUMNS = 64
REPEATS, OF_EACH_VALUE = 2, 4
"""How often each row is repeated; how many elements have each value, where unique ones are sought."""
KEPT = (1, 0)
"""Which elements are not 0, or chosen by a mask, again and again."""


def dynamic_cases() -> Iterator[Case]:
    """Yield cases over sizes, on three dtypes."""
    for size, tier in _SIZES:
        for dtype in ("float32", "float64", "int64"):
            later = tier + (dtype != "float32")
            if later <= 3:
                yield from _of_size(2**size, dtype, later)


def _of_size(count: int, dtype: str, tier: int) -> Iterator[Case]:
    rows = count // _COLUMNS
    table, line = TensorSpec((rows, _COLUMNS), dtype), TensorSpec((count,), dtype)
    kept, each = count * sum(KEPT) // len(KEPT), count // OF_EACH_VALUE
    whole, places, counts = _integers(count), _integers(kept), _integers(each)
    unique, repeated = TensorSpec((each,), dtype), TensorSpec((rows * REPEATS, _COLUMNS), dtype)
    chosen = TensorSpec((kept,), dtype)
    yield Case("nonzero", (table,), {}, tier, results=(places, places))
    yield Case("getitem_mask", (line, TensorSpec((count,), "bool")), {"key": ("mask",)}, tier, results=(chosen,))
    yield Case("repeat_each", (table, _integers(rows)), {"axis": 0}, tier, results=(repeated,))
    yield Case("unique_values", (line,), {}, tier, results=(unique,))
    yield Case("unique_counts", (line,), {}, tier, results=(unique, counts))
    yield Case("unique_inverse", (line,), {}, tier, results=(unique, whole))
    yield Case("unique_all", (line,), {}, tier, results=(unique, counts, whole, counts))


def _integers(count: int) -> TensorSpec:
    return TensorSpec((count,), "int64")
