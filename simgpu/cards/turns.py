"""One transaction at a time in this process, whatever threads, garbage collection and forks do.

A file lock of SQLite must not be waited for by the thread that holds it, as a finalizer would that runs inside a
transaction; and it must not be copied into a child by `fork`.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

_LONGEST_WAIT_OF_A_FORK_S = 5.0


class Turns:
    """A lock that can also be told what to do as soon as it is free, without waiting for it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._held_for_fork = False
        os.register_at_fork(before=self._before, after_in_parent=self._in_parent, after_in_child=self._in_child)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the lock and hold it. What waits is done first, and what came meanwhile right afterwards."""
        try:
            with self._lock:
                self._do_waiting()
                yield
        finally:
            self._drain()

    def soon(self, action: Callable[[], None]) -> None:
        """Do this now, if the lock is free, else as soon as it is. The action must not raise."""
        self._waiting.append(action)
        self._drain()

    def _drain(self) -> None:
        """Look again after each release: what came in between found the lock taken."""
        while self._waiting and self._lock.acquire(blocking=False):
            try:
                self._do_waiting()
            finally:
                self._lock.release()

    def _do_waiting(self) -> None:
        while self._waiting:
            self._waiting.popleft()()

    def _before(self) -> None:
        self._held_for_fork = self._lock.acquire(timeout=_LONGEST_WAIT_OF_A_FORK_S)

    def _in_parent(self) -> None:
        if self._held_for_fork:
            self._lock.release()
            self._drain()

    def _in_child(self) -> None:
        self._lock = Lock()
        self._waiting.clear()


TURNS = Turns()
"""The turns of this process: one for all ledgers."""
