"""Which copies are still under way in the memory of one device, so that nothing overtakes them.

A device computes in the order of its program, on one stream; what lies in its memory can be used, given back and used
anew in that order without any waiting. Copies go on streams of their own. Each leaves a fence around the bytes that it
reads or writes: whoever comes to the same bytes later waits for it, on the GPU, and nobody else does. So a block that
is given back while it is still being copied can be granted at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from simgpu.storage.driver import Event


class Span(NamedTuple):
    """Bytes from `low` up to `high`."""

    low: int
    high: int


class Fence(NamedTuple):
    """A copy under way: `event` is its end."""

    span: Span
    event: Event
    is_write: bool


class Fences:
    """The fences in one memory. Those whose copies have ended are forgotten in passing."""

    __slots__ = ("_is_done", "_up")

    def __init__(self, is_done: Callable[[Event], bool]) -> None:
        self._is_done = is_done
        self._up: list[Fence] = []

    def __bool__(self) -> bool:
        return bool(self._up)

    def put_up(self, span: Span, event: Event, *, is_write: bool) -> None:
        """Note a copy that reads or writes some bytes."""
        if span.low < span.high:
            self._up = [fence for fence in self._up if not self._is_done(fence.event)]
            self._up.append(Fence(span, event, is_write))

    def before(self, span: Span, *, is_write: bool) -> list[Event]:
        """Return what a write of these bytes, or a read, must wait for. Reads do not wait for reads."""
        return [
            fence.event
            for fence in self._up
            if (is_write or fence.is_write) and fence.span.low < span.high and span.low < fence.span.high
        ]

    def left(self) -> list[Event]:
        """Return the ends of copies that are still under way."""
        return [fence.event for fence in self._up if not self._is_done(fence.event)]

    def take_down(self, events: list[Event]) -> None:
        """Forget copies for which the device's own stream waits: all that comes later is behind it."""
        gone = set(map(id, events))
        self._up = [fence for fence in self._up if id(fence.event) not in gone]

    def clear(self) -> None:
        """Forget all."""
        self._up = []
