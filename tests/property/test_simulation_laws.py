"""What holds for the times of every workload: bounds, another pace, and other names for the hardware."""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simgpu.simulation import COMPUTE, MOVE, NONE, Workload, run
from simgpu.units import PS_PER_S
from tests.engines import COMPILED, each_engine
from tests.property.workloads import Scope, workloads

each_policy = pytest.mark.parametrize("links", ["fair", "fifo"])
each_launch = pytest.mark.parametrize("launch", ["sync", "async"])


def rates(workload: Workload, bound: Any) -> list[int]:
    """Return the least (`min`) or the most (`max`) that each channel ever has."""
    resources = workload.resources
    per_s = resources.channel_per_s.tolist()
    for channel, changed in zip(resources.change_channel.tolist(), resources.change_per_s.tolist(), strict=True):
        per_s[channel] = bound(per_s[channel], changed)
    return per_s


def alone_ps(workload: Workload, links: str, bound: Any) -> list[int]:
    """Return how long each task takes if it is alone: at the least (`max` of rates), or at the most (`min`)."""
    per_s = rates(workload, bound)
    return [_alone_ps(workload, links, task, per_s, is_least=bound is max) for task in range(len(workload))]


def _alone_ps(workload: Workload, links: str, task: int, per_s: list[int], *, is_least: bool) -> int:
    launch_ps = int(workload.launch_ps[task]) * (workload.launched_by[task] != NONE)
    if is_least:  # the host may have launched it ahead
        launch_ps = 0
    if workload.kind[task] == COMPUTE:
        return launch_ps + _compute_alone_ps(workload, task, per_s, is_least=is_least)
    if workload.kind[task] == MOVE:
        return launch_ps + _move_alone_ps(workload, links, task, per_s, is_least=is_least)
    return int(workload.amount[task])


