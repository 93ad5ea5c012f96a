"""Keeps when each task was ready, launched, started and finished, and in which order: a timeline in the making."""

from __future__ import annotations

import numpy as np

from simgpu.simulation.clock import Clock
from simgpu.simulation.timeline import LAUNCHED, Timeline
from simgpu.simulation.workload import NONE, Ints


class Journal:
    """One list for each column of a timeline."""

    def __init__(self, clock: Clock, tasks: int) -> None:
        self._clock = clock
        self.ready_ps, self.launchable_ps = [NONE] * tasks, [NONE] * tasks
        self.launch_start_ps, self.launch_end_ps = [NONE] * tasks, [NONE] * tasks
        self.start_ps, self.end_ps = [NONE] * tasks, [NONE] * tasks
        self.cause, self.launch_cause = [NONE] * tasks, [NONE] * tasks
        self.log: list[int] = []

    def add_task(self) -> None:
        """Keep one more task."""
        for column in self._columns():
            column.append(NONE)

    def launchable(self, task: int, cause: int) -> None:
        """Note that a task may be launched, and what allowed it."""
        self.launchable_ps[task], self.launch_cause[task] = self._clock.now_ps, cause

    def launching(self, task: int) -> None:
        """Note that a launch begins."""
        self.launch_start_ps[task] = self._clock.now_ps

    def launched(self, task: int) -> None:
        """Note that a launch ended."""
        self.launch_end_ps[task] = self._clock.now_ps
        self.log.append(4 * task + LAUNCHED)

    def timeline(self) -> Timeline:
        """Return what has been noted until now."""
        return Timeline(*map(_array, (*self._columns(), self.log)))

    def _columns(self) -> tuple[list[int], ...]:
        return (
            self.ready_ps,
            self.launchable_ps,
            self.launch_start_ps,
            self.launch_end_ps,
            self.start_ps,
            self.end_ps,
            self.cause,
            self.launch_cause,
        )


def _array(values: list[int]) -> Ints:
    """Return an array; of Python's integers if some are beyond 64 bits, which are 107 days in picoseconds."""
    if values.count(NONE) == len(values):  # as those of launches are where nothing is launched
        return np.full(len(values), NONE, np.int64)
    try:
        return np.array(values, np.int64)
    except OverflowError:
        return np.array(values, object)
