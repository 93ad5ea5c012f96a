"""What a calibration holds: frozen records of what was measured on one device, each with its spread.

Times are medians. A spread is the distance of the quartiles from each other: half of all repetitions lie that near.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from simgpu.costs.measured_machine import PINNED_WAYS, measured_machine
from simgpu.graph import TensorSpec
from simgpu.machine import Machine

WAYS = ("h2d", "h2d-pageable", "d2h", "d2h-pageable", *PINNED_WAYS, "d2d", "host")
"""Ways of a copy.

`h2d` and `d2h` join the memory of a CPU device and a GPU, `d2d` two GPUs on one card, `host` two CPU devices;
`h2d-pageable` is a value of the caller written to the device, `d2h-pageable` an array read back as the caller's own.
Memory of the host is pageable in these: CuPy storage brings it through pinned memory, which is part of the time.
`h2d-pinned` and `d2h-pinned` are one copy from or to pinned memory, which is what the link itself does.
"""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What was measured, with what, and when. `date` is in ISO form, UTC; `versions` are those of libraries."""

    name: str
    kind: str
    storage: str
    is_asynchronous: bool
    memory_bytes: int
    cores: int
    driver: str
    versions: Mapping[str, str]
    date: str


@dataclass(frozen=True, slots=True)
class OperationSample:
    """One operation on one kind of device: `host_ps` to launch it, `device_ps` to compute it.

    Where computing returns only when it is done, `host_ps` is 0 and `device_ps` is all of it. An operation that failed
    has times of 0, and what went wrong in `failed`.
    """

    kind: str
    type: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    attributes: Mapping[str, Any]
    host_ps: int
    host_spread_ps: int
    device_ps: int
    device_spread_ps: int
    repetitions: int
    failed: str = ""

    def __str__(self) -> str:
        inputs = ", ".join(map(str, self.inputs))
        return f"{self.type}({inputs})" + "".join(f" {key}={value}" for key, value in sorted(self.attributes.items()))


@dataclass(frozen=True, slots=True)
class CopySample:
    """A copy of one size: `host_ps` until it returns, and `time_ps` from then on until it is done.

    Where it returns only when it is done, `host_ps` is 0 and `time_ps` is all of it.
    """

    way: str
    size_bytes: int
    host_ps: int
    time_ps: int
    spread_ps: int
    repetitions: int


@dataclass(frozen=True, slots=True)
class ContentionSample:
    """The same operation on siblings of one card at once.

    `together_ps` is the time from the start of the first until the last of them is done, the median of `repetitions`;
    `spread_ps` is its spread. `alone_ps` is the time on one device, measured in the same way.
    """

    type: str
    inputs: tuple[TensorSpec, ...]
    siblings: int
    alone_ps: int
    together_ps: int
    spread_ps: int = 0
    repetitions: int = 1


@dataclass(frozen=True, slots=True)
class Overheads:
    """What `execute` takes of the host for each task, beyond what the task itself takes."""

    compute_ps: int
    transfer_ps: int


@dataclass(frozen=True)
class Calibration:
    """All that was measured on one device."""

    device: DeviceFacts
    overheads: Overheads
    memory_bandwidth_bytes_per_s: int
    peak_flop_per_s: Mapping[str, int]
    operations: Sequence[OperationSample]
    copies: Sequence[CopySample]
    contention: Sequence[ContentionSample] = field(default=())

    def machine(self, limits: Sequence[int | str]) -> Machine:
        """Return a machine with one card cut into these limits, whose figures are the measured ones.

        Raises MachineError if the limits exceed what the card has.
        """
        return measured_machine(self, limits)

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of device that operations were measured on."""
        return frozenset(sample.kind for sample in self.good)

    @cached_property
    def good(self) -> tuple[OperationSample, ...]:
        """The samples of operations that did not fail."""
        return tuple(sample for sample in self.operations if not sample.failed)

    def copies_of(self, way: str) -> list[CopySample]:
        """Return the copies of one way, the smallest first."""
        return sorted((copy for copy in self.copies if copy.way == way), key=lambda copy: copy.size_bytes)

    def slowdown(self, siblings: int) -> float:
        """Return how many times longer an operation takes while so many siblings run it: the median of all measured.

        1.0 where that was not measured.
        """
        ratios = sorted(
            sample.together_ps / max(1, sample.alone_ps) for sample in self.contention if sample.siblings == siblings
        )
        return ratios[len(ratios) // 2] if ratios else 1.0


def median(values: Iterable[int]) -> int:
    """Return the middle of some times, the upper one of two; 0 if there are none."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0


def spread(values: Iterable[int]) -> int:
    """Return the distance between the quartiles of some times."""
    ordered = sorted(values)
    return ordered[(3 * len(ordered)) // 4 if len(ordered) > 1 else 0] - ordered[len(ordered) // 4] if ordered else 0
