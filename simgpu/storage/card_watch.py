"""Watches what grows on a card outside of all limits, and warns where it outgrows the reserve that is kept for it.

To look costs tens of microseconds, so it is done now and then: when scopes are left, and at the end of runs.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from threading import RLock
from time import monotonic

from simgpu.errors import ReserveWarning
from simgpu.storage.driver import Driver
from simgpu.trace import CardUse
from simgpu.units import MiB, short_size

LOOK_EVERY_S = 0.1
"""Between two looks at a card lies at least this time, unless a run ends."""
STEP_BYTES = 512 * MiB
"""A second warning comes when what lies outside has grown by so much since the first."""


class CardWatch:
    """What one storage sees of its card outside of all limits: before the first device opened, now, and at most.

    With a reserve of 0, nothing is kept free, and nothing is warned of.
    """

    def __init__(self, driver: Driver, reserve_bytes: int, clock: Callable[[], float] = monotonic) -> None:
        self.before_bytes: int | None = None
        self.highest_bytes = 0
        self._driver = driver
        self._reserve_bytes = reserve_bytes
        self._warns_beyond_bytes = reserve_bytes
        self._clock = clock
        self._next_look_s = 0.0
        self._lock = RLock()  # a finalizer may close a runtime, and look, in the midst of another look

    def begin(self, outside_bytes: int) -> None:
        """Note what lies outside before the first device opens: other programs, and CUDA's context."""
        self.before_bytes = outside_bytes
        self.highest_bytes = max(self.highest_bytes, outside_bytes)

    def is_due(self) -> bool:
        """Tell whether it is time to look again; then it is not for a while."""
        now = self._clock()
        if self.before_bytes is None or now < self._next_look_s:
            return False
        self._next_look_s = now + LOOK_EVERY_S
        return True

    def seen(self, use: CardUse) -> None:
        """Note what of the card is used, and warn if that is more than it should be."""
        with self._lock:
            if self.before_bytes is not None:
                self.before_bytes = min(self.before_bytes, use.before_bytes)
            self.highest_bytes = max(self.highest_bytes, use.outside_bytes)
            is_new = bool(self._reserve_bytes) and use.grown_bytes > self._warns_beyond_bytes
            if is_new:
                self._warns_beyond_bytes = use.grown_bytes + STEP_BYTES
        if is_new:
            warnings.warn(self._warning(use), ReserveWarning, stacklevel=_callers_level())

    def _warning(self, use: CardUse) -> str:
        facts = self._driver.facts()
        card = " ".join(filter(None, ("the card", facts["name"], facts["pci_bus_id"])))
        return (
            f"{card}: {short_size(use.outside_bytes)} lie outside of every limit, {short_size(use.grown_bytes)} of "
            f"them since its first device opened, and the reserve for that is {short_size(self._reserve_bytes)}; "
            f"{short_size(use.free_bytes)} of {short_size(use.total_bytes)} are free. CUDA's modules lie there, work "
            "areas of its libraries, other programs, and what is taken around the library: raise reserve_bytes of "
            "CupyStorage, close other programs, or look for what takes memory without CuPy's allocator"
        )


def _callers_level() -> int:
    """Return the `stacklevel` that names the line of the program: the first one that is not the library's own."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(("simgpu.", "contextlib")):
        frame, level = frame.f_back, level + 1
    return level
