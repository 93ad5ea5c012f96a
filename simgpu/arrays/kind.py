"""What arrays have in common: shape, dtype, site and rules. One object for each combination, compared by identity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simgpu.arrays.memory import DeviceMemory
from simgpu.arrays.rules import Rules
from simgpu.graph import TensorSpec

if TYPE_CHECKING:
    from simgpu.arrays.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Site:
    """Where an array is: the device it is reported on, and the one in whose memory its bytes lie."""

    device: int
    memory: int


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """The kind of an array in a runtime. Plans are found by the identity of the kinds of their inputs.

    `array_at` makes the storage's array over the bytes at an offset; `arrays` keeps some of them, by offset, for the
    next array of this kind there.
    """

    runtime: Runtime
    spec: TensorSpec
    site: Site
    memory: DeviceMemory
    rules: Rules
    size_bytes: int
    array_at: Callable[[int], Any]
    arrays: dict[int, Any] = field(default_factory=dict)
