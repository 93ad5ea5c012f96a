"""The modelled clock: SimPy's event queue, fed with integers only. The one file that imports SimPy.

SimPy accepts NaN, infinity and floats as delays; this clock takes `int` picoseconds and nothing else. What happens at
one instant happens in the order of its phase, then of a number that the caller gives. SimPy has one event for each
instant, however much is due at it.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, cast

import simpy


class Phase:
    """The order of what happens at one instant; numbers below 2**48 are added to it."""

    CAPACITY, RELEASED, LAUNCHED, ENDED, LATENCY_OVER = (phase << 48 for phase in range(5))


class _Instant:
    """When something is due, as SimPy knows its events: triggered, as a timeout is.

    One stands for all instants: its callbacks, which SimPy takes away when it calls them, are set anew each time.
    """

    __slots__ = ("_ok", "callbacks")

    def __init__(self, callbacks: tuple[Callable[[_Instant], None], ...]) -> None:
        self._ok, self.callbacks = True, callbacks


class Clock:
    """Time in picoseconds, and callbacks at given times. `now_ps` is the present instant."""

    def __init__(self) -> None:
        self.now_ps = 0
        self._environment: Any = simpy.Environment(initial_time=0)
        self._queue = cast("list[tuple[int, int, int, _Instant]]", self._environment._queue)
        self._callbacks = (self._pass_instant,)
        self._instant = _Instant(self._callbacks)
        self._due: dict[int, list[tuple[int, Callable[[Any], None], Any]]] = {}
        """Instant -> a heap of what is due then: its order, whom to call, and with what."""
        self._starts: Callable[[], None] | None = None
        self._solves: Callable[[], None] | None = None

    def after(self, delay_ps: int, order: int, call: Callable[[Any], None], what: Any) -> None:
        """Call back with `what` when `delay_ps` have passed, in the `order` of a phase and a number.

        Of what is due at one instant in one order, all must have the same `call` and `what`.
        """
        if type(delay_ps) is not int or delay_ps < 0:
            raise AssertionError(f"a delay must be an int of 0 or more picoseconds, not {delay_ps!r}")
        at_ps = self.now_ps + delay_ps
        due = self._due.get(at_ps)
        if due is not None:
            heappush(due, (order, call, what))
        else:
            self._due[at_ps] = [(order, call, what)]
            heappush(self._queue, (at_ps, 0, 0, self._instant))  # as `schedule` does

    def start_at_end(self, call: Callable[[], None]) -> None:
        """Call back at the end of this instant, when nothing else is due at it, for what starts then."""
        self._starts = call

    def solve_at_end(self, call: Callable[[], None]) -> None:
        """Call back at the very end of this instant, when nothing starts any more either."""
        self._solves = call

    def run(self) -> None:
        """Let time pass until nothing is due any more. Errors raised in callbacks come out here."""
        if self.now_ps not in self._due:  # something may start before anything is due
            self._due[self.now_ps] = []
            heappush(self._queue, (self.now_ps, 0, 0, self._instant))
        self._environment.run()

    def _pass_instant(self, instant: _Instant) -> None:
        """Do all that is due now, then what starts and what is solved, until no more comes of it."""
        instant.callbacks = self._callbacks
        now_ps = self.now_ps = self._environment._now
        due = self._due[now_ps]
        while True:
            while due:
                _, call, what = heappop(due)
                call(what)
            if self._starts:
                starts, self._starts = self._starts, None
                starts()
            elif self._solves:
                solves, self._solves = self._solves, None
                solves()
            else:
                break
        del self._due[now_ps]
