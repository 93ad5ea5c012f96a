"""What a kernel set answers: whether an operation has a kernel on a kind of device, and where its tensors lie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from simgpu.graph import Operation


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel of one operation on one kind of device, such as `GPU`.

    `host_inputs` and `host_outputs` tell, for each slot, whether the tensor lies in host memory although the operation
    is reported on the device. Of two kinds, the one with the higher priority is preferred.
    """

    kind: str
    priority: int
    host_inputs: tuple[bool, ...]
    host_outputs: tuple[bool, ...]


class KernelSet(Protocol):
    """A table: operation, dtypes, kind of device -> kernel. It knows nothing of machines."""

    @property
    def name(self) -> str:
        """The name under which users choose the set."""
        ...

    def find(self, operation: Operation, kind: str) -> Kernel | None:
        """Return the kernel of an operation on a kind of device, or None if it has none there."""
        ...

    def missing(self, operation: Operation, kind: str) -> str:
        """Return, where `find` gave None, for what there is no kernel: `int32`, `MatMul on int32`, `PyFunc`."""
        ...


@lru_cache(maxsize=1024)
def in_device_memory(kind: str, inputs: int, outputs: int, priority: int = 0) -> Kernel:
    """Return a kernel with all tensors in the memory of its device."""
    return Kernel(kind, priority, (False,) * inputs, (False,) * outputs)
