"""Those that wait at a station, in the order of (turn, time of arrival, number): a pairing heap.

(M. Fredman, R. Sedgewick, D. Sleator, R. Tarjan, The pairing heap: a new form of self-adjusting heap, Algorithmica 1,
1986.) Its links lie in the tasks, each of which waits at one station at a time.
"""

from __future__ import annotations

from simgpu.simulation.compiled.arrays import nodes, stations
from simgpu.simulation.compiled.jit import compiled
from simgpu.simulation.compiled.records import Run
from simgpu.simulation.workload import NONE


@compiled
def enqueue(run: Run, station: int, task: int, turn: int) -> None:
    """Have a task wait from now on."""
    enqueue_since(run, station, task, turn, run.now_ps)


@compiled
def enqueue_since(run: Run, station: int, task: int, turn: int, since_ps: int) -> None:
    """Have a task wait as if it had come at another time."""
    nodes(run)[task].turn, nodes(run)[task].since_ps = turn, since_ps
    nodes(run)[task].child = NONE
    stations(run)[station].first = _meld(run, stations(run)[station].first, task)


@compiled
def dequeue(run: Run, station: int) -> int:
    """Remove the first task, and return it. There must be one."""
    first: int = stations(run)[station].first
    pairs, child = NONE, nodes(run)[first].child
    while child != NONE:
        other = nodes(run)[child].beside
        rest = NONE if other == NONE else nodes(run)[other].beside
        pair = _meld(run, child, other)
        nodes(run)[pair].beside = pairs
        pairs, child = pair, rest
    next_first = NONE
    while pairs != NONE:
        rest = nodes(run)[pairs].beside
        next_first = _meld(run, next_first, pairs)
        pairs = rest
    stations(run)[station].first = next_first
    return first


@compiled
def _meld(run: Run, one: int, other: int) -> int:
    """Make one heap of two, of which one may be empty; return its first task."""
    if one == NONE or other == NONE:
        return max(one, other)
    if _is_before(run, other, one):
        one, other = other, one
    nodes(run)[other].beside = nodes(run)[one].child
    nodes(run)[one].child = other
    return one


@compiled
def _is_before(run: Run, one: int, other: int) -> bool:
    if nodes(run)[one].turn != nodes(run)[other].turn:
        return bool(nodes(run)[one].turn < nodes(run)[other].turn)
    if nodes(run)[one].since_ps != nodes(run)[other].since_ps:
        return bool(nodes(run)[one].since_ps < nodes(run)[other].since_ps)
    return one < other
