"""One line of log for each operation: what ran where, and why."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simgpu.memory import Block

if TYPE_CHECKING:
    from simgpu.arrays.array import Array
    from simgpu.arrays.deciding import Decision

LOGGER = logging.getLogger("simgpu.placement")


class PlacementLog:
    """An observer that logs at level INFO."""

    def computed(
        self,
        type: str,
        attributes: Mapping[str, Any],
        inputs: Sequence[Array],
        outputs: Sequence[Array],
        decision: Decision,
        start_ns: int,
    ) -> None:
        """Log an operation."""
        machine = outputs[0]._kind.runtime.machine if outputs else inputs[0]._kind.runtime.machine
        self.placed("Constant" if type == "Variable" else type, machine.devices[decision.device].name, decision.reason)

    def placed(self, type: str, device: str, reason: str) -> None:
        """Log where something went."""
        LOGGER.info("Executing op %s in device %s (%s)", type, device, reason)

    def copied(self, source: Array, target: Array, start_ns: int) -> None:
        """Log a copy between memories; copies within one are nobody's surprise."""
        if source.backing_device != target.backing_device:
            LOGGER.info("Copying %s from %s to %s", source._kind.spec, source.backing_device, target.backing_device)

    def viewed(self, type: str, attributes: Mapping[str, Any], source: Array, view: Array) -> None:
        """Do nothing."""

    def changing(self, array: Array) -> None:
        """Do nothing."""

    def granted(self, device: int, block: Block, owner: str) -> None:
        """Do nothing."""

    def returned(self, device: int, block: Block) -> None:
        """Do nothing."""


PLACEMENT_LOG = PlacementLog()
"""The one that `set_log_device_placement` adds to a runtime's observers, and takes out."""
