"""Everything that can go wrong, in one place.

Each error also derives from the built-in that fits it, so that `except ValueError` and `except MemoryError` work as a
reader expects. A message is one paragraph: who, what was asked, what was there, what to do.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, field
from typing import Any

_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 60


class SimgpuError(Exception):
    """The base of every error that simgpu raises on purpose."""


class InvalidValue(SimgpuError, ValueError):
    """A size, rate, duration or option that cannot be meant."""


def check_type(value: object, kind: Any, what: str, wanted: str) -> None:
    """Refuse an argument of a wrong type: `placement=3 is not a Placement; give what `place` returns`.

    `what` is the name of the argument, `wanted` what it must be, and how to have one. Raises InvalidValue.
    """
    if not isinstance(value, kind):
        raise InvalidValue(f"{what}={_SHOWN.repr(value)} is not {wanted}")


class DeviceNameError(SimgpuError, ValueError):
    """A device name outside TensorFlow's grammar."""


class DeviceScopeError(DeviceNameError, RuntimeError):
    """A function given where a device is expected (TensorFlow 2: RuntimeError)."""


class MachineError(SimgpuError, ValueError):
    """A machine that cannot be built, or a device or route that it does not have."""


class GraphError(SimgpuError, ValueError):
    """A graph that is not well formed: duplicate names, unknown inputs, cycles, shapes that do not fit."""


class AxisError(GraphError, IndexError):
    """An axis that an array has not got, or an index beyond one."""


class UnknownOperation(GraphError):
    """An operation type that the kernel table does not know."""


class ModelFileError(SimgpuError, ValueError):
    """A model file that cannot be read."""


class ScenarioError(SimgpuError, ValueError):
    """A scenario file that is not valid; the message starts with file, line and column."""


class CalibrationError(SimgpuError, ValueError):
    """A calibration that cannot be read, or does not hold what is asked of it."""


class ExtrapolationWarning(UserWarning):
    """Times predicted for operations that lie beyond all that was measured."""


class DeviceMismatchError(SimgpuError, ValueError):
    """An operation whose inputs are on different devices, under rules that do not copy them."""


class RuntimeClosedError(SimgpuError, RuntimeError):
    """A runtime that has been closed, or an array whose memory has been freed."""


class RuntimeStartedError(SimgpuError, RuntimeError):
    """A setting that must be made before the first use of a runtime, made after it."""


class CardsError(SimgpuError, RuntimeError):
    """The ledger of cards that programs share cannot be used."""


class PlacementError(SimgpuError, ValueError):
    """A placement request that cannot be met (TensorFlow: InvalidArgumentError).

    `operation` names the operation that asks for it, `rule` is the position of the rule that does, among those given;
    None where it is no matter of one.
    """

    def __init__(self, message: str, *, operation: str | None = None, rule: int | None = None) -> None:
        super().__init__(message)
        self.operation = operation
        self.rule = rule


class ExecutionError(SimgpuError, RuntimeError):
    """An operation that failed while a program ran; the cause is chained."""


class DeadlockError(SimgpuError, RuntimeError):
    """Operations of a simulated run wait for each other, or for memory, for ever."""


class DeviceFailure(SimgpuError, RuntimeError):
    """A device of a simulated run fails while there is work for it. `trace` is what had happened until then."""

    def __init__(self, message: str, trace: object) -> None:
        super().__init__(message)
        self.trace = trace


class NoEffectWarning(UserWarning):
    """A setting that cannot matter, such as a change of a link that no transfer uses."""


class ReserveWarning(UserWarning):
    """More has come onto a card outside of all limits than the reserve that is kept free for it."""


class MissingDependency(SimgpuError, ImportError):
    """An optional package that is not installed; the message names the extra to install."""


@dataclass(frozen=True, slots=True)
class MemoryShortage:
    """The figures of one refused allocation. All sizes in bytes.

    `largest_live` names the largest blocks then alive, largest first: (owner, bytes).
    """

    device: str
    owner: str
    requested_bytes: int
    needed_bytes: int
    used_bytes: int
    limit_bytes: int
    largest_hole_bytes: int
    largest_live: tuple[tuple[str, int], ...] = field(default=())

    @property
    def is_fragmentation(self) -> bool:
        """True if the free bytes would have sufficed in one piece."""
        return self.used_bytes + self.needed_bytes <= self.limit_bytes


class OutOfDeviceMemory(SimgpuError, MemoryError):
    """An allocation that no hole of a device's memory can hold. The device's ledger is as it was before.

    `trace` is what had happened until then, if a run was under way.
    """

    def __init__(self, message: str, shortage: MemoryShortage) -> None:
        super().__init__(message)
        self.shortage = shortage
        self.trace: object | None = None

    def __reduce__(self) -> tuple[type[OutOfDeviceMemory], tuple[str, MemoryShortage]]:
        return type(self), (str(self), self.shortage)
