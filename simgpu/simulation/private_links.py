"""Links from one place to one other, whose channel is on no route with other channels: they can look ahead.

All moves on such a link begin to flow the same latency after they start, so none comes in before those that have
started. The link knows at once who flows when, and the clock need not tell it when a latency is over. What comes out is
what a `Fluid` gives, but for roundings: whenever somebody comes or goes, what is left for each is brought up to date in
float64. The end of a move that is alone all the time is exact.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from simgpu.simulation.clock import Clock, Phase
from simgpu.simulation.fluid import ticks
from simgpu.simulation.workload import MOVE, NONE, Workload
from simgpu.units import PS_PER_S

_ENDED = Phase.ENDED
_FLOAT_PS_PER_S = float(PS_PER_S)
_NEVER_PS = 2**200
_MORE_THAN_ROUNDING = 1 + 1e-9


class PrivateLink:
    """A channel that all who flow on it share equally; each begins to flow `latency_ps`, 1 or more, after its start."""

    __slots__ = (
        *("_clock", "_due_here", "_ended", "_is_changed", "_latency_ps", "_per_s"),
        *("_coming", "_due_tasks", "_ending", "_first_ps", "_left", "_rate_per_s", "_settled_ps", "_tasks"),
    )

    def __init__(self, clock: Clock, per_s: int, latency_ps: int, ended: Callable[[int], None]) -> None:
        self._clock, self._ended, self._per_s, self._latency_ps = clock, ended, per_s, latency_ps
        self._tasks: list[int] = []
        """Who flows, in the order in which they end."""
        self._left: list[float] = []
        """How much each of them has still to move at `_settled_ps`; the rate of all is `_rate_per_s`."""
        self._settled_ps, self._rate_per_s = 0, 0.0  # it may be an instant to come, at which another comes in
        self._first_ps = _NEVER_PS
        """When the first of them ends. Who comes in before that is one of them already."""
        self._coming: deque[tuple[int, int, int]] = deque()
        """Who comes in later, as (from when on, task, amount)."""
        self._ending = 0
        """How many of them end then."""
        self._due_tasks: set[int] = set()
        """Who of these has still to be told."""
        self._is_changed = False
        self._due_here = self._due

    def begin(self, task: int, amount: int) -> None:
        """Start a move of 1 or more, which flows when the latency has passed."""
        from_ps = self._clock.now_ps + self._latency_ps
        if from_ps >= self._first_ps:
            self._coming.append((from_ps, task, amount))
        elif self._tasks:
            self._join(from_ps, task, amount)
            self._have_first_due(from_ps)
        else:
            self._come_in_alone(from_ps, task, amount)
            self._have_one_due(task)

    def _come_in_alone(self, now_ps: int, task: int, amount: int) -> None:
        """Let one flow from an instant on at which nobody does. Its end is exact, however much it moves."""
        self._tasks, self._left = [task], [float(amount)]
        self._settled_ps, self._rate_per_s = now_ps, float(self._per_s)
        self._first_ps = now_ps - (-amount * PS_PER_S // self._per_s)

    def _join(self, now_ps: int, task: int, amount: int) -> None:
        """Let one more flow from an instant on."""
        self._settle(now_ps)
        left = float(amount)
        place = bisect_right(self._left, left)
        self._tasks.insert(place, task)
        self._left.insert(place, left)
        self._share(now_ps)

    def _settle(self, now_ps: int) -> None:
        """Bring up to date what is left."""
        moved_ps = now_ps - self._settled_ps
        if moved_ps:
            moved = self._rate_per_s * (moved_ps / PS_PER_S)
            self._left = [left - moved for left in self._left]
            self._settled_ps = now_ps

    def _share(self, now_ps: int) -> None:
        """Give all the same rate from an instant on at which what is left is up to date."""
        self._rate_per_s = self._per_s / len(self._tasks)
        self._first_ps = now_ps + ticks(self._left[0] * _FLOAT_PS_PER_S / self._rate_per_s)

    def _have_first_due(self, from_ps: int, *, is_over: bool = False) -> None:
        """Have those due that end first.

        Unless this instant `is_over`, others may come in yet. If several end together, or at the instant from which on
        they share, the link is solved again at the end of this instant, or of that one.
        """
        now_ps, first_ps, task = self._clock.now_ps, self._first_ps, self._tasks[0]
        if from_ps == first_ps and not (is_over and from_ps == now_ps):
            self._due_tasks = set()
            self._clock.after(from_ps - now_ps, Phase.LATENCY_OVER + task, self._solve_at_end, task)
            return
        if len(self._left) > 1:
            soon_ps = (first_ps - from_ps + 1) * _MORE_THAN_ROUNDING
            if self._left[1] * _FLOAT_PS_PER_S < soon_ps * self._rate_per_s:
                self._have_all_due(from_ps, is_over)
                return
        self._have_one_due(task)

    def _have_one_due(self, task: int) -> None:
        """Have one due that ends first."""
        self._ending, self._due_tasks = 1, {task}
        self._clock.after(self._first_ps - self._clock.now_ps, _ENDED + task, self._due_here, task)

    def _have_all_due(self, from_ps: int, is_over: bool) -> None:
        """Have those due that end with the first one, or this done at the end of this instant."""
        self._ending = 1
        for left in self._left[1:]:
            if from_ps + ticks(left * _FLOAT_PS_PER_S / self._rate_per_s) > self._first_ps:
                break
            self._ending += 1
            if not is_over:
                self._due_tasks = set()
                self._solve_at_end(NONE)
                return
        self._due_tasks = set(self._tasks[: self._ending])
        for task in self._due_tasks:
            self._clock.after(self._first_ps - self._clock.now_ps, _ENDED + task, self._due_here, task)

    def _due(self, task: int) -> None:
        """End a move, unless it is due at another time by now, or has ended."""
        if self._clock.now_ps != self._first_ps or task not in self._due_tasks:
            return
        self._due_tasks.remove(task)
        if not self._due_tasks:
            if self._ending == 1:
                del self._tasks[0], self._left[0]
            else:
                del self._tasks[: self._ending], self._left[: self._ending]
            if self._tasks or self._coming:
                self._go_on()
            else:
                self._first_ps = _NEVER_PS
        self._ended(task)

    def _solve_at_end(self, _: int) -> None:
        if not self._is_changed:
            self._is_changed = True
            self._clock.solves.append(self._solve)

    def _solve(self) -> None:
        self._is_changed = False
        self._go_on(is_over=True)

    def _go_on(self, *, is_over: bool = False) -> None:
        """Share among those who still flow, and then among them and each who comes in before the first of them ends."""
        from_ps, coming = max(self._clock.now_ps, self._settled_ps), self._coming
        self._first_ps = _NEVER_PS
        if self._tasks:
            self._settle(from_ps)
            self._share(from_ps)
        while coming and (coming[0][0] == from_ps or coming[0][0] < self._first_ps):
            from_ps, task, amount = coming.popleft()
            come_in = self._join if self._tasks else self._come_in_alone
            come_in(from_ps, task, amount)
        if self._tasks:
            self._have_first_due(from_ps, is_over=is_over)


def private_routes(workload: Workload) -> NDArray[np.bool_]:
    """Tell of each route whether its moves go over a private link under `fair` links.

    That is a route with a latency, of one channel that is no fat pipe, no card, is on no other route but such with the
    same latency, has the same capacity all the time, and carries no move with a limit of its own.
    """
    resources = workload.resources
    hops, latency_ps = np.diff(resources.route_starts), resources.route_latency_ps
    may_be: NDArray[np.bool_] = (hops == 1) & (latency_ps > 0)
    may_be[workload.where[(workload.kind == MOVE) & (workload.rate_cap > 0) & (workload.where != NONE)]] = False
    is_shared = resources.channel_is_fatpipe != 0
    is_shared[resources.change_channel] = True
    is_shared[resources.queue_card[resources.queue_card != NONE]] = True
    is_shared[resources.route_channels[~np.repeat(may_be, hops)]] = True
    only = resources.route_channels[resources.route_starts[:-1][may_be]]
    some_latency_ps = np.zeros(len(is_shared), np.int64)
    some_latency_ps[only] = latency_ps[may_be]
    is_shared[only[some_latency_ps[only] != latency_ps[may_be]]] = True
    may_be[may_be] = ~is_shared[only]
    return may_be
