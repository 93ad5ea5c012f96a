"""Resources that are shared by all who use them at the same time, as a fluid.

A flow has an amount to move (bytes, or picoseconds of compute) over one or more resources at once, and moves at one
rate on all of them. Rates are max-min fair. They change when a flow starts or ends, and then only for flows that share
a resource with it, directly or through others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import ceil, ulp

from simgpu.simulation.clock import Callback, Clock
from simgpu.simulation.maxmin import max_min_rates
from simgpu.units import PS_PER_S

_TICK_TOLERANCE = 1e-3  # an end within a thousandth of a tick of a whole tick is meant to be on it


@dataclass(slots=True, eq=False)
class _Flow:
    """`remaining` is what was left at `settled_ps`; `number` is the order of starting."""

    number: int
    remaining: float
    route: tuple[int, ...]
    done: Callback
    rate_per_s: float = 0.0
    settled_ps: int = 0
    end_ps: int = -1


class FairShare:
    """Shares resources with the given capacities (units per second) among flows.

    A resource of `unshared` gives each flow its full capacity, however many there are.
    """

    def __init__(self, clock: Clock, capacities_per_s: Sequence[int], unshared: frozenset[int] = frozenset()) -> None:
        self._clock = clock
        self._capacities = {number: float(capacity) for number, capacity in enumerate(capacities_per_s)}
        self._unshared = unshared
        self._users: dict[int, dict[_Flow, None]] = {}
        self._changed: set[int] = set()  # resources on which flows have started or ended at this instant
        self._ends: list[tuple[int, int, _Flow]] = []  # a heap; entries that do not match their flow are out of date
        self._next_timer_ps = -1
        self._started = 0

    def start(self, amount: int, resources: tuple[int, ...], done: Callback) -> None:
        """Start a flow; call back when its amount has been moved."""
        if amount == 0 or not resources:
            self._clock.after(0, done)
            return
        self._started += 1
        flow = _Flow(self._started, float(amount), self._route(resources), done, settled_ps=self._clock.now_ps)
        for resource in flow.route:
            self._users.setdefault(resource, {})[flow] = None
        self._replan_at_end_of_instant(flow.route)

    def _route(self, resources: tuple[int, ...]) -> tuple[int, ...]:
        """Put a resource of the flow's own in place of the slowest unshared one; the other unshared ones never bind."""
        unshared = [self._capacities[resource] for resource in resources if resource in self._unshared]
        shared = tuple(resource for resource in resources if resource not in self._unshared)
        if not unshared:
            return shared
        self._capacities[-self._started] = min(unshared)
        return (*shared, -self._started)

    def _replan_at_end_of_instant(self, resources: Iterable[int]) -> None:
        if not self._changed:
            self._clock.at_end_of_instant(self._replan)
        self._changed.update(resources)

    def _replan(self) -> None:
        """Give new rates to all flows that the changes of this instant can reach."""
        flows = self._reached()
        self._changed.clear()
        now_ps = self._clock.now_ps
        rates = max_min_rates([flow.route for flow in flows], self._capacities)
        for flow, rate in zip(flows, rates, strict=True):
            if rate != flow.rate_per_s:
                flow.remaining -= flow.rate_per_s * ((now_ps - flow.settled_ps) / PS_PER_S)
                flow.settled_ps, flow.rate_per_s = now_ps, rate
                flow.end_ps = now_ps + _whole_ticks(flow.remaining * PS_PER_S / rate)
                heappush(self._ends, (flow.end_ps, flow.number, flow))
        self._set_timer()

    def _reached(self) -> list[_Flow]:
        flows: set[_Flow] = set()
        seen = set(self._changed)
        pending = list(seen)
        while pending:
            for flow in self._users.get(pending.pop(), ()):
                if flow not in flows:
                    flows.add(flow)
                    new = [resource for resource in flow.route if resource not in seen]
                    seen.update(new)
                    pending += new
        return sorted(flows, key=lambda flow: flow.number)

    def _set_timer(self) -> None:
        self._drop_outdated()
        now_ps = self._clock.now_ps
        if self._ends and not now_ps <= self._next_timer_ps <= self._ends[0][0]:
            self._next_timer_ps = self._ends[0][0]
            self._clock.after(self._next_timer_ps - now_ps, self._end_flows)

    def _drop_outdated(self) -> None:
        while self._ends and self._ends[0][0] != self._ends[0][2].end_ps:
            heappop(self._ends)

    def _end_flows(self) -> None:
        ended = []
        self._drop_outdated()
        while self._ends and self._ends[0][0] <= self._clock.now_ps:
            flow = heappop(self._ends)[2]
            flow.end_ps = -1
            ended.append(flow)
            self._leave(flow)
            self._drop_outdated()
        self._next_timer_ps = -1
        for flow in ended:
            flow.done()
        if not self._changed:
            self._set_timer()

    def _leave(self, flow: _Flow) -> None:
        for resource in flow.route:
            del self._users[resource][flow]
            if resource < 0:
                del self._users[resource], self._capacities[resource]
        self._replan_at_end_of_instant(resource for resource in flow.route if resource >= 0)


def _whole_ticks(ticks: float) -> int:
    nearest = round(ticks)
    tolerance = max(_TICK_TOLERANCE, 4 * ulp(ticks))  # from 5 s on, a few roundings of a float exceed the former
    return max(0, nearest if abs(ticks - nearest) < tolerance else ceil(ticks))
