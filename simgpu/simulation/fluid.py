"""Channels that are shared by all who use them at the same time, as a fluid.

A flow has an amount to move (bytes, or picoseconds of compute) over one or more channels at once, and moves at one rate
on all of them. Rates are max-min fair. They change when a flow begins or ends, or a capacity changes, and then only
those of flows that share a channel with it, directly or through others: its component.

How ends are computed, which both engines do alike: a flow's `remaining` is brought up to date only when its rate
changes. Its end is then `ticks` from now: exact where it has not moved yet and its rate is whole, else in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, ulp

from simgpu.simulation.clock import Clock, Phase
from simgpu.simulation.maxmin import max_min_rates
from simgpu.units import PS_PER_S

TICK_TOLERANCE = 1e-3
"""An end within a thousandth of a tick of a whole tick is meant to be on it."""


@dataclass(slots=True, eq=False)
class Flow:
    """`remaining` is what was left at `settled_ps`; `pipes` are the fat pipes of its way, `route` the other channels.

    `limit_per_s` is its own limit, 0 for none. It has a channel of its own, with a number from -1 down, if it has a
    limit or pipes. `timed_ps` is when it has been told to be due.
    """

    task: int
    amount: int
    remaining: float
    route: tuple[int, ...]
    pipes: tuple[int, ...]
    limit_per_s: int
    rate_per_s: float = 0.0
    settled_ps: int = 0
    end_ps: int = -1
    timed_ps: int = -1
    has_moved: bool = False


class Fluid:
    """Shares channels with the given capacities (units per second) among flows; calls back when one has ended."""

    def __init__(
        self, clock: Clock, per_s: Sequence[int], is_fatpipe: Sequence[int], ended: Callable[[int], None]
    ) -> None:
        self._clock = clock
        self._per_s = list(map(float, per_s))
        self._is_fatpipe = is_fatpipe
        self._ended = ended
        self._flows: dict[int, Flow] = {}
        self._users: dict[int, dict[int, Flow]] = {}
        self._changed: set[int] = set()

    def begin(self, task: int, amount: int, channels: Sequence[int], limit_per_s: int = 0) -> None:
        """Begin a flow. One that has nothing to move, or no channels and no limit, ends at this instant."""
        if amount == 0 or not (channels or limit_per_s):
            self._clock.after(0, Phase.ENDED, task, self._ended)
            return
        pipes = tuple(channel for channel in channels if self._is_fatpipe[channel])
        route = tuple(channel for channel in channels if not self._is_fatpipe[channel])
        if pipes or limit_per_s:
            route = (*route, -1 - task)
        flow = Flow(task, amount, float(amount), route, pipes, limit_per_s, settled_ps=self._clock.now_ps)
        self._flows[task] = flow
        users = self._users
        is_alone = True
        for channel in route:
            others = users.get(channel)
            if others is None:
                users[channel] = {task: flow}
            else:
                is_alone = is_alone and not others
                others[task] = flow
        if is_alone:
            self._solve_component([flow])
        else:
            self._solve_later(route)

    def change_capacity(self, channel: int, per_s: int) -> None:
        """Give a channel another capacity."""
        self._per_s[channel] = float(per_s)
        if self._is_fatpipe[channel]:
            self._solve_later([-1 - flow.task for flow in self._flows.values() if channel in flow.pipes])
        else:
            self._solve_later([channel])

    def _solve_later(self, channels: Iterable[int]) -> None:
        """Have the components of channels solved at the end of this instant."""
        if not self._changed:
            self._clock.at_end(Phase.SOLVE, self._solve)
        self._changed.update(channels)

    def _solve(self) -> None:
        changed, self._changed = sorted(self._changed), set()
        seen: set[int] = set()
        for channel in changed:
            if channel not in seen and self._users.get(channel):
                self._solve_component(self._component(channel, seen))

    def _component(self, channel: int, seen: set[int]) -> list[Flow]:
        """Return the flows that share channels with those on one, directly or through others, by number."""
        seen.add(channel)
        users = self._users[channel]
        if all(len(flow.route) == 1 for flow in users.values()):
            return [users[task] for task in sorted(users)]
        flows: dict[int, Flow] = {}
        pending = [channel]
        while pending:
            for task, flow in self._users[pending.pop()].items():
                if task not in flows:
                    flows[task] = flow
                    new = [other for other in flow.route if other not in seen]
                    seen.update(new)
                    pending += new
        return [flows[task] for task in sorted(flows)]

    def _solve_component(self, flows: list[Flow]) -> None:
        """Give the flows of a component new rates, and have those that are due first end then."""
        now_ps = self._clock.now_ps
        for flow, rate in zip(flows, self._rates(flows), strict=True):
            if rate != flow.rate_per_s:
                _change_rate(flow, rate, now_ps)
        first_ps = flows[0].end_ps if len(flows) == 1 else min([flow.end_ps for flow in flows])
        for flow in flows:
            if flow.end_ps == first_ps != flow.timed_ps:
                flow.timed_ps = first_ps
                self._clock.after(first_ps - now_ps, Phase.ENDED, flow.task, self._due)

    def _rates(self, flows: list[Flow]) -> list[float]:
        """Return max-min fair rates. Where there is one channel, or one flow, they are plain to see."""
        route, count = flows[0].route, len(flows)
        if len(route) == 1 and (count == 1 or all(flow.route == route for flow in flows)):
            return [self._capacity(route[0]) / count] * count
        if count == 1:
            return [min([self._capacity(channel) / route.count(channel) for channel in route])]
        capacities = {channel: self._capacity(channel) for flow in flows for channel in flow.route}
        return max_min_rates([flow.route for flow in flows], capacities)

    def _capacity(self, channel: int) -> float:
        if channel >= 0:
            return self._per_s[channel]
        flow = self._flows[-1 - channel]
        limits = [self._per_s[pipe] for pipe in flow.pipes]
        return min([*limits, float(flow.limit_per_s)] if flow.limit_per_s else limits)

    def _due(self, task: int) -> None:
        """End a flow, unless it is due at another time by now."""
        flow = self._flows.get(task)
        if flow is None:
            return
        if flow.end_ps != self._clock.now_ps:
            flow.timed_ps = -1
            return
        del self._flows[task]
        for channel in flow.route:
            self._users[channel].pop(task, None)  # a route may pass a channel twice
        left = [channel for channel in flow.route if self._users[channel]]
        if left:
            self._solve_later(left)
        self._ended(task)


def _change_rate(flow: Flow, rate_per_s: float, now_ps: int) -> None:
    if flow.rate_per_s and now_ps > flow.settled_ps:
        flow.remaining -= flow.rate_per_s * ((now_ps - flow.settled_ps) / PS_PER_S)
        flow.has_moved = True
    flow.settled_ps, flow.rate_per_s = now_ps, rate_per_s
    if not flow.has_moved and rate_per_s.is_integer():
        flow.end_ps = now_ps - (-flow.amount * PS_PER_S // int(rate_per_s))
    else:
        flow.end_ps = now_ps + ticks(flow.remaining * PS_PER_S / rate_per_s)


def ticks(duration: float) -> int:
    """Round a duration up to whole ticks; to the nearest where it lies within a few roundings of that."""
    nearest = round(duration)
    tolerance = max(TICK_TOLERANCE, 4 * ulp(duration))  # from 5 s on, a few roundings of a float exceed the former
    return max(0, nearest if abs(duration - nearest) < tolerance else ceil(duration))
