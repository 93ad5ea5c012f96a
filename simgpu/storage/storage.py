"""Where bytes live: the form that every kind of storage has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from simgpu.graph import TensorSpec
from simgpu.kernels import Attributes, OperationRule


class Region(Protocol):
    """The memory of one logical device. Offsets are those that the device's ledger grants."""

    def array(self, offset: int, spec: TensorSpec) -> Any:
        """Return an array over the bytes at an offset."""

    def holds(self, array: Any) -> bool:
        """Tell whether all bytes of an array really lie in this region."""


class Storage(Protocol):
    """Makes regions, and does with their arrays what a program asks for."""

    name: str

    def open(self, limit_bytes: int) -> Region:
        """Make the memory of one logical device."""

    def compute(
        self, rule: OperationRule, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes
    ) -> None:
        """Run an operation; the results go into the arrays given."""

    def write(self, target: Any, value: Any) -> None:
        """Copy a value of the caller into an array."""

    def copy(self, source: Any, target: Any) -> None:
        """Copy an array into another of the same shape and dtype, possibly of another region."""

    def read(self, source: Any) -> Any:
        """Return the value of an array as the caller's own."""
