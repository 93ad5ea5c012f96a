"""The least that a Python program can do: one loop over a heap of times at which a task leaves a station."""

from __future__ import annotations

from heapq import heappop, heappush

from benchmarks.peers.plan import make_plan
from simgpu.simulation.workload import Workload
from simgpu.units import PS_PER_S


def run(work: Workload) -> list[int]:
    """Return when each task ends, in picoseconds."""
    plan = make_plan(work)
    starts, followers, waits_for = plan.starts, plan.followers, plan.waits_for
    amount, way, per_s, latency_ps = plan.amount, plan.way, plan.per_s, plan.latency_ps
    free_at_ps, hop, end_ps = [0] * len(per_s), [0] * len(work), [0] * len(work)
    events: list[tuple[int, int]] = []
    arriving, now_ps = plan.ready, 0
    while True:
        for task in arriving:
            station = way[task][hop[task]]
            hop[task] += 1
            start_ps = max(now_ps, free_at_ps[station])
            free_at_ps[station] = start_ps + latency_ps[station] - (-amount[task] * PS_PER_S // per_s[station])
            heappush(events, (free_at_ps[station], task))
        if not events:
            return end_ps
        now_ps, task = heappop(events)
        arriving = [task]
        if hop[task] == len(way[task]):
            end_ps[task] = now_ps
            arriving = []
            for follower in followers[starts[task] : starts[task + 1]]:
                waits_for[follower] -= 1
                if not waits_for[follower]:
                    arriving.append(follower)
