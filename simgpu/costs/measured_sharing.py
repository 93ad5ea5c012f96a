"""How much of a card an operation keeps busy, by what siblings at work at once were measured to take from each other.

With k siblings that each keep a share s of the card busy, an operation takes max(1, k s) times as long as alone: what
`simulation` makes of shares. So a slowdown of more than 1 among k siblings tells s = slowdown / k, 1 at most; where no
number of siblings made a difference, it is taken to be what would just have made none for the most of them.

A share is linear in the logarithm of the time alone, between the samples of products for products, and those of others
for others; before the first and behind the last it is that of the nearest. Without samples it is 1: a card that serves
one after the other is as fast.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean

import numpy as np

from simgpu.costs.measured_features import FAMILIES
from simgpu.costs.measured_records import ContentionSample
from simgpu.kernels.rules import Specs

WHOLE = 1.0
_NOTICEABLE = 1.05
"""A slowdown from which on siblings take something from each other; below it is noise."""
_PRODUCTS = frozenset({"Conv", "Gemm", "MatMul", "tensordot", "vecdot"})
"""Families of products; those of `linalg` are the same functions."""


class Shares:
    """The shares of a card that operations keep busy."""

    def __init__(self, samples: Iterable[ContentionSample]) -> None:
        found: defaultdict[tuple[str, Specs], list[ContentionSample]] = defaultdict(list)
        for sample in samples:
            found[sample.type, sample.inputs].append(sample)
        points: defaultdict[bool, list[tuple[float, float]]] = defaultdict(list)
        for (type, _), alike in found.items():
            points[_is_product(type)].append((math.log(max(1, alike[0].alone_ps)), _share(alike)))
        self._points = {are_products: sorted(some) for are_products, some in points.items()}

    def of(self, type: str, device_ps: int) -> float:
        """Return the share of a card that an operation of a type keeps busy, which alone takes so long."""
        is_product = _is_product(type)
        points = self._points.get(is_product) or self._points.get(not is_product)
        if points is None:
            return WHOLE
        times, shares = zip(*points, strict=True)
        return float(np.interp(math.log(max(1, device_ps)), times, shares))


def _is_product(type: str) -> bool:
    return FAMILIES.get(type, type).removeprefix("linalg.") in _PRODUCTS


def _share(samples: Sequence[ContentionSample]) -> float:
    """Return the share of one operation by its samples with different numbers of siblings."""
    slowdowns = {sample.siblings: sample.together_ps / max(1, sample.alone_ps) for sample in samples}
    told = [slowdown / siblings for siblings, slowdown in slowdowns.items() if slowdown > _NOTICEABLE]
    return min(WHOLE, fmean(told)) if told else 1 / max(slowdowns)
