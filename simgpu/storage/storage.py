"""Where bytes live: the form that every kind of storage has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from simgpu.graph import TensorSpec
from simgpu.kernels import Attributes, OperationRule
from simgpu.trace import CardUse

Show = Callable[[Any], Any]
"""Makes a view of a NumPy array, such as a slice. Raises ValueError where there can be none without a copy."""


Mark = Any
"""A moment in the order of what a device does."""


class Moments(NamedTuple):
    """When something starts and ends that has been launched."""

    start: Mark
    end: Mark


class Opening(NamedTuple):
    """A device that is to be opened: its name, for messages, and what `Storage.open` will be asked for it."""

    device: str
    kind: str
    limit_bytes: int
    grows: bool = False


class Region(Protocol):
    """The memory of one logical device. Offsets are those that the device's ledger grants."""

    def arrays(self, spec: TensorSpec) -> Callable[[int], Any]:
        """Return what makes arrays of one shape and dtype over the bytes at an offset."""

    def holds(self, array: Any) -> bool:
        """Tell whether all bytes of an array really lie in this region."""

    def grow(self, size_bytes: int) -> None:
        """Take more memory of the card. Raises OutOfDeviceMemory if it has not got that much."""

    def mark(self) -> Mark:
        """Return this moment in the order of what the device computes."""

    def hold(self) -> None:
        """Keep a device that works by itself busy for a while, so that what comes next runs without gaps."""

    def finish(self) -> None:
        """Wait until everything asked of the device is done."""

    def close(self) -> None:
        """Give back what is held beside the memory of arrays that live on. A second call does nothing."""


@runtime_checkable
class Storage(Protocol):
    """Makes regions, and does with their arrays what a program asks for."""

    name: str
    is_asynchronous: bool
    """Whether GPUs work by themselves: what is asked of them returns when it is launched, not when it is done."""
    quiet: Any
    """Its `run` and `call` call a function so that infinities and NaN are results, as on a GPU.

    `run` raises RuntimeError if that happens in the midst of another call, by a finalizer.
    """

    def function(self, name: str) -> Callable[..., Any] | None:
        """Return a function of the array module that takes inputs, then the output. None: there is nothing to do."""

    def enter_thread(self) -> None:
        """Prepare a thread of the library's own that will compute."""

    def check_start(self, openings: Sequence[Opening]) -> None:
        """Raise OutOfDeviceMemory, with all figures, if there is not enough for all of these devices together.

        Nothing is taken: that is left to `open`, which checks again.
        """

    def open(self, limit_bytes: int, kind: str = "GPU", *, device: str = "GPU", grows: bool = False) -> Region:
        """Make the memory of one logical device of a kind. `device` is its name, for messages.

        If it `grows`, its memory is taken by `Region.grow`. Raises OutOfDeviceMemory where the card has not enough.
        """

    def look(self, *, now: bool = False) -> CardUse | None:
        """Look at the card behind the storage, if there is one and it is time for that, or `now`; return what is used.

        Warns if more came outside of all limits than the reserve that is kept for it: see ReserveWarning.
        """

    def between_ps(self, earlier: Mark, later: Mark) -> int:
        """Return the time between two marks, in picoseconds, once their devices have finished."""

    def is_launched(self, *arrays: Any) -> bool:
        """Tell whether work on these arrays together is launched, and done later."""

    def compute(
        self, rule: OperationRule, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes
    ) -> None:
        """Run an operation; the results go into the arrays given."""

    def compute_dynamic(
        self, rule: OperationRule, inputs: Sequence[Any], attributes: Attributes
    ) -> list[tuple[TensorSpec, Any]]:
        """Run an operation whose shapes follow from values; return both. Raises GraphError if there are no values."""

    def write(self, target: Any, value: Any) -> Moments | None:
        """Copy a value of the caller into an array. Returns when it happens, if that is later."""

    def copy(self, source: Any, target: Any) -> Moments | None:
        """Copy an array into another of the same shape and dtype, possibly of another region.

        Returns when it happens, if that is later.
        """

    def read(self, source: Any) -> Any:
        """Return the value of an array as the caller's own."""

    def view(self, source: Any, show: Show) -> tuple[Any, TensorSpec]:
        """Return an array over the memory of another that looks as `show` says, and its shape and dtype."""

    def is_writable(self, array: Any) -> bool:
        """Tell whether each element of an array has a place of its own; those of a broadcast view have not."""
