"""Small workloads by hand: a line for each task."""

from __future__ import annotations

from typing import Any

import numpy as np

from simgpu.simulation import COMPUTE, DELAY, MOVE, NONE, Resources, Workload, follower_arrays, ints

_ZEROS = dict.fromkeys(("rank", "release_ps", "rate_cap", "launch_ps"), 0)
_DEFAULTS = {"parts": 1, **_ZEROS, **dict.fromkeys(("out_gate", "in_gate", "launcher"), NONE)}


def compute(amount: int, queue: int = 0, **more: int) -> dict[str, int]:
    """Return a task that computes."""
    return {"kind": COMPUTE, "amount": amount, "where": queue, **more}


def move(amount: int, route: int = 0, **more: int) -> dict[str, int]:
    """Return a task that moves bytes; in place if `route` is NONE."""
    return {"kind": MOVE, "amount": amount, "where": route, **more}


def delay(amount: int, **more: int) -> dict[str, int]:
    """Return a task that takes time."""
    return {"kind": DELAY, "amount": amount, "where": NONE, **more}


def workload(*tasks: dict[str, int], after: dict[int, list[int]] | None = None, **resources: Any) -> Workload:
    """Return a workload of tasks; `after` has the predecessors of some. Resources are given as lists."""
    pairs = [(before, task) for task, predecessors in (after or {}).items() for before in predecessors]
    starts, followers = follower_arrays(len(tasks), ints(*(it[0] for it in pairs)), ints(*(it[1] for it in pairs)))
    rows = [{**_DEFAULTS, **task} for task in tasks]
    columns = {name: ints(*(row[name] for row in rows)) for name in ("kind", "amount", "where", *_DEFAULTS)}
    return Workload(resources=machine(**resources), follower_starts=starts, followers=followers, **columns)


def machine(
    *,
    queues: list[dict[str, int]] | None = None,
    channels: list[int] | None = None,
    routes: list[list[int]] | None = None,
    **more: list[int],
) -> Resources:
    """Return resources: queues by their fields, channels by capacity, routes by their channels."""
    queues, channels, routes = queues or [], channels or [], routes or []
    none = {"slots": 1, "pool": NONE, "card": NONE}
    arrays = {f"queue_{name}": ints(*(queue.get(name, default) for queue in queues)) for name, default in none.items()}
    zeros = np.zeros(len(channels), np.int64)
    arrays |= {"channel_per_s": ints(*channels), "channel_latency_ps": zeros, "channel_is_fatpipe": zeros}
    arrays |= {"route_starts": np.cumsum([0, *map(len, routes)]), "route_latency_ps": np.zeros(len(routes), np.int64)}
    arrays["route_channels"] = ints(*(channel for route in routes for channel in route))
    return Resources(**{**arrays, **{name: ints(*values) for name, values in more.items()}})
