"""Channels that are shared by all who use them at the same time, as a fluid.

A flow has an amount to move (bytes, or picoseconds of compute) over one or more channels at once, and moves at one rate
on all of them. Rates are max-min fair. They change when a flow begins or ends, or a capacity changes, and then only
those of flows that share a channel with it, directly or through others: its component.

How ends are computed, which both engines do alike: a flow's `remaining` is brought up to date only when its rate
changes. Its end is then `ticks` from now: exact where it has not moved yet and its rate is whole, else in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, inf, ulp

from simgpu.simulation.clock import Clock, Phase
from simgpu.simulation.maxmin import max_min_rates
from simgpu.simulation.workload import NONE
from simgpu.units import PS_PER_S

TICK_TOLERANCE = 1e-3
"""An end within a thousandth of a tick of a whole tick is meant to be on it."""

_PS_PER_S = float(PS_PER_S)  # exactly; Python multiplies floats sooner than a float and an int
_ENDED, _LATENCY_OVER = Phase.ENDED, Phase.LATENCY_OVER
_SHORT = 2.0**40
"""Below it, four units in the last place of a float are less than the tolerance."""


class Channel:
    """Something of a capacity, in units per second, and its users, of which `crossing` use other channels, too."""

    __slots__ = ("crossing", "is_changed", "number", "per_s", "users")

    def __init__(self, number: int, per_s: float) -> None:
        self.number, self.per_s = number, per_s
        self.users: dict[int, Flow] = {}
        self.crossing = 0
        self.is_changed = False


class _Own(Channel):
    """What limits one flow by itself: a limit of its own, 0 for none, and the fat pipes on its way."""

    __slots__ = ("limit_per_s", "pipes")

    def __init__(self, task: int, limit_per_s: int, pipes: tuple[Channel, ...]) -> None:
        self.limit_per_s, self.pipes = float(limit_per_s) or inf, pipes
        super().__init__(-1 - task, self.least())

    def least(self) -> float:
        """Return the least of the limits."""
        return min([self.limit_per_s, *(pipe.per_s for pipe in self.pipes)])


class Way:
    """A route, ready for use: `pipes` are its fat pipes, `route` the other channels, as often as it passes them.

    `only` is its one channel, if that is all.
    """

    def __init__(self, route: tuple[Channel, ...], pipes: tuple[Channel, ...]) -> None:
        self.route, self.pipes = route, pipes
        self.only = route[0] if len(route) == 1 and not pipes else None


class Flow:
    """What one task moves, and that it begins, and that it ends.

    `remaining` is what was left at `settled_ps`, None while it has not moved. If it has a limit of its own, or pipes,
    the last channel of its route is its own, of a number from -1 down. `timed_ps` is when it was last put on the clock.
    """

    __slots__ = (
        *("task", "amount", "way", "route", "limit_per_s"),
        *("rate_per_s", "remaining", "settled_ps", "end_ps", "timed_ps"),
    )

    def __init__(self, task: int, amount: int, way: Way, limit_per_s: int = 0) -> None:
        self.task, self.amount, self.way, self.limit_per_s = task, amount, way, limit_per_s
        self.route = way.route
        self.rate_per_s = 0.0
        self.remaining: float | None = None
        self.settled_ps = self.end_ps = self.timed_ps = NONE


class Fluid:
    """Shares channels with the given capacities (units per second) among flows; calls back when one has ended."""

    def __init__(
        self, clock: Clock, per_s: Sequence[int], is_fatpipe: Sequence[int], ended: Callable[[int], None]
    ) -> None:
        self._clock = clock
        self._channels = [Channel(number, float(capacity)) for number, capacity in enumerate(per_s)]
        self._is_fatpipe = is_fatpipe
        self._ended = ended
        self._changed: list[Channel] = []
        self._solve_changed = self._solve
        self._latency_over, self._is_due = self._begin, self._due

    def way(self, channels: Sequence[int]) -> Way:
        """Return the way over some channels."""
        pipes = tuple(self._channels[it] for it in channels if self._is_fatpipe[it])
        return Way(tuple(self._channels[it] for it in channels if not self._is_fatpipe[it]), pipes)

    def begin(self, flow: Flow, latency_ps: int = 0) -> None:
        """Begin a flow after a latency. One with nothing to move, or no channels and no limit, then ends at once."""
        if latency_ps:
            self._clock.after(latency_ps, _LATENCY_OVER + flow.task, self._latency_over, flow)
        else:
            self._begin(flow)

    def change_capacity(self, channel: int, per_s: int) -> None:
        """Give a channel another capacity."""
        changed = self._channels[channel]
        changed.per_s = float(per_s)
        if not self._is_fatpipe[channel]:
            self._solve_later(changed)
            return
        for flow in changed.users.values():
            own = flow.route[-1]
            assert isinstance(own, _Own), "who uses a fat pipe has a channel of its own"
            own.per_s = own.least()
            self._solve_later(own)

    def _begin(self, flow: Flow) -> None:
        channel = flow.way.only
        if flow.amount == 0 or not (flow.route or flow.way.pipes or flow.limit_per_s):
            self._clock.after(0, _ENDED + flow.task, self._ended, flow.task)
        elif channel is None or flow.limit_per_s:
            self._begin_crossing(flow)
        else:
            users = channel.users
            users[flow.task] = flow
            if len(users) == 1:
                _change_rate(flow, channel.per_s, self._clock.now_ps)
                self._time(flow)
            elif not channel.is_changed:
                self._solve_later(channel)

    def _begin_crossing(self, flow: Flow) -> None:
        """Begin a flow over several channels, or with a limit of its own."""
        for pipe in flow.way.pipes:
            pipe.users[flow.task] = flow
        if flow.way.pipes or flow.limit_per_s:
            flow.route += (_Own(flow.task, flow.limit_per_s, flow.way.pipes),)
        is_alone = True
        for channel in flow.route:
            if flow.task not in channel.users:  # a route may pass a channel twice
                channel.users[flow.task] = flow
                channel.crossing += 1
                is_alone = is_alone and len(channel.users) == 1
        if is_alone:
            self._solve_component([flow])
        else:
            for channel in flow.route:
                self._solve_later(channel)

    def _solve_later(self, channel: Channel) -> None:
        """Have the component of a channel solved at the end of this instant."""
        if not channel.is_changed:
            channel.is_changed = True
            if not self._changed:
                self._clock.solves.append(self._solve_changed)
            self._changed.append(channel)

    def _solve(self) -> None:
        """Give those new rates whose channels have changed."""
        changed, self._changed = self._changed, []
        seen: set[Channel] = set()
        for channel in changed:
            channel.is_changed = False
            if channel.users and not channel.crossing:
                self._share(channel)
            elif channel.users and channel not in seen:
                self._solve_component(_component(channel, seen))

    def _share(self, channel: Channel) -> None:
        """Share a channel among those who use nothing else."""
        now_ps, users = self._clock.now_ps, channel.users
        rate_per_s = channel.per_s / len(users)
        first_ps: float = inf
        for flow in users.values():
            if flow.rate_per_s != rate_per_s:
                _change_rate(flow, rate_per_s, now_ps)
            if flow.end_ps < first_ps:
                first_ps = flow.end_ps
        for flow in users.values():
            if flow.end_ps == first_ps and flow.timed_ps != first_ps:
                self._time(flow)

    def _solve_component(self, flows: list[Flow]) -> None:
        """Give the flows of a component new rates, and have those that are due first end then."""
        now_ps = self._clock.now_ps
        for flow, rate_per_s in zip(flows, _rates(flows), strict=True):
            if flow.rate_per_s != rate_per_s:
                _change_rate(flow, rate_per_s, now_ps)
        first_ps = min([flow.end_ps for flow in flows])
        for flow in flows:
            if flow.end_ps == first_ps and flow.timed_ps != first_ps:
                self._time(flow)

    def _time(self, flow: Flow) -> None:
        """Have a flow due at its end."""
        end_ps = flow.timed_ps = flow.end_ps
        self._clock.after(end_ps - self._clock.now_ps, _ENDED + flow.task, self._is_due, flow)

    def _due(self, flow: Flow) -> None:
        """End a flow, unless it is due at another time by now, or has ended."""
        if flow.end_ps != self._clock.now_ps:
            return
        flow.end_ps = NONE
        channel = flow.way.only
        if channel is None or flow.limit_per_s:
            self._leave(flow)
        else:
            users = channel.users
            del users[flow.task]
            if users and not channel.is_changed:
                self._solve_later(channel)
        self._ended(flow.task)

    def _leave(self, flow: Flow) -> None:
        """Take a flow over several channels from all of them."""
        for pipe in flow.way.pipes:
            pipe.users.pop(flow.task, None)
        for channel in flow.route:
            if channel.users.pop(flow.task, None):
                channel.crossing -= 1
                if channel.users:
                    self._solve_later(channel)


def _component(channel: Channel, seen: set[Channel]) -> list[Flow]:
    """Return the flows that share channels with those on one, directly or through others, by number."""
    flows: dict[int, Flow] = {}
    pending = [channel]
    seen.add(channel)
    while pending:
        for task, flow in pending.pop().users.items():
            if task not in flows:
                flows[task] = flow
                new = [other for other in flow.route if other not in seen]
                seen.update(new)
                pending += new
    return [flows[task] for task in sorted(flows)]


def _rates(flows: list[Flow]) -> list[float]:
    """Return max-min fair rates. If there is one flow, its rate is plain to see."""
    if len(flows) == 1:
        route = flows[0].route
        return [min([channel.per_s / route.count(channel) for channel in route])]
    capacities = {channel.number: channel.per_s for flow in flows for channel in flow.route}
    return max_min_rates([[channel.number for channel in flow.route] for flow in flows], capacities)


def _change_rate(flow: Flow, rate_per_s: float, now_ps: int) -> None:
    """Give a flow another rate from now on, and find its end."""
    left, old_per_s, moved_ps = flow.remaining, flow.rate_per_s, now_ps - flow.settled_ps
    flow.settled_ps, flow.rate_per_s = now_ps, rate_per_s
    if moved_ps and old_per_s:
        if left is None:
            left = float(flow.amount)
        left = flow.remaining = left - old_per_s * (moved_ps / PS_PER_S)
    elif left is None:
        if rate_per_s.is_integer():
            flow.end_ps = now_ps - (-flow.amount * PS_PER_S // int(rate_per_s))
            return
        left = float(flow.amount)
    flow.end_ps = now_ps + ticks(left * _PS_PER_S / rate_per_s)


def ticks(duration: float) -> int:
    """Round a duration up to whole ticks; to the nearest where it lies within a few roundings of that."""
    if 0 <= duration < _SHORT:  # as nearly all are
        whole = int(duration)
        return whole if duration - whole < TICK_TOLERANCE else whole + 1
    nearest = round(duration)
    tolerance = max(TICK_TOLERANCE, 4 * ulp(duration))  # from 2 s on, a few roundings of a float exceed the former
    return max(0, nearest if abs(duration - nearest) < tolerance else ceil(duration))
