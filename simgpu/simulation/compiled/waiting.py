"""Those that wait at a station, in the order of (rank, time of arrival, number): a pairing heap.

(M. Fredman, R. Sedgewick, D. Sleator, R. Tarjan, The pairing heap: a new form of self-adjusting heap, Algorithmica 1,
1986.) Its links lie in the tasks, each of which waits at one station at a time.
"""

from __future__ import annotations

from simgpu.simulation.compiled.arrays import nodes, rank, stations
from simgpu.simulation.compiled.jit import compiled
from simgpu.simulation.compiled.records import Run
from simgpu.simulation.workload import NONE


@compiled
def enqueue(run: Run, station: int, task: int, since_ps: int, has_ranks: bool) -> None:
    """Have a task wait."""
    nodes(run)[task].since_ps = since_ps
    nodes(run)[task].child = NONE
    stations(run)[station].first = _meld(run, stations(run)[station].first, task, has_ranks)


@compiled
def dequeue(run: Run, station: int, has_ranks: bool) -> int:
    """Remove the first task, and return it. There must be one."""
    first: int = stations(run)[station].first
    pairs, child = NONE, nodes(run)[first].child
    while child != NONE:
        other = nodes(run)[child].beside
        rest = NONE if other == NONE else nodes(run)[other].beside
        pair = _meld(run, child, other, has_ranks)
        nodes(run)[pair].beside = pairs
        pairs, child = pair, rest
    next_first = NONE
    while pairs != NONE:
        rest = nodes(run)[pairs].beside
        next_first = _meld(run, next_first, pairs, has_ranks)
        pairs = rest
    stations(run)[station].first = next_first
    return first


@compiled
def _meld(run: Run, one: int, other: int, has_ranks: bool) -> int:
    """Make one heap of two, of which one may be empty; return its first task."""
    if one == NONE or other == NONE:
        return max(one, other)
    if _is_before(run, other, one, has_ranks):
        one, other = other, one
    nodes(run)[other].beside = nodes(run)[one].child
    nodes(run)[one].child = other
    return one


@compiled
def _is_before(run: Run, one: int, other: int, has_ranks: bool) -> bool:
    if has_ranks and rank(run)[one] != rank(run)[other]:
        return bool(rank(run)[one] < rank(run)[other])
    if nodes(run)[one].since_ps != nodes(run)[other].since_ps:
        return bool(nodes(run)[one].since_ps < nodes(run)[other].since_ps)
    return one < other
