"""Topological order, and a cycle named in words where there is none."""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def topological_order(predecessors: Sequence[Sequence[int]]) -> list[int]:
    """Return the operations in an order that respects `predecessors`; the lowest index first among those ready.

    Operations on or behind a cycle are missing from the result.
    """
    waiting_for = [len(before) for before in predecessors]
    followers: list[list[int]] = [[] for _ in predecessors]
    for index, before in enumerate(predecessors):
        for other in before:
            followers[other].append(index)
    ready = [index for index, count in enumerate(waiting_for) if count == 0]
    order = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for follower in followers[index]:
            waiting_for[follower] -= 1
            if waiting_for[follower] == 0:
                heapq.heappush(ready, follower)
    return order


def find_cycle(predecessors: Sequence[Sequence[int]], ordered: Sequence[int]) -> list[int]:
    """Return one cycle, each operation before the one that needs it, given what `topological_order` left out."""
    left = set(range(len(predecessors))) - set(ordered)
    path, seen = [min(left)], {}
    while path[-1] not in seen:
        seen[path[-1]] = len(path) - 1
        path.append(next(other for other in predecessors[path[-1]] if other in left))
    return path[seen[path[-1]] : -1][::-1]
