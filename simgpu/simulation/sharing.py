"""Resources that are shared by all who use them at the same time: max-min fair, as a fluid.

A flow has an amount to move (bytes, or picoseconds of compute) over one or more resources at once, and moves at one
rate on all of them. Rates are max-min fair: repeatedly, the resource with the smallest share left for each of its
undecided flows fixes them at that share. They change when a flow starts or ends, and not in between.
(D. Bertsekas and R. Gallager, Data Networks, 2nd ed., section 6.5.2.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf, ulp

from simgpu.simulation.clock import Callback, Clock
from simgpu.units import PS_PER_S

_TICK_TOLERANCE = 1e-3  # an end within a thousandth of a tick of a whole tick is meant to be on it


@dataclass(slots=True, eq=False)
class _Flow:
    remaining: float
    shared: tuple[int, ...]
    cap_per_s: float
    done: Callback
    rate_per_s: float = 0.0
    end_ps: int = 0


class FairShare:
    """Shares resources with the given capacities (units per second) among flows.

    A resource of `unshared` gives each flow its full capacity, however many there are.
    """

    def __init__(self, clock: Clock, capacities_per_s: Sequence[int], unshared: frozenset[int] = frozenset()) -> None:
        self._clock = clock
        self._capacities = capacities_per_s
        self._unshared = unshared
        self._flows: list[_Flow] = []
        self._settled_ps = 0
        self._plan = 0  # number of the newest plan; timers of older ones do nothing
        self._is_replanning = False

    def start(self, amount: int, resources: tuple[int, ...], done: Callback) -> None:
        """Start a flow; call back when its amount has been moved."""
        if amount == 0 or not resources:
            self._clock.after(0, done)
            return
        self._settle()
        shared = tuple(resource for resource in resources if resource not in self._unshared)
        cap_per_s = min((float(self._capacities[r]) for r in resources if r in self._unshared), default=inf)
        self._flows.append(_Flow(float(amount), shared, cap_per_s, done))
        self._replan_at_end_of_instant()

    def _replan_at_end_of_instant(self) -> None:
        if not self._is_replanning:
            self._is_replanning = True
            self._clock.at_end_of_instant(self._replan)

    def _settle(self) -> None:
        """Account for what has moved since the last change of rates."""
        elapsed_s = (self._clock.now_ps - self._settled_ps) / PS_PER_S
        for flow in self._flows:
            flow.remaining -= flow.rate_per_s * elapsed_s
        self._settled_ps = self._clock.now_ps

    def _replan(self) -> None:
        self._is_replanning = False
        self._settle()
        self._plan += 1
        if not self._flows:
            return
        now = self._clock.now_ps
        self._set_max_min_rates()
        for flow in self._flows:
            flow.end_ps = now + _whole_ticks(flow.remaining * PS_PER_S / flow.rate_per_s)
        plan = self._plan
        self._clock.after(min(flow.end_ps for flow in self._flows) - now, lambda: self._end_flows(plan))

    def _end_flows(self, plan: int) -> None:
        if plan != self._plan:
            return
        self._settle()
        ended = [flow for flow in self._flows if flow.end_ps <= self._clock.now_ps]
        self._flows = [flow for flow in self._flows if flow.end_ps > self._clock.now_ps]
        self._replan_at_end_of_instant()
        for flow in ended:
            flow.done()

    def _set_max_min_rates(self) -> None:
        left = {resource: float(self._capacities[resource]) for flow in self._flows for resource in flow.shared}
        undecided = self._flows
        while undecided:
            users = Counter(resource for flow in undecided for resource in flow.shared)
            shares = {resource: left[resource] / count for resource, count in users.items()}
            offers = [min([flow.cap_per_s, *(shares[resource] for resource in flow.shared)]) for flow in undecided]
            rate = min(offers)
            for flow, offer in zip(undecided, offers, strict=True):
                if offer <= rate:
                    flow.rate_per_s = rate
                    for resource in flow.shared:
                        left[resource] = max(0.0, left[resource] - rate)
            undecided = [flow for flow, offer in zip(undecided, offers, strict=True) if offer > rate]


def _whole_ticks(ticks: float) -> int:
    nearest = round(ticks)
    tolerance = max(_TICK_TOLERANCE, 4 * ulp(ticks))  # from 5 s on, a few roundings of a float exceed the former
    return max(0, nearest if abs(ticks - nearest) < tolerance else ceil(ticks))
