"""The modelled clock: SimPy's event queue, fed with integers only. The one file that imports SimPy.

SimPy accepts NaN, infinity and floats as delays; this clock takes `int` picoseconds and nothing else. What happens at
one instant happens in the order of its phase, then of a number that the caller gives.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from typing import Any

import simpy


class Phase:
    """The order of what happens at one instant; numbers below 2**48 are added to it."""

    CAPACITY, RELEASED, LAUNCHED, ENDED, LATENCY_OVER = (phase << 48 for phase in range(5))


class Event:
    """Something that is due once or several times, as SimPy knows its events: triggered, as a timeout is.

    `callbacks` are called with it when it is due; they are to be set anew for each time.
    """

    __slots__ = ()

    callbacks: tuple[Callable[[Any], None], ...]
    _ok = True


class Due(Event):
    """Something that is due once; `what` is what was given with it."""

    __slots__ = ("callbacks", "what")

    def __init__(self, call: Callable[[Due], None], what: Any) -> None:
        self.callbacks = (call,)
        self.what = what


class Clock:
    """Time in picoseconds, and callbacks at given times. `now_ps` is the present instant."""

    def __init__(self) -> None:
        environment: Any = simpy.Environment(initial_time=0)
        self.now_ps = 0
        self._queue, self._numbers, self._step = environment._queue, environment._eid, environment.step
        self._starts: Callable[[], None] | None = None
        self._solves: Callable[[], None] | None = None

    def after(self, delay_ps: int, order: int, what: Any, call: Callable[[Due], None]) -> None:
        """Call back when `delay_ps` have passed, in the `order` of a phase and a number."""
        self.put(Due(call, what), order, delay_ps)

    def put(self, event: Event, order: int, delay_ps: int) -> None:
        """Have an event due when `delay_ps` have passed, in the `order` of a phase and a number."""
        if delay_ps.__class__ is not int or delay_ps < 0:
            raise AssertionError(f"a delay must be an int of 0 or more picoseconds, not {delay_ps!r}")
        heappush(self._queue, (self.now_ps + delay_ps, order, next(self._numbers), event))  # as `schedule` does

    def start_at_end(self, call: Callable[[], None]) -> None:
        """Call back at the end of this instant, when nothing else is due at it, for what starts then."""
        self._starts = call

    def solve_at_end(self, call: Callable[[], None]) -> None:
        """Call back at the very end of this instant, when nothing starts any more either."""
        self._solves = call

    def run(self) -> None:
        """Let time pass until nothing is due any more. Errors raised in callbacks come out here."""
        queue, step = self._queue, self._step
        self._end_instant()  # something may start before anything is due
        while True:
            if not queue:
                return
            self.now_ps = queue[0][0]
            step()
            if self._starts or self._solves:
                self._end_instant()

    def _end_instant(self) -> None:
        """Do what else is due at this instant, then what starts and what is solved, until no more comes of it."""
        queue, step, now_ps = self._queue, self._step, self.now_ps
        while True:
            while queue and queue[0][0] == now_ps:
                step()
            if self._starts:
                call, self._starts = self._starts, None
            elif self._solves:
                call, self._solves = self._solves, None
            else:
                return
            call()
