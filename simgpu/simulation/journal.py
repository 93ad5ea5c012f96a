"""Keeps when each task was ready, launched, started and finished, and in which order: a timeline in the making."""

from __future__ import annotations

from array import array
from collections.abc import MutableSequence

import numpy as np

from simgpu.simulation.clock import Clock
from simgpu.simulation.timeline import LAUNCHED, Timeline
from simgpu.simulation.workload import NONE, Ints

_TIMES = ("ready_ps", "launchable_ps", "launch_start_ps", "launch_end_ps", "start_ps", "end_ps")
_COLUMNS = (*_TIMES, "cause", "launch_cause")
_BEYOND_PS = 2**63
"""The first instant, after 107 days, that an array of 64 bits cannot hold."""


class Journal:
    """One column for each of a timeline."""

    ready_ps: MutableSequence[int]
    launchable_ps: MutableSequence[int]
    launch_start_ps: MutableSequence[int]
    launch_end_ps: MutableSequence[int]
    start_ps: MutableSequence[int]
    end_ps: MutableSequence[int]
    cause: MutableSequence[int]
    launch_cause: MutableSequence[int]

    def __init__(self, clock: Clock, tasks: int) -> None:
        self._clock = clock
        for name in _COLUMNS:
            setattr(self, name, array("q", [NONE]) * tasks)
        self.log = array("q")
        clock.call_from(_BEYOND_PS, self._widen)

    def add_task(self) -> None:
        """Keep one more task."""
        for name in _COLUMNS:
            getattr(self, name).append(NONE)

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

    def ready_since_ps(self, task: int) -> int:
        """Return when a task became ready. If another made it ready, that was when that one ended."""
        cause = self.cause[task]
        return self.ready_ps[task] if cause == NONE else self.end_ps[cause]

    def timeline(self) -> Timeline:
        """Return what has been noted until now."""
        columns = {name: _array(getattr(self, name)) for name in (*_COLUMNS, "log")}
        cause, end_ps = columns["cause"], columns["end_ps"]
        if len(cause):
            columns["ready_ps"] = _array(np.where(cause == NONE, columns["ready_ps"], end_ps[cause]))
        return Timeline(**columns)

    def _widen(self) -> None:
        """Keep times of any size from now on."""
        for name in _TIMES:
            setattr(self, name, list(getattr(self, name)))


def _array(values: MutableSequence[int] | Ints) -> Ints:
    """Return an array; of Python's integers if some are beyond 64 bits."""
    try:
        return np.array(values, np.int64)
    except OverflowError:
        return np.array(values, object)
