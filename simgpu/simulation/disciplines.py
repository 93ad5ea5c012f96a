"""Disciplines: which of the operations that wait at a device goes first. Plain functions; the lowest rank wins.

Among equal ranks, what has waited longest goes first, and among those the one that stands first in the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from simgpu.errors import GraphError
from simgpu.graph import Operation

Discipline = Callable[[Operation, int], int]
"""(operation, its duration in picoseconds) -> rank"""


def fifo(operation: Operation, duration_ps: int) -> int:
    """Serve in the order of readiness."""
    return 0


def priority(operation: Operation, duration_ps: int) -> int:
    """Serve the highest `priority` first: an attribute of the operation, an int, 0 unless given."""
    given = operation.attributes.get("priority", 0)
    if type(given) is not int:
        raise GraphError(f"operation {operation.name!r} has the priority {given!r}; it must be an int")
    return -given


def shortest_first(operation: Operation, duration_ps: int) -> int:
    """Serve the operation first that takes the least time."""
    return duration_ps


def longest_first(operation: Operation, duration_ps: int) -> int:
    """Serve the operation first that takes the most time."""
    return -duration_ps


DISCIPLINES: Mapping[str, Discipline] = MappingProxyType(
    {"fifo": fifo, "priority": priority, "shortest": shortest_first, "longest": longest_first}
)
