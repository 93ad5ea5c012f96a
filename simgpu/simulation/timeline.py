"""What an engine gives: when each task was ready, launched, started and finished, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from simgpu.simulation.workload import NONE, Ints

STARTED, FINISHED, LAUNCHED = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """Times in picoseconds, one for each task; NONE where it did not come to that.

    `cause` is the predecessor whose end made a task ready, NONE if none did: its release, or the end of
    a move's launch. `launch_cause` is what allowed its launch: `4 * predecessor + FINISHED` or `… + LAUNCHED`, or NONE;
    `launchable_ps` is when. `log` has, in the order in which they happened, `4 * task + STARTED`,
    `… + FINISHED` and `… + LAUNCHED` (the end of its launch).
    """

    ready_ps: Ints
    launchable_ps: Ints
    launch_start_ps: Ints
    launch_end_ps: Ints
    start_ps: Ints
    end_ps: Ints
    cause: Ints
    launch_cause: Ints
    log: Ints

    @property
    def makespan_ps(self) -> int:
        """When the last task finished; 0 if none did."""
        return max(0, int(self.end_ps.max())) if len(self.end_ps) else 0

    @property
    def unfinished(self) -> NDArray[np.int64]:
        """The tasks that never finished."""
        return np.flatnonzero(self.end_ps == NONE)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Timeline):
            return NotImplemented
        return all(np.array_equal(getattr(self, it.name), getattr(other, it.name)) for it in fields(self))

    __hash__ = None  # type: ignore[assignment]
