"""Flows of every workload: nothing is lost, no channel carries more than it can, and nobody is treated unfairly."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simgpu.simulation import COMPUTE, MOVE, NONE, Timeline, Workload, run
from simgpu.simulation import engine as simpy_engine
from simgpu.simulation.fluid import Fluid
from simgpu.units import PS_PER_S
from tests.engines import each_engine
from tests.oracle.exact_network import Flow, max_min
from tests.property.workloads import RATES, Scope, no_routes, workloads

LONG = Scope(unit=10**9, rates=RATES | st.integers(10**11, 10**12))
ROUNDING = 1e-12


class Rate(NamedTuple):
    """How fast a flow is, over what, and the most that it may have by itself."""

    per_s: float
    channels: tuple[int, ...]
    limit_per_s: float


class Solution(NamedTuple):
    """All rates from an instant on, and what the channels have."""

    since_ps: int
    rates: dict[int, Rate]
    per_s: list[float]

    def on(self) -> dict[int, list[float]]:
        """Return the rates on each channel."""
        rates = defaultdict(list)
        for rate in self.rates.values():
            for channel in rate.channels:
                rates[channel].append(rate.per_s)
        return rates


class Watched(Fluid):
    """Keeps all rates whenever some change."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.solutions: list[Solution] = []
        self._crossing: dict[int, Any] = {}

    def _begin_crossing(self, flow: Any) -> None:
        self._crossing[flow.task] = flow
        super()._begin_crossing(flow)

    def _begin(self, flow: Any) -> None:
        super()._begin(flow)
        self._keep()

    def _share(self, channel: Any) -> None:
        super()._share(channel)
        self._keep()

    def _solve_component(self, flows: Any) -> None:
        super()._solve_component(flows)
        self._keep()

    def _due(self, flow: Any) -> None:
        super()._due(flow)
        self._keep()

    def _keep(self) -> None:
        """Keep the present rates; of those of one instant the last ones hold from then on."""
        now_ps = self._clock.now_ps
        if self.solutions and self.solutions[-1].since_ps == now_ps:
            del self.solutions[-1]
        flows = {flow.task: flow for channel in self._channels for flow in channel.users.values()}
        flows |= {task: flow for task, flow in self._crossing.items() if task in flow.route[-1].users}
        rates = {task: self._rate(flow) for task, flow in flows.items()}
        self.solutions.append(Solution(now_ps, rates, [channel.per_s for channel in self._channels]))

    def _rate(self, flow: Any) -> Rate:
        own = [channel.per_s for channel in flow.route if channel.number < 0]
        channels = tuple(channel.number for channel in flow.route if channel.number >= 0)
        return Rate(flow.rate_per_s, channels, min(own, default=float("inf")))


def watched(workload: Workload) -> list[Solution]:
    made: list[Watched] = []

    def watch(*arguments: Any) -> Fluid:
        made.append(Watched(*arguments))
        return made[-1]

    with mock.patch.object(simpy_engine, "Fluid", watch), mock.patch.object(simpy_engine, "private_routes", no_routes):
        run(workload, engine="simpy")
    return made[0].solutions


@given(workloads(LONG))
def test_no_channel_carries_more_than_it_can_at_any_instant(workload):
    for solution in watched(workload):
        for channel, rates in solution.on().items():
            assert sum(rates) <= solution.per_s[channel] * (1 + ROUNDING)
        assert all(rate.per_s <= rate.limit_per_s for rate in solution.rates.values())


@given(workloads(LONG))
def test_nobody_could_be_faster_but_at_the_cost_of_one_who_is_no_faster(workload):
    for solution in watched(workload):
        on = solution.on()
        full = {channel for channel, rates in on.items() if sum(rates) >= solution.per_s[channel] * (1 - ROUNDING)}
        for rate in solution.rates.values():
            is_first_somewhere = any(rate.per_s == max(on[channel]) for channel in full.intersection(rate.channels))

            assert is_first_somewhere or rate.per_s == rate.limit_per_s


def flowing(workload: Workload) -> dict[int, int]:
    """Return the tasks that flow over channels, and how much each has to move."""
    resources = workload.resources
    is_move = (workload.kind == MOVE) & (workload.where != NONE)
    queue = np.where(workload.kind == COMPUTE, workload.where, 0)
    is_shared = (workload.kind == COMPUTE) & (resources.queue_card[queue] != NONE)
    amount = workload.amount * np.where(is_shared, workload.parts, 1)
    return {task: int(amount[task]) for task in np.flatnonzero((is_move | is_shared) & (amount > 0)).tolist()}


@given(workloads(LONG))
def test_what_flows_is_what_was_to_be_moved(workload):
    moved: dict[int, float] = defaultdict(float)
    last = {}
    for solution, then in pairwise(watched(workload)):
        for task, rate in solution.rates.items():
            moved[task] += rate.per_s * ((then.since_ps - solution.since_ps) / PS_PER_S)
            last[task] = rate.per_s
    expected = flowing(workload)

    assert moved.keys() == expected.keys()
    for task, amount in expected.items():
        assert moved[task] == pytest.approx(amount, rel=ROUNDING, abs=1.01 * last[task] / PS_PER_S)


class Wire(NamedTuple):
    """A flow as its workload tells it, and the instants between which it flowed."""

    flow: Flow
    begin_ps: int
    end_ps: int


def wire(workload: Workload, timeline: Timeline, task: int) -> Wire:
    resources, where = workload.resources, int(workload.where[task])
    begin_ps = int(timeline.start_ps[task])
    if workload.kind[task] == COMPUTE:
        cap = Fraction(int(workload.rate_cap[task])) or None
        return Wire(Flow([int(resources.queue_card[where])], cap), begin_ps, int(timeline.end_ps[task]))
    begin_ps += int(resources.route_latency_ps[where])
    channels = resources.route_channels[resources.route_starts[where] : resources.route_starts[where + 1]].tolist()
    pipes = [channel for channel in channels if resources.channel_is_fatpipe[channel]]
    limits = [int(resources.channel_per_s[pipe]) for pipe in pipes] + [int(workload.rate_cap[task])]
    limit = min((Fraction(limit) for limit in limits if limit), default=None)
    return Wire(Flow([it for it in channels if it not in pipes], limit), begin_ps, int(timeline.end_ps[task]))


@each_engine
@given(workloads(LONG._replace(has_changes=False)))
def test_with_the_exact_rates_between_what_begins_and_ends_everything_arrives_on_the_tick(engine, workload):
    timeline, moved, last = run(workload, engine=engine), defaultdict(Fraction), {}
    wires = {task: wire(workload, timeline, task) for task in flowing(workload)}
    capacity = dict(enumerate(map(Fraction, workload.resources.channel_per_s.tolist())))
    for now_ps, then_ps in pairwise(sorted({instant for it in wires.values() for instant in it[1:]})):
        flows = {task: it.flow for task, it in wires.items() if it.begin_ps <= now_ps and then_ps <= it.end_ps}
        for task, rate in max_min(flows, capacity).items():
            moved[task] += rate * (then_ps - now_ps) / PS_PER_S
            last[task] = rate / PS_PER_S

    for task, amount in flowing(workload).items():
        assert -last[task] / 100 <= moved[task] - amount <= last[task], (task, float(moved[task]))
