"""Recipes for the first value of a variable. The arrays themselves are made where the kernels are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Constant:
    """Every element is `value`."""

    value: float | int | bool


@dataclass(frozen=True, slots=True)
class Normal:
    """Independent normal values from the stream that `seed` names (`numpy.random.SeedSequence` entropy)."""

    mean: float
    std: float
    seed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Uniform:
    """Independent uniform values in [low, high) from the stream that `seed` names."""

    low: float
    high: float
    seed: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """A given array: anything with `shape` and `dtype` that NumPy can read."""

    array: Any


Initializer = Constant | Normal | Uniform | Data
