"""Threads that do the work of devices, and say when it is done.

A GPU has one worker, so its operations run one after the other; the CPU devices of a host share its inter-op threads
(never more than this computer has cores); what moves between memories has threads of its own. What a real GPU does by
itself is only launched, by the calling thread.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from time import perf_counter_ns
from typing import NamedTuple

from simgpu.machine import Machine
from simgpu.storage import Moments

PS_PER_NS = 1000
COPY_THREADS = 2


class Done(NamedTuple):
    """A task that has ended, or has been launched, with what it raised, if anything. Times since the start of the run.

    `moments` are when it happens on its device, if that is later.
    """

    task: int
    error: BaseException | None
    start_ps: int
    end_ps: int
    moments: Moments | None = None


Work = Callable[[], Moments | None]
"""Does what a task does, or launches it."""


class Workers:
    """The threads of one run. Leaving the context waits for those that are busy and ends all of them."""

    def __init__(self, machine: Machine, enter_thread: Callable[[], None]) -> None:
        self._enter_thread = enter_thread
        self._entered = threading.local()
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._done: SimpleQueue[Done] = SimpleQueue()
        self._machine = machine
        self._origin_ns = perf_counter_ns()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)

    def lane(self, device: int) -> str:
        """Name the threads that work for a device; devices with the same lane share them."""
        logical = self._machine.devices[device]
        return logical.name if logical.kind != "CPU" else self._machine.hosts[self._host(device)].name

    def width(self, device: int) -> int:
        """Return how many operations of a device's lane run at the same time."""
        if self._machine.devices[device].kind != "CPU":
            return 1
        return min(self._machine.hosts[self._host(device)].inter_op_threads, os.cpu_count() or 1)

    def compute(self, device: int, task: int, work: Work) -> None:
        """Do the work of a task on a device's threads."""
        self._submit(self.lane(device), self.width(device), task, work)

    def move(self, task: int, work: Work) -> None:
        """Do the work of a task that moves a tensor."""
        self._submit("copies", COPY_THREADS, task, work)

    def launch(self, task: int, work: Work) -> None:
        """Have the calling thread launch a task; it counts as done then."""
        start_ps = self.now_ps()
        moments = work()
        self._done.put(Done(task, None, start_ps, self.now_ps(), moments))

    def next_done(self) -> Done:
        """Wait for the next task to end."""
        return self._done.get()

    def start_clock(self) -> None:
        """Let the run's time start now."""
        self._origin_ns = perf_counter_ns()

    def now_ps(self) -> int:
        """Time since the start of the run."""
        return (perf_counter_ns() - self._origin_ns) * PS_PER_NS

    def _host(self, device: int) -> int:
        return self._machine.physical_devices[self._machine.devices[device].physical].host

    def _submit(self, lane: str, width: int, task: int, work: Work) -> None:
        if lane not in self._pools:
            self._pools[lane] = ThreadPoolExecutor(width, f"simgpu {lane}")
        self._pools[lane].submit(self._do, task, work)

    def _enter(self) -> None:
        """Prepare this thread, once. That is not left to the pool: where it failed there, nobody would hear of it."""
        if not hasattr(self._entered, "is_done"):
            self._enter_thread()
            self._entered.is_done = True

    def _do(self, task: int, work: Work) -> None:
        start_ps = self.now_ps()
        error: BaseException | None = None
        moments: Moments | None = None
        try:
            self._enter()
            start_ps = self.now_ps()
            moments = work()
        except BaseException as raised:  # whatever it is belongs to the caller, who waits for this task
            error = raised
        self._done.put(Done(task, error, start_ps, self.now_ps(), moments))
