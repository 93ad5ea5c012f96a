"""Random numbers of CuPy: each logical device has a generator of its own, with a seed of its own.

CuPy keeps one generator for a card. In its place stands one that leaves everything to the generator of the device that
is entered, so draws on one device never change those on another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cupy


class DeviceRandomState(cupy.random.RandomState):  # type: ignore[misc]  # CuPy carries no types
    """Stands for the generator that `current` returns; it has none itself."""

    def __init__(self, current: Callable[[], Any]) -> None:
        self._current = current

    def __getattr__(self, name: str) -> Any:
        return getattr(self._current(), name)

    @property
    def _rk_seed(self) -> Any:
        return self._current()._rk_seed

    @_rk_seed.setter
    def _rk_seed(self, seed: Any) -> None:
        self._current()._rk_seed = seed

    def seed(self, seed: Any = None) -> None:
        """Seed the generator of the device that is entered."""
        self._current().seed(seed)
