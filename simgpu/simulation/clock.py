"""The modelled clock: SimPy's event queue, fed with integers only. The one file that imports SimPy.

SimPy accepts NaN, infinity and floats as delays; this clock takes `int` picoseconds and nothing else. Events at one
instant come in the order of their scheduling, and the `at_end_of_instant` callbacks after all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import simpy
from simpy.events import EventPriority

Callback = Callable[[], None]
_LAST = EventPriority(2)  # behind SimPy's URGENT (0) and NORMAL (1)


class Clock:
    """Time in picoseconds, and callbacks at given times."""

    def __init__(self) -> None:
        self._environment = simpy.Environment(initial_time=0)

    @property
    def now_ps(self) -> int:
        """The present instant."""
        return int(self._environment.now)

    def after(self, delay_ps: int, callback: Callback) -> None:
        """Call back when `delay_ps` have passed."""
        if type(delay_ps) is not int or delay_ps < 0:
            raise AssertionError(f"a delay must be an int of 0 or more picoseconds, not {delay_ps!r}")
        self._environment.timeout(delay_ps).callbacks.append(lambda _: callback())

    def at_end_of_instant(self, callback: Callback) -> None:
        """Call back at the present instant, after everything else that is scheduled for it so far."""
        event = self._environment.event()
        event._ok, event._value = True, None  # as simpy.Timeout does: triggered when made
        event.callbacks.append(lambda _: callback())
        self._environment.schedule(event, priority=_LAST)

    def run(self) -> None:
        """Let time pass until nothing is scheduled any more. Errors raised in callbacks come out here."""
        self._environment.run()
