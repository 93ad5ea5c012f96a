"""Costs that stand in the graph itself: the attribute `duration_ps` of an operation.

Its value is an int, or a mapping from the kind of device (`"CPU"`, `"GPU"`) to an int, in picoseconds.
"""

from __future__ import annotations

from collections.abc import Mapping

from simgpu.costs.cost import Cost, CostModel, MoveCost, MoveCostModel
from simgpu.errors import GraphError, InvalidValue
from simgpu.graph import Operation
from simgpu.machine import LogicalDevice

ATTRIBUTE = "duration_ps"
_BY_LINKS = MoveCost()


class Given:
    """Costs from the graph, and from another model for operations that give none."""

    def __init__(self, otherwise: CostModel) -> None:
        self._otherwise = otherwise
        self._moves = otherwise if isinstance(otherwise, MoveCostModel) else None

    def cost(self, operation: Operation, device: LogicalDevice) -> Cost:
        """Return what the graph gives. Raises GraphError for a duration that is not an int of 0 or more.

        InvalidValue if the other model gives no Cost.
        """
        given = operation.attributes.get(ATTRIBUTE)
        if given is None:
            found = self._otherwise.cost(operation, device)
            if not isinstance(found, Cost):
                raise InvalidValue(
                    f"operation {operation.name!r} costs {found!r:.60} on {device.name}; a cost model must give a Cost"
                )
            return found
        if isinstance(given, Mapping) and given and device.kind not in given:
            kinds = " and ".join(map(str, given))
            raise GraphError(
                f"operation {operation.name!r} is on {device.name}, but its duration is given for {kinds} alone; place "
                f"it on a {kinds}, or give it a duration for {device.kind}"
            )
        duration_ps = given.get(device.kind) if isinstance(given, Mapping) else given
        if type(duration_ps) is not int or duration_ps < 0:
            raise GraphError(
                f"operation {operation.name!r} has {ATTRIBUTE} {given!r}; on {device.name} it must be an int of 0 or "
                f"more picoseconds, or a mapping from {device.kind!r} to one"
            )
        return Cost(duration_ps)

    def move(self, size_bytes: int, source: LogicalDevice | None, target: LogicalDevice | None) -> MoveCost:
        """Return what the other model says, or else what the links say. Raises InvalidValue if it gives no MoveCost."""
        if self._moves is None:
            return _BY_LINKS
        found = self._moves.move(size_bytes, source, target)
        if not isinstance(found, MoveCost):
            ends = " to ".join("the caller" if end is None else end.name for end in (source, target))
            raise InvalidValue(
                f"{size_bytes} B from {ends} cost {found!r:.60}; `move` of a cost model must give a MoveCost"
            )
        return found
