"""The modelled clock: SimPy's event queue, fed with integers only. The one file that imports SimPy.

SimPy accepts NaN, infinity and floats as delays; this clock takes `int` picoseconds and nothing else. What happens at
one instant happens in the order of its phase, then of a number that the caller gives.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import simpy

Callback = Callable[[int], None]
"""Is called with the number that was given with it."""

_NUMBERS = 48  # bits; phases stand above them


class Phase(IntEnum):
    """The order of what happens at one instant."""

    CAPACITY = 0
    RELEASED = 1
    LAUNCHED = 2
    ENDED = 3
    LATENCY_OVER = 4
    START = 5  # this and the next one at the end of an instant
    SOLVE = 6


class _Due(simpy.Event):
    """Something that is due: triggered when made, as `simpy.Timeout` is, and its own callback."""

    _ok, _value = True, None  # what an event says of itself that has been triggered

    def __init__(self, call: Callback, number: int) -> None:
        self.call, self.number = call, number
        self.callbacks = [self]

    def __call__(self, _: simpy.Event) -> None:
        self.call(self.number)


class Clock:
    """Time in picoseconds, and callbacks at given times."""

    def __init__(self) -> None:
        self._environment = simpy.Environment(initial_time=0)
        self._schedule = self._environment.schedule
        self._at_end: dict[Phase, Callable[[], None]] = {}

    @property
    def now_ps(self) -> int:
        """The present instant."""
        return self._environment._now  # type: ignore[return-value]

    def after(self, delay_ps: int, phase: Phase, number: int, call: Callback) -> None:
        """Call back with `number` when `delay_ps` have passed, in the order of phases and numbers."""
        if delay_ps.__class__ is not int or delay_ps < 0:
            raise AssertionError(f"a delay must be an int of 0 or more picoseconds, not {delay_ps!r}")
        self._schedule(_Due(call, number), (phase << _NUMBERS) + number, delay_ps)  # type: ignore[arg-type]

    def at_end(self, phase: Phase, call: Callable[[], None]) -> None:
        """Call back at the end of this instant, when nothing of an earlier phase is due; once for each phase."""
        self._at_end[phase] = call

    def run(self) -> None:
        """Let time pass until nothing is due any more. Errors raised in callbacks come out here."""
        environment, at_end = self._environment, self._at_end
        queue, step = environment._queue, environment.step
        while queue or at_end:
            if at_end and not (queue and queue[0][0] == environment._now):
                at_end.pop(min(at_end))()
            else:
                step()