def _compute_alone_ps(workload: Workload, task: int, per_s: list[int], *, is_least: bool) -> int:
    resources, amount, where = workload.resources, int(workload.amount[task]), int(workload.where[task])
    parts, card, pool = int(workload.parts[task]), resources.queue_card[where], resources.queue_pool[where]
    if card != NONE:
        rate = min(per_s[card], int(workload.rate_cap[task]) or per_s[card])
        return amount * parts * PS_PER_S // rate + (not is_least)
    threads = int(resources.pool_threads[pool]) if is_least and pool != NONE else 1
    return -(-parts // threads) * amount


def _move_alone_ps(workload: Workload, links: str, task: int, per_s: list[int], *, is_least: bool) -> int:
    resources, amount, where = workload.resources, int(workload.amount[task]), int(workload.where[task])
    if where == NONE:
        return 0
    channels = resources.route_channels[resources.route_starts[where] : resources.route_starts[where + 1]].tolist()
    cap = int(workload.rate_cap[task]) or max(per_s)
    if links == "fifo":
        hops = [amount * PS_PER_S // min(per_s[channel], cap) + (not is_least) for channel in channels]
        return sum(hops) + int(resources.channel_latency_ps[channels].sum())
    uses = {it: 1 if resources.channel_is_fatpipe[it] else channels.count(it) for it in channels}
    rate = min([Fraction(cap), *(Fraction(per_s[channel], count) for channel, count in uses.items())])
    return int(resources.route_latency_ps[where]) + int(amount * PS_PER_S / rate) + (not is_least)


def longest_path_ps(workload: Workload, durations_ps: list[int]) -> int:
    """Return when the last task would end if none ever waited for a place."""
    begin_ps = workload.release_ps.tolist()
    for task, duration_ps in enumerate(durations_ps):  # what follows has a higher number here
        for follower in workload.followers_of(task).tolist():
            begin_ps[follower] = max(begin_ps[follower], begin_ps[task] + duration_ps)
    return max((begin + duration for begin, duration in zip(begin_ps, durations_ps, strict=True)), default=0)


@each_engine
@each_policy
@each_launch
@given(workloads())
def test_a_run_takes_at_least_its_longest_path_and_at_most_one_task_after_the_other(engine, links, launch, workload):
    makespan_ps = run(workload, links=links, launch=launch, engine=engine).makespan_ps
    serial_ps = sum(alone_ps(workload, links, min)) + max(workload.release_ps, default=0)

    assert longest_path_ps(workload, alone_ps(workload, links, max)) <= makespan_ps <= serial_ps + len(workload)


IN_TICKS = ("channel_latency_ps", "route_latency_ps", "change_ps")


def faster(workload: Workload, times: int) -> Workload:
    """Return a workload whose hardware is so many times as fast, and everything in time as many times as short."""
    resources = workload.resources
    is_card = np.isin(np.arange(len(resources.channel_per_s)), resources.queue_card)
    quicker = {name: getattr(resources, name) // times for name in IN_TICKS}
    quicker["channel_per_s"] = resources.channel_per_s * np.where(is_card, 1, times)
    quicker["change_per_s"] = resources.change_per_s * np.where(is_card[resources.change_channel], 1, times)
    is_move = workload.kind == MOVE
    return replace(
        workload,
        resources=replace(resources, **quicker),
        release_ps=workload.release_ps // times,
        launch_ps=workload.launch_ps // times,
        amount=np.where(is_move, workload.amount, workload.amount // times),
        rate_cap=np.where(is_move, workload.rate_cap * times, workload.rate_cap),
    )


TICKS = ("ready_ps", "launchable_ps", "launch_start_ps", "launch_end_ps", "start_ps", "end_ps")
WHOLE = Scope(unit=240, rates=st.sampled_from([10**9, 10**10, 10**11]), has_cards=False)
SMOOTH = Scope(unit=240 * 10**7, rates=st.integers(10**11, 10**12), has_order=False)


@each_engine
@each_launch
@given(workloads(WHOLE), st.sampled_from([2, 3, 4, 5, 8]))
def test_hardware_so_many_times_as_fast_takes_so_many_times_less(engine, launch, workload, times):
    slow, fast = (run(it, links="fifo", launch=launch, engine=engine) for it in (workload, faster(workload, times)))
    for name in TICKS:
        quick = getattr(fast, name)

        assert np.where(quick == NONE, NONE, quick * times).tolist() == getattr(slow, name).tolist(), name
    assert slow.log.tolist() == fast.log.tolist()


@each_engine
@given(workloads(SMOOTH), st.sampled_from([2, 3, 4, 5, 8]))
def test_so_it_does_where_flows_share_channels_but_for_ticks(engine, workload, times):
    slow, fast = (run(it, engine=engine) for it in (workload, faster(workload, times)))

    assert np.abs(fast.end_ps * times - slow.end_ps).max(initial=0) <= 20 * times * len(workload)


def permuted(workload: Workload, draw: Any) -> Workload:
    """Return the same workload with other numbers for queues, pools, launchers, channels, routes and gates."""
    resources = workload.resources
    counts = {
        "queue": len(resources.queue_slots),
        "pool": len(resources.pool_threads),
        "launcher": workload.launchers,
        "channel": len(resources.channel_per_s),
        "route": resources.routes,
        "gate": len(resources.gate_places),
    }
    old = {name: np.array(draw(st.permutations(range(count))), np.int64) for name, count in counts.items()}
    new = {name: np.append(np.argsort(order), NONE) for name, order in old.items()}  # the last one is that of NONE
    renamed = {
        it.name: getattr(resources, it.name)[old[it.name.split("_")[0]]]
        for it in fields(resources)
        if it.name.split("_")[0] in counts and it.name not in ("route_starts", "route_channels")
    }
    parts = np.split(resources.route_channels, resources.route_starts[1:-1])
    routes = [new["channel"][parts[route]] for route in old["route"]]
    renamed["route_channels"] = np.concatenate([*routes, np.zeros(0, np.int64)])
    renamed["route_starts"] = np.cumsum([0, *map(len, routes)])
    renamed["change_channel"] = new["channel"][resources.change_channel]
    for name, of in (("queue_pool", "pool"), ("queue_card", "channel")):
        renamed[name] = new[of][renamed[name]]
    where = np.where(workload.kind == COMPUTE, workload.where, NONE)
    return replace(
        workload,
        resources=replace(resources, **renamed),
        where=np.where(
            workload.kind == COMPUTE,
            new["queue"][where],
            new["route"][np.where(workload.kind == MOVE, workload.where, NONE)],
        ),
        out_gate=new["gate"][workload.out_gate],
        in_gate=new["gate"][workload.in_gate],
        launcher=new["launcher"][workload.launcher],
    )


@each_engine
@each_policy
@each_launch
@given(workloads(Scope(has_pairs_of_gates=False)), st.data())
def test_other_numbers_for_the_hardware_change_no_time_and_no_cause(engine, links, launch, workload, data):
    ours, theirs = (
        run(it, links=links, launch=launch, engine=engine) for it in (workload, permuted(workload, data.draw))
    )

    assert replace(theirs, log=ours.log) == ours
    assert sorted(theirs.log.tolist()) == sorted(ours.log.tolist())


@pytest.mark.parametrize("engine", [pytest.param("compiled", marks=COMPILED)])
@each_policy
@each_launch
@given(workloads())
def test_the_engines_agree_on_everything_and_on_its_order(engine, links, launch, workload):
    assert_agreement(engine, links, launch, workload)


@pytest.mark.slow
@pytest.mark.parametrize("engine", [pytest.param("compiled", marks=COMPILED)])
@each_policy
@each_launch
@settings(max_examples=15 * settings.default.max_examples)  # 1,500 for each policy and mode of launching
@given(workloads(Scope(most_tasks=25)))
def test_the_engines_agree_on_larger_workloads_too(engine, links, launch, workload):
    assert_agreement(engine, links, launch, workload)


def assert_agreement(engine, links, launch, workload):
    assert run(workload, links=links, launch=launch, engine=engine) == run(
        workload, links=links, launch=launch, engine="simpy"
    )
