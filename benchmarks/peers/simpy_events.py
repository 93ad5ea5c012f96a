"""SimPy at its leanest: one bare timeout, with one callback, for each station that a task goes through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simpy import Environment
from simpy.events import Timeout

from benchmarks.peers.plan import make_plan
from simgpu.simulation.workload import Workload
from simgpu.units import PS_PER_S


def run(work: Workload) -> list[int]:
    """Return when each task ends, in picoseconds."""
    plan = make_plan(work)
    environment: Any = Environment()
    starts, followers, waits_for = plan.starts, plan.followers, plan.waits_for
    amount, way, per_s, latency_ps = plan.amount, plan.way, plan.per_s, plan.latency_ps
    free_at_ps, hop, end_ps = [0] * len(per_s), [0] * len(work), [0] * len(work)

    def arrive(tasks: Iterable[int], now_ps: int) -> None:
        for task in tasks:
            station = way[task][hop[task]]
            hop[task] += 1
            start_ps = max(now_ps, free_at_ps[station])
            free_at_ps[station] = start_ps + latency_ps[station] - (-amount[task] * PS_PER_S // per_s[station])
            Timeout(environment, free_at_ps[station] - now_ps, task).callbacks.append(leave)

    def leave(timeout: Any) -> None:
        task, now_ps = timeout.value, environment.now
        if hop[task] < len(way[task]):
            arrive((task,), now_ps)
            return
        end_ps[task] = now_ps
        for follower in followers[starts[task] : starts[task + 1]]:
            waits_for[follower] -= 1
            if not waits_for[follower]:
                arrive((follower,), now_ps)

    arrive(plan.ready, 0)
    environment.run()
    return end_ps
