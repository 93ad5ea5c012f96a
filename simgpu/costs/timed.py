"""Costs that were measured for each operation of one graph."""

from __future__ import annotations

from collections.abc import Mapping

from simgpu.costs.cost import Cost
from simgpu.errors import InvalidValue
from simgpu.graph import Operation
from simgpu.machine import LogicalDevice


class Timed:
    """Costs by the name of the operation, whatever the device."""

    def __init__(self, costs: Mapping[str, Cost]) -> None:
        self._costs = costs

    def cost(self, operation: Operation, device: LogicalDevice) -> Cost:
        """Return the cost of one execution. Raises InvalidValue for an operation that was not timed."""
        try:
            return self._costs[operation.name]
        except KeyError:
            raise InvalidValue(
                f"operation {operation.name!r} was not timed; give the costs of all operations of the graph"
            ) from None
