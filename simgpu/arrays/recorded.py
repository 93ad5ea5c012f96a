"""What a recording notes, in order: one entry for each thing that happened in a runtime.

An entry holds the storage's arrays and the blocks of the ledger, but no array of the program: those die as if nobody
were recording. While an entry, or what was made of it, holds a block and a storage array, no other can take its
identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from simgpu.graph import TensorSpec
from simgpu.memory import Block

if TYPE_CHECKING:
    from simgpu.arrays.rules import Rules


class Seen(NamedTuple):
    """An array at one moment. Views of one array share its block; each has a storage array of its own.

    `device` is what operations that make it, but that nobody wrote, ask for: a full name, or nothing.
    """

    block: Block
    data: Any
    spec: TensorSpec
    device: str
    memory: int
    rules: Rules


class Computed(NamedTuple):
    """An operation that ran. `device` is what it asks for in the graph; `resource` is where it ran."""

    type: str
    attributes: Mapping[str, Any]
    inputs: tuple[Seen, ...]
    outputs: tuple[Seen, ...]
    rules: Rules | None
    device: str
    resource: str
    reason: str
    start_ns: int
    end_ns: int


class Copied(NamedTuple):
    """A copy, within the memory of a device or between two."""

    source: Seen
    target: Seen
    start_ns: int
    end_ns: int


class Viewed(NamedTuple):
    """A view that was taken."""

    type: str
    attributes: Mapping[str, Any]
    source: Seen
    view: Seen


class Fed(NamedTuple):
    """An array whose values no recorded operation made, with these values."""

    array: Seen
    value: Any
    name: str


class Granted(NamedTuple):
    """Memory that was granted."""

    device: int
    block: Block
    owner: str
    time_ns: int


class Returned(NamedTuple):
    """Memory that came back."""

    device: int
    block: Block
    time_ns: int


Entry = Computed | Copied | Viewed | Fed | Granted | Returned
