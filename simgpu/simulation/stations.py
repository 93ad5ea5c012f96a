"""Where tasks wait: gates, launchers, evaluation queues and thread pools.

A station is told what has come or gone, and starts what it can when `dispatch` is called: once at the end of each
instant at which something changed for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol

from simgpu.simulation.clock import Clock, Phase

Begin = Callable[[int], None]
"""Begins a task at this instant."""

Serve = Callable[[int], bool]
"""Begins a task if it may start now, and tells whether it did; if not, its station is told when to ask again."""


class Station(Protocol):
    """Something at which tasks wait. Of several, the one of the lowest `order` is dispatched first."""

    order: int
    is_changed: bool

    def dispatch(self) -> None:
        """Start what can start now."""


def order_of(kind: int, number: int) -> int:
    """Return the order of a station: first by kind, then by number."""
    return (kind << 32) + number


Changed = Callable[[Station], None]
"""Has a station dispatched at the end of this instant."""


class Gate:
    """Places that moves hold from their start to their end: a copy engine has one.

    A move whose turn it is, but that finds its other gate full, waits there.
    """

    def __init__(self, number: int, places: int, enter: Callable[[int, int], None]) -> None:
        self.order = order_of(0, number)
        self.free = places
        self.is_changed = False
        self._enter = enter
        self._waiting: list[tuple[int, int]] = []

    def submit(self, task: int, ready_ps: int) -> None:
        """Have a move wait here."""
        heappush(self._waiting, (ready_ps, task))

    def dispatch(self) -> None:
        """Let enter who can."""
        while self._waiting and self.free:
            ready_ps, task = heappop(self._waiting)
            self._enter(task, ready_ps)


class Launcher:
    """A thread of a host, as far as it launches operations and transfers: one at a time."""

    def __init__(self, clock: Clock, number: int, launching: Begin, launched: Begin) -> None:
        self.order = order_of(1, number)
        self._clock = clock
        self._launching, self._launched = launching, launched
        self._waiting: list[tuple[int, int, int, int]] = []
        self._is_busy = False
        self.is_changed = False

    def submit(self, task: int, rank: int, launch_ps: int) -> None:
        """Have a task wait for its launch."""
        heappush(self._waiting, (rank, self._clock.now_ps, task, launch_ps))

    def dispatch(self) -> None:
        """Begin the next launch."""
        if self._waiting and not self._is_busy:
            self._is_busy = True
            _, _, task, launch_ps = heappop(self._waiting)
            self._launching(task)
            self._clock.after(launch_ps, Phase.LAUNCHED + task, self._end, task)

    def _end(self, task: int) -> None:
        self._is_busy = False
        self._launched(task)


class Queue:
    """An evaluation queue: it has up to `slots` tasks at work at a time, and serves the others in order.

    The first one holds up those behind it while it may not start: it was launched before it was ready, or lacks memory.
    """

    def __init__(self, clock: Clock, number: int, slots: int, serve: Serve) -> None:
        self.order = order_of(2, number)
        self._clock = clock
        self.free = slots
        self.is_changed = False
        self._serve = serve
        self.waiting: list[tuple[int, int, int]] = []

    def submit(self, task: int, rank: int) -> None:
        """Have a task wait for its turn."""
        heappush(self.waiting, (rank, self._clock.now_ps, task))

    def dispatch(self) -> None:
        """Start what is next."""
        waiting = self.waiting
        while self.free and waiting and self._serve(waiting[0][2]):
            self.free -= 1
            heappop(waiting)


class Pool:
    """The intra-op threads of a host: the parts of all operations go through one queue, in order."""

    def __init__(self, clock: Clock, number: int, threads: int, ended: Begin, changed: Changed) -> None:
        self.order = order_of(3, number)
        self._clock = clock
        self.is_changed = False
        self._idle = threads
        self._ended, self._changed = ended, changed
        self._parts: deque[tuple[int, int]] = deque()
        self._left: dict[int, int] = {}

    def submit(self, task: int, parts: int, part_ps: int) -> None:
        """Have the parts of a task wait for threads."""
        self._left[task] = parts
        self._parts.extend([(task, part_ps)] * parts)

    def dispatch(self) -> None:
        """Give parts to idle threads."""
        while self._parts and self._idle:
            self._idle -= 1
            task, part_ps = self._parts.popleft()
            self._clock.after(part_ps, Phase.ENDED + task, self._part_ended, task)

    def _part_ended(self, task: int) -> None:
        self._idle += 1
        self._changed(self)
        self._left[task] -= 1
        if self._left[task] == 0:
            del self._left[task]
            self._ended(task)
