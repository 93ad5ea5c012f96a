"""Work as Python lists, for the engines that are written by hand.

These know one rule: each station on a task's way holds it for latency + amount / speed, and serves one task at a time,
in the order of arrival. A queue is a station of 10^12 ps per second; the order of its operations is in the graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simgpu.simulation.workload import MOVE, Ints, Workload
from simgpu.units import PS_PER_S


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Tasks with their ways, and stations. The followers of task t: `followers[starts[t]:starts[t + 1]]`."""

    waits_for: list[int]
    starts: list[int]
    followers: list[int]
    amount: list[int]
    way: list[list[int]]
    per_s: list[int]
    latency_ps: list[int]

    @property
    def ready(self) -> list[int]:
        """The tasks that wait for nobody."""
        return [task for task, count in enumerate(self.waits_for) if count == 0]


def make_plan(work: Workload) -> Plan:
    """Return work as lists."""
    resources = work.resources
    queues = len(resources.queue_slots)
    ways = [[queue] for queue in range(queues)] + _rows(resources.route_starts, queues + resources.route_channels)
    return Plan(
        waits_for=work.predecessor_counts().tolist(),
        starts=work.follower_starts.tolist(),
        followers=work.followers.tolist(),
        amount=work.amount.tolist(),
        way=[ways[number] for number in np.where(work.kind == MOVE, work.where + queues, work.where).tolist()],
        per_s=[PS_PER_S] * queues + resources.channel_per_s.tolist(),
        latency_ps=[0] * queues + resources.channel_latency_ps.tolist(),
    )


def _rows(starts: Ints, values: Ints) -> list[list[int]]:
    bounds, flat = starts.tolist(), values.tolist()
    return [flat[begin:end] for begin, end in pairwise(bounds)]
