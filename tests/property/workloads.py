"""Random workloads of every sort of task and resource, of numbers so small that much happens at one instant."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from simgpu.simulation import NONE, Workload
from simgpu.units import PS_PER_S
from tests.unit.simulation.sketches import Sketch

SMALL = st.integers(0, 9)
RATES = st.sampled_from([PS_PER_S // 4, PS_PER_S // 2, PS_PER_S, 2 * PS_PER_S])
"""Bytes per second: a byte takes from half a picosecond to four."""


class Scope(NamedTuple):
    """Which workloads are meant. `unit` multiplies all durations and sizes."""

    unit: int = 1
    rates: st.SearchStrategy[int] = RATES
    has_cards: bool = True
    has_order: bool = True  # queues, gates and launchers at which tasks wait for each other
    has_pairs_of_gates: bool = True
    has_changes: bool = True
    most_tasks: int = 10


@st.composite
def workloads(draw: st.DrawFn, scope: Scope = Scope()) -> Workload:  # noqa: B008  # frozen
    sketch = Sketch()
    launchers = draw(st.integers(0, 2)) if scope.has_order else 0
    queues, gates = _queues(draw, sketch, scope, launchers), []
    cards = len(sketch.columns["channel_per_s"])
    channels = [
        sketch.channel(draw(scope.rates), latency_ps=draw(SMALL) * scope.unit, is_fatpipe=draw(st.integers(0, 3)) == 0)
        for _ in range(draw(st.integers(1, 4)))
    ]
    for _ in range(draw(st.integers(1, 4))):
        route = draw(st.lists(st.sampled_from(channels), min_size=1, max_size=3))
        sketch.route(*route, latency_ps=draw(SMALL) * scope.unit)
    uncapped = range(len(sketch.columns["route_latency_ps"]), 6)
    for _ in range(draw(st.integers(0, 2))):  # private links: of one channel, where no move has a limit of its own
        latency_ps = draw(st.integers(1, 4)) * scope.unit
        sketch.route(sketch.channel(draw(scope.rates)), latency_ps=latency_ps)
    if scope.has_order:
        gates = [sketch.gate(draw(st.integers(1, 2))) for _ in range(draw(st.integers(0, 3)))]
    for _ in range(draw(st.integers(0, 3)) if scope.has_changes else 0):
        channel = draw(st.sampled_from(range(cards + len(channels))))
        sketch.change(draw(SMALL) * scope.unit, channel, draw(scope.rates))
    for number in range(draw(st.integers(0, scope.most_tasks))):
        _task(draw, sketch, scope, queues, gates, launchers, uncapped)
        for before in draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else ():
            sketch.follow(before, number)
    return sketch.workload()


def _queues(draw: st.DrawFn, sketch: Sketch, scope: Scope, launchers: int) -> list[int]:
    slots = st.integers(1, 2) if scope.has_order else st.just(scope.most_tasks)
    queues = [sketch.queue(draw(slots))]
    if scope.has_order:
        queues += [sketch.queue(draw(slots), pool=sketch.pool(draw(st.integers(1, 3))))]
    for _ in range(draw(st.integers(0, 2)) if scope.has_cards else 0):
        card = sketch.card()
        queues += [sketch.queue(draw(slots), card=card) for _ in range(draw(st.integers(1, 2)))]
    for launcher in range(launchers):
        for _ in range(draw(st.integers(1, 2))):
            queues.append(sketch.queue(draw(slots), launcher=launcher, launch_ps=draw(st.integers(1, 5)) * scope.unit))
    return queues


def _task(
    draw: st.DrawFn, sketch: Sketch, scope: Scope, queues: list[int], gates: list[int], launchers: int, uncapped: range
) -> None:
    release_ps = draw(st.sampled_from([0, 0, 0, 1, 5])) * scope.unit
    amount = draw(SMALL) * scope.unit
    match draw(st.sampled_from(["compute", "compute", "move", "move", "move", "delay"])):
        case "compute":
            about = {"parts": draw(st.integers(1, 3)), "rank": draw(st.integers(0, 2)), "release_ps": release_ps}
            if draw(st.integers(0, 3)) == 0:  # another launch than is usual on its queue, or none
                about |= _launch(draw, scope, launchers)
            queue = draw(st.sampled_from(queues))
            if sketch.columns["queue_card"][queue] != NONE:
                about["rate_cap"] = draw(st.one_of(st.just(0), st.sampled_from([PS_PER_S // 4, 2 * PS_PER_S // 3])))
            sketch.compute(queue, amount, **about)
        case "move":
            cap = draw(st.one_of(st.just(0), st.just(0), scope.rates))
            out_gate, in_gate = draw(st.lists(st.sampled_from([NONE, *gates]), min_size=2, max_size=2))
            where = draw(st.sampled_from([NONE, *range(len(sketch.columns["route_latency_ps"]))]))
            if where in uncapped:
                cap = 0
            if out_gate == in_gate or not scope.has_pairs_of_gates:
                in_gate = NONE
            if where == NONE:
                out_gate = in_gate = NONE
            about = {"rank": draw(st.integers(0, 2)), "release_ps": release_ps} | _launch(draw, scope, launchers)
            sketch.move(where, amount, cap=cap, out_gate=out_gate, in_gate=in_gate, **about)
        case "delay":
            sketch.delay(amount, release_ps=release_ps)


def _launch(draw: st.DrawFn, scope: Scope, launchers: int) -> dict[str, int]:
    """Return a launcher, or none, and how long a launch takes: for some no time, so that there is none."""
    launcher = draw(st.sampled_from([NONE, *range(launchers)]))
    return {"launcher": launcher, "launch_ps": draw(st.integers(0, 3)) * scope.unit if launcher != NONE else 0}


def no_routes(workload: Workload) -> NDArray[np.bool_]:
    """Stand in for `private_routes`, so that all moves go through a fluid."""
    return np.zeros(workload.resources.routes, np.bool_)
