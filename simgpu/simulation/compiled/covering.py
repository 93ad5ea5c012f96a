"""What the compiled engine covers: what it can compute exactly in 64 bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from simgpu.errors import InvalidValue
from simgpu.simulation.workload import COMPUTE, DELAY, Ints, Workload

LIMIT_PS = 2**60
"""13 days: no time may lie beyond it."""

LIMIT_PER_S = 2**53
"""9 PB/s: whole rates up to it are exact as floats, and their products with small numbers fit."""

LIMIT_NUMBERS = 2**31 - 1
"""Numbers of tasks, and of whatever else is kept for each, have 32 bits."""


class NotCovered(InvalidValue):
    """A workload that the compiled engine cannot run."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the compiled engine does not cover this workload: {why}; run it with engine='simpy'")


def why_not_covered(workload: Workload) -> str | None:
    """Return a reason why the compiled engine cannot run a workload; None if nothing is known to hinder it.

    Times that lie beyond LIMIT_PS because many tasks follow each other show only while it runs.
    """
    return next(_reasons(workload), None)


def _reasons(workload: Workload) -> Iterator[str]:
    yield from _other_types(workload.resources)
    yield from _other_types(workload)
    if len(workload) + len(workload.followers) + _hops(workload) > LIMIT_NUMBERS:
        yield f"its tasks, dependencies and hops are more than {LIMIT_NUMBERS}"
    resources = workload.resources
    for name in ("channel_per_s", "change_per_s"):
        yield from _beyond(name, getattr(resources, name), LIMIT_PER_S)
    for name in ("channel_latency_ps", "route_latency_ps", "change_ps"):
        yield from _beyond(name, getattr(resources, name), LIMIT_PS)
    yield from _beyond("rate_cap", workload.rate_cap, LIMIT_PER_S)
    yield from _beyond("release_ps", workload.release_ps, LIMIT_PS)
    yield from _beyond("launch_ps", workload.launch_ps, LIMIT_PS)
    yield from _beyond("amount of DELAY", workload.amount[workload.kind == DELAY], LIMIT_PS)
    is_compute = workload.kind == COMPUTE
    if (workload.amount[is_compute] > LIMIT_PS // workload.parts[is_compute]).any():
        yield f"amount times parts of a COMPUTE is beyond {LIMIT_PS}"


def _other_types(record: Any) -> Iterator[str]:
    for it in fields(record):
        values = getattr(record, it.name)
        if isinstance(values, np.ndarray) and not np.can_cast(values.dtype, np.int64):
            yield f"{it.name} is an array of {values.dtype}, not of int64"


def _hops(workload: Workload) -> int:
    longest = int(np.diff(workload.resources.route_starts).max(initial=0))
    return len(workload) * (longest + 1)


def _beyond(name: str, values: Ints, limit: int) -> Iterator[str]:
    if len(values) and values.max() > limit:
        yield f"{name}[{int(values.argmax())}] is {values.max()}, beyond {limit}"
