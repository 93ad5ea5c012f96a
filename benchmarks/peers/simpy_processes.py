"""SimPy as its tutorial has it: a process for each task, and a Resource for each station."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from simpy import Environment, Process, Resource
from simpy.events import Event

from benchmarks.peers.plan import Plan, make_plan
from simgpu.simulation.workload import Workload
from simgpu.units import PS_PER_S


def run(work: Workload) -> list[int]:
    """Return when each task ends, in picoseconds."""
    plan = make_plan(work)
    environment: Any = Environment()
    stations = [Resource(environment) for _ in plan.per_s]
    predecessors = _predecessors(plan)
    processes: list[Process] = []
    end_ps = [0] * len(work)

    def process(task: int) -> Generator[Event, object, None]:
        for predecessor in predecessors[task]:
            yield processes[predecessor]
        for station in plan.way[task]:
            with stations[station].request() as request:
                yield request
                held_ps = plan.latency_ps[station] - (-plan.amount[task] * PS_PER_S // plan.per_s[station])
                yield environment.timeout(held_ps)
        end_ps[task] = environment.now

    processes += [environment.process(process(task)) for task in range(len(work))]
    environment.run()
    return end_ps


def _predecessors(plan: Plan) -> list[list[int]]:
    predecessors: list[list[int]] = [[] for _ in plan.way]
    for task in range(len(plan.way)):
        for follower in plan.followers[plan.starts[task] : plan.starts[task + 1]]:
            predecessors[follower].append(task)
    return predecessors
