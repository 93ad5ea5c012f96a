"""What CuPy storage needs of a GPU: memory, streams, events. One implementation drives CUDA, others stand in for it.

A stream is a queue of work that a GPU does in order; an event is a point in a stream for which others can wait.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from simgpu.storage.driver_calls import DriverCalls

Stream = Any
Event = Any


class Slab(Protocol):
    """Memory of the card that one logical device has for itself. It goes back when nothing refers to it any more."""

    ptr: int
    size_bytes: int


class Pinned(Protocol):
    """Host memory that the GPU can reach by itself. `array` shows its bytes to NumPy."""

    ptr: int
    array: Any


class ScratchPool(Protocol):
    """Memory for what kernels need beside their operands, up to a limit."""

    def allocate(self, size_bytes: int) -> Any:
        """Return what CuPy takes for memory. Raises MemoryError beyond the limit."""

    def used_bytes(self) -> int:
        """Return what is handed out now."""

    def close(self) -> None:
        """Give everything back."""


class Driver(Protocol):
    """A card, and the array module that computes on it."""

    module: Any
    """The array module: `cupy`."""
    card: Hashable
    """What drivers of one card have in common."""

    def calls(self) -> DriverCalls:
        """Return what was asked of CUDA for this card until now, in this process."""

    def memory_info(self) -> tuple[int, int]:
        """Return free and total bytes of the card, as the driver counts them."""

    def take(self, size_bytes: int) -> Slab:
        """Take memory of the card. Raises MemoryError if it has not got that much in one piece."""

    def scratch(self, limit_bytes: int, stream: Stream) -> ScratchPool:
        """Make a pool for what runs on a stream, and take its memory at once."""

    def pinned(self, size_bytes: int) -> Pinned:
        """Return pinned host memory."""

    def array(self, memory: Any, ptr: int, shape: Sequence[int], dtype: Any, strides: Sequence[int] | None) -> Any:
        """Return an array of the module over bytes of a memory that `adopt` gave."""

    def adopt(self, slab: Slab, owner: object) -> Any:
        """Return a slab as the module's memory object, which keeps `owner` alive."""

    def owner_of(self, array: Any) -> object | None:
        """Return the owner of the memory of an array; None if it is not adopted."""

    def is_array(self, value: object) -> bool:
        """Tell whether something is an array of the module."""

    def stream(self) -> Stream:
        """Make a stream that waits for no other one by itself."""

    def stream_id(self, stream: Stream) -> int:
        """Return what tells a stream from others."""

    def current_stream_id(self) -> int:
        """Return it for the stream on which this thread's kernels are launched."""

    def using(self, stream: Stream) -> AbstractContextManager[object]:
        """Have this thread's kernels launched on a stream."""

    def record(self, stream: Stream, *, is_timed: bool = False) -> Event:
        """Return the event that all work given to a stream until now is done."""

    def wait(self, stream: Stream, event: Event) -> None:
        """Have what is given to a stream from now on wait for an event. The host does not wait."""

    def is_done(self, event: Event) -> bool:
        """Tell whether an event has happened."""

    def wait_on_host(self, event: Event) -> None:
        """Wait for an event."""

    def finish(self, stream: Stream) -> None:
        """Wait until a stream has nothing to do."""

    def elapsed_ps(self, earlier: Event, later: Event) -> int:
        """Return the time between two timed events that have happened."""

    def hold(self, stream: Stream, time_us: int) -> None:
        """Keep a stream busy for a while."""

    def copy_bytes(self, target_ptr: int, source_ptr: int, size_bytes: int, stream: Stream) -> None:
        """Copy bytes between any two memories, in the order of a stream."""

    def fill_bytes(self, ptr: int, byte: int, size_bytes: int, stream: Stream) -> None:
        """Fill bytes, in the order of a stream."""

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call array code: `function(module, *arguments)`. Kernels go to the current stream."""

    def run_function(self, name: str, *arguments: Any) -> Any:
        """Call a function of the module by its name. Kernels go to the current stream."""

    def enter_thread(self) -> None:
        """Prepare a thread to use the card."""

    def install(self, allocate: Callable[[int], Any]) -> None:
        """Have the module ask `allocate` for memory from now on."""

    def is_installed(self, allocate: Callable[[int], Any]) -> bool:
        """Tell whether it does, in this thread."""

    def uninstall(self) -> None:
        """Have it allocate as before."""

    def random_state(self, seed: int) -> Any:
        """Return a new generator of random numbers."""

    def route_random(self, current: Callable[[], Any]) -> None:
        """Have the module draw random numbers from what `current` returns; from its own generator if that is None."""

    def green_streams(self, sm_counts: Sequence[int]) -> list[Callable[[], Stream]]:
        """Cut the card's multiprocessors into groups, and return what makes streams in each.

        Raises ExecutionError where the card, its driver or an installed library does not allow it.
        """

    def facts(self) -> dict[str, str]:
        """Return name and PCI bus id of the card, and versions of driver, runtime and module."""
