"""The modelled clock: SimPy's event queue, fed with integers only. The one file that imports SimPy.

SimPy accepts NaN, infinity and floats as delays; this clock takes `int` picoseconds and nothing else. What happens at
one instant happens in the order of its phase, then of a number that the caller gives. SimPy has one event for each
instant, however much is due at it.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
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
        self._mark_ps: float = inf
        self._at_mark: Callable[[], None] = lambda: None
        self.starts: Callable[[], None] | None = None
        """Called at the end of this instant, when nothing else is due at it, for what starts then."""
        self.solves: list[Callable[[], None]] = []
        """Called at the very end of this instant, when nothing starts any more either."""

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

    def call_from(self, at_ps: int, call: Callable[[], None]) -> None:
        """Call back, once, before anything happens from an instant on; if nothing does any more, never."""
        self._mark_ps, self._at_mark = at_ps, call

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
        if now_ps >= self._mark_ps:
            self._at_mark()
            self._mark_ps = inf
        due = self._due[now_ps]
        while True:
            while due:
                _, call, what = heappop(due)
                call(what)
            if self.starts:
                starts, self.starts = self.starts, None
                starts()
            elif self.solves:
                solves, self.solves = self.solves, []
                for solve in solves:
                    solve()
            else:
                break
        del self._due[now_ps]
