"""Who is told what happens in a runtime: recordings, logs of placement, checks in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from simgpu.memory import Block

if TYPE_CHECKING:
    from simgpu.arrays.array import Array
    from simgpu.arrays.deciding import Decision


class MemoryObserver(Protocol):
    """Is called with the memory's lock held, after it has changed; so it must be quick and must not allocate there."""

    def granted(self, device: int, block: Block, owner: str) -> None:
        """Note that memory of a device was granted."""

    def returned(self, device: int, block: Block) -> None:
        """Note that memory of a device came back."""


@runtime_checkable
class Observer(MemoryObserver, Protocol):
    """Is called on the thread on which something happens, after it has; times are of `time.perf_counter_ns`."""

    def computed(
        self,
        type: str,
        attributes: Mapping[str, Any],
        inputs: Sequence[Array],
        outputs: Sequence[Array],
        decision: Decision,
        start_ns: int,
    ) -> None:
        """Note an operation. Inputs are those that it read, after copies between devices."""

    def copied(self, source: Array, target: Array, start_ns: int) -> None:
        """Note a copy, within a device or between two."""

    def viewed(self, type: str, attributes: Mapping[str, Any], source: Array, view: Array) -> None:
        """Note that `view` shows memory of `source`, as the result of this operation would look."""

    def changing(self, array: Array) -> None:
        """Note that the values of an array are about to change in place. May raise; then they must not be changed.

        Afterwards `computed` is called with this array among the outputs, or `copied` with it as the target.
        """
