"""Work in a file, so that every engine, in whatever language, reads the same.

The file is little-endian 64-bit integers: `MAGIC`, then each of the arrays named here as its length and its values.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np

from benchmarks.workloads import Case, plain_channels, plain_queues, plain_workload
from simgpu.errors import InvalidValue
from simgpu.simulation.workload import Ints, Resources

MAGIC = int.from_bytes(b"sgpuwork", "little")
OF_WORKLOAD = ("kind", "amount", "where", "follower_starts", "followers")
OF_RESOURCES = (
    "queue_slots",
    "channel_per_s",
    "channel_latency_ps",
    "route_starts",
    "route_channels",
    "route_latency_ps",
)
OF_CASE = ("route_from", "route_to")


def write_case(case: Case, path: Path) -> None:
    """Write work. Its tasks, queues and channels must be plain: the file says nothing of launches, gates and so on."""
    owners = [(case.workload, OF_WORKLOAD), (case.workload.resources, OF_RESOURCES), (case, OF_CASE)]
    with path.open("wb") as file:
        np.array(MAGIC, "<i8").tofile(file)
        for owner, names in owners:
            for name in names:
                values = getattr(owner, name)
                np.array(len(values), "<i8").tofile(file)
                values.astype("<i8").tofile(file)


def read_case(path: Path) -> Case:
    """Read what `write_case` has written. Raises InvalidValue for another file."""
    with path.open("rb") as file:
        if _read(file, 1).tolist() != [MAGIC]:
            raise InvalidValue(f"{path} is not a file of work; write one with `benchmarks.files.write_case`")
        arrays = {name: _read(file, int(_read(file, 1)[0])) for name in (*OF_WORKLOAD, *OF_RESOURCES, *OF_CASE)}
    resources = Resources(
        **plain_queues(len(arrays["queue_slots"])),
        **plain_channels(arrays["channel_per_s"], arrays["channel_latency_ps"]),
        route_starts=arrays["route_starts"],
        route_channels=arrays["route_channels"],
        route_latency_ps=arrays["route_latency_ps"],
    )
    workload = plain_workload(
        resources,
        kind=arrays["kind"],
        amount=arrays["amount"],
        where=arrays["where"],
        order=(arrays["follower_starts"], arrays["followers"]),
    )
    return Case(workload, arrays["route_from"], arrays["route_to"])


def _read(file: BinaryIO, count: int) -> Ints:
    return np.fromfile(file, "<i8", count).astype(np.int64, copy=False)
