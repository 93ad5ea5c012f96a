"""A device that fails during a run: what that strikes, and the error it is.

Until it fails, the run is what it would have been without.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from simgpu.errors import DeviceFailure, NoEffectWarning
from simgpu.naming import short_name
from simgpu.program import Program
from simgpu.simulation.perturbations import Fails
from simgpu.simulation.timeline import FINISHED, STARTED, Timeline
from simgpu.units import parse_duration, short_duration

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure that strikes: `log_end` entries of the log happened before it."""

    device: int
    at_ps: int
    log_end: int
    stricken: tuple[int, ...]


def failure_of(program: Program, timeline: Timeline, fails: Fails) -> Failure | None:
    """Return what a failure strikes; None, with a warning, if nothing is left for the device to do by then."""
    at_ps = parse_duration(fails.at, what="at")
    device = program.placement.machine.index(fails.device)
    stricken = tuple(
        number
        for number, ends in enumerate(zip(program.tasks.device, program.tasks.source, strict=True))
        if device in ends and not 0 <= timeline.end_ps[number] <= at_ps
    )
    if not stricken:
        warnings.warn(
            f"{fails.device} fails at {short_duration(at_ps)}, when its work is done; that has no effect",
            NoEffectWarning,
            stacklevel=3,
        )
        return None
    return Failure(device, at_ps, _log_end(timeline, at_ps), stricken)


def _log_end(timeline: Timeline, at_ps: int) -> int:
    """Return how much of a log happened before a time, ends at that time included."""
    task, what = timeline.log // 4, timeline.log % 4
    kinds = [timeline.start_ps[task], timeline.end_ps[task]]
    times = np.select([what == STARTED, what == FINISHED], kinds, timeline.launch_end_ps[task])
    later = np.flatnonzero((times > at_ps) | ((times == at_ps) & (what == STARTED)))
    return int(later[0]) if len(later) else len(times)


def raise_failure(program: Program, failure: Failure, trace: object) -> None:
    """Raise DeviceFailure."""
    name = short_name(program.placement.machine.devices[failure.device].name)
    names = [program.tasks.name(task) for task in failure.stricken[:_SHOWN]]
    more = len(failure.stricken) - len(names)
    left = f"{', '.join(names)}{f' and {more} more' if more else ''}"
    what = "operation or transfer" if len(failure.stricken) == 1 else "operations and transfers"
    raise DeviceFailure(
        f"{name} fails at {short_duration(failure.at_ps)}, with {len(failure.stricken)} {what} left: "
        f"{left}; let another device take over (`then`), or place less on {name}",
        trace,
    )
