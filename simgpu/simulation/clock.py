"""The modelled clock: SimPy's event queue, fed with integers only. The one file that imports SimPy.

SimPy accepts NaN, infinity and floats as delays; this clock takes `int` picoseconds and nothing else. What happens at
one instant happens in the order of its phase, then of a number that the caller gives.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import simpy
from simpy.events import EventPriority

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
    START = 5
    SOLVE = 6


class _Due(simpy.Event):
    """Something that is due: triggered when made, as `simpy.Timeout` is, and its own callback."""

    def __init__(self, environment: simpy.Environment, call: Callback, number: int) -> None:
        self.env = environment
        self.callbacks = [self]
        self._ok, self._value = True, None
        self.call, self.number = call, number

    def __call__(self, _: simpy.Event) -> None:
        self.call(self.number)


class Clock:
    """Time in picoseconds, and callbacks at given times."""

    def __init__(self) -> None:
        self._environment = simpy.Environment(initial_time=0)

    @property
    def now_ps(self) -> int:
        """The present instant."""
        return self._environment._now  # type: ignore[return-value]

    def after(self, delay_ps: int, phase: Phase, number: int, call: Callback) -> None:
        """Call back with `number` when `delay_ps` have passed, in the order of phases and numbers."""
        if delay_ps.__class__ is not int or delay_ps < 0:
            raise AssertionError(f"a delay must be an int of 0 or more picoseconds, not {delay_ps!r}")
        environment = self._environment
        due = _Due(environment, call, number)
        environment.schedule(due, EventPriority((phase << _NUMBERS) + number), delay_ps)

    def run(self) -> None:
        """Let time pass until nothing is due any more. Errors raised in callbacks come out here."""
        self._environment.run()
