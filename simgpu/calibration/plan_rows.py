"""Cases as tables: a row for operation types that take the same inputs, measured over sizes and dtypes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simgpu.calibration.case import Case
from simgpu.graph import TensorSpec

Shape = tuple[int, ...]
Inputs = Callable[[int], Sequence[Shape | TensorSpec]]
"""From a size: a shape for each input of the measured dtype, a whole spec for one of another dtype."""
AttributesOf = Mapping[str, Any] | Callable[[int], Mapping[str, Any]]

_TIERS_OF_FIRST, _TIERS_OF_OTHERS = (0, 1, 1, 2, 3, 3), (1, 1, 2)
"""Of the sizes of the first dtype, and of each other one, which has fewer."""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """Types that take the same inputs, and the dtypes that they are measured on beside the `first`.

    The first dtype is measured over all sizes, the others over three; without a first, there are only the others.
    `sizes` come in the order of what they tell: a small one, one in the middle, a large one, then more. `attributes`
    may depend on the size. `tier` is that of the first size.
    """

    types: str
    inputs: Inputs
    others: str = ""
    attributes: AttributesOf = field(default_factory=dict)
    first: str = "float32"
    sizes: Sequence[int] = (8, 14, 20, 22, 24, 17)
    tier: int = 0


def cases_of(rows: Sequence[PlanRow]) -> Iterator[Case]:
    """Yield the cases of a table: every type of a row, over its dtypes and sizes."""
    for row in rows:
        for type in row.types.split():
            for dtype in (*row.first.split(), *row.others.split()):
                tiers = _TIERS_OF_FIRST if dtype == row.first else _TIERS_OF_OTHERS
                for tier, size in zip(tiers, row.sizes, strict=False):
                    yield _case(row, type, dtype, size, tier + row.tier)


def _case(row: PlanRow, type: str, dtype: str, size: int, tier: int) -> Case:
    given = row.inputs(size)
    specs = tuple(spec if isinstance(spec, TensorSpec) else TensorSpec(spec, dtype) for spec in given)
    attributes = row.attributes(size) if callable(row.attributes) else row.attributes
    return Case(type, specs, attributes if specs else {"dtype": dtype, **attributes}, tier)
