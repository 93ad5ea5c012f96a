"""The arrays of a run, made from a workload.

They are as long as a run may need at most. What it does not come to use is never touched, and so takes no memory.
"""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simgpu.simulation.compiled.phases import POOL
from simgpu.simulation.compiled.records import (
    ARRAYS,
    CHANNEL,
    INPUTS,
    KIND,
    LINK,
    LISTS,
    NEVER_PS,
    OUTPUTS,
    QUEUE,
    RECENT,
    RUN,
    STATION,
)
from simgpu.simulation.private_links import private_routes
from simgpu.simulation.timeline import Timeline
from simgpu.simulation.workload import COMPUTE, MOVE, NONE, LaunchMode, LinkPolicyName, Resources, Workload
from simgpu.units import MiB

_LARGE_BYTES = 4 * MiB
"""From here on NumPy asks for large pages."""


def _room(length: int, dtype: Any) -> NDArray[Any]:
    """Return zeros of which a run may touch only a few: on small pages, so that only these few have to be made."""
    size_bytes = length * np.dtype(dtype).itemsize
    if size_bytes < _LARGE_BYTES or not hasattr(mmap, "MAP_ANONYMOUS"):
        return np.zeros(length, dtype)
    return np.frombuffer(mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), dtype, length)


class Memory:
    """The arrays of one run, and the record by which compiled code finds them. They live as long as this does."""

    def __init__(self, workload: Workload, *, links: LinkPolicyName, launch: LaunchMode) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}
        self._run = np.zeros(1, RUN)
        self._has_launches = bool((workload.launched_by != NONE).any())
        self._add_columns(workload)
        self._add_stations(workload)
        self._add_ways(workload.resources)
        self._add_links(workload)
        self._add_changes(workload)
        self._add_room(workload, links)
        self._fill_in(workload, links, launch)

    @property
    def run(self) -> Any:
        """The record for compiled code."""
        return self._run[0]

    def timeline(self) -> Timeline:
        """Return what has been noted until now."""
        log = self._arrays["log"][: self.run["log_count"]]
        nothing = np.broadcast_to(np.int64(NONE), int(self.run["task_count"]))
        return Timeline(**{name: self._arrays.get(name, nothing) for name in OUTPUTS}, log=log)

    def _add(self, **arrays: Any) -> None:
        for name, values in arrays.items():
            self._arrays[name] = np.ascontiguousarray(values, ARRAYS[name])

    def _add_columns(self, workload: Workload) -> None:
        tasks = len(workload)
        self._add(**{name: getattr(workload, name) for name in INPUTS})
        # One array for all of a kind: it is large, and so lies on large pages, which are found faster.
        noted = [name for name in OUTPUTS if self._has_launches or not name.startswith("launch")]
        self._add(**dict(zip(noted, np.full((len(noted), tasks), NONE, np.int64), strict=True)))
        self._add(log=np.empty(3 * tasks, np.int64))  # start, end and launch of each

    def _add_stations(self, workload: Workload) -> None:
        """Add gates, launchers, queues, pools, channels, in this order."""
        resources = workload.resources
        channels = len(resources.channel_per_s)
        free = [
            resources.gate_places,
            np.ones(workload.launchers, np.int64),
            resources.queue_slots,
            resources.pool_threads,
            np.ones(channels, np.int64),
        ]
        kinds = np.zeros(len(free), KIND)
        kinds["first"][1:] = np.cumsum([len(it) for it in free])[:-1]
        stations = np.zeros(sum(map(len, free)), STATION)
        stations["free"] = np.concatenate(free)
        stations["first"] = NONE
        self._add(stations=stations, kinds=kinds, changed_stations=np.empty(len(stations), np.int32))

    def _add_ways(self, resources: Resources) -> None:
        """Add what queues and channels are like, a way for each route, and behind these one over each queue's card."""
        queues = np.zeros(len(resources.queue_slots), QUEUE)
        has_card, has_pool = resources.queue_card != NONE, resources.queue_pool != NONE
        queues["pool"] = np.where(has_pool, self._arrays["kinds"]["first"][POOL] + resources.queue_pool, NONE)
        queues["way"] = np.where(has_card, resources.routes + np.arange(len(queues)), NONE)
        channels = np.zeros(len(resources.channel_per_s), CHANNEL)
        channels["per_s"], channels["latency_ps"] = resources.channel_per_s, resources.channel_latency_ps
        channels["is_fatpipe"] = resources.channel_is_fatpipe != 0
        hops = len(resources.route_channels)
        self._add(
            queues=queues,
            channels=channels,
            way_starts=np.concatenate([resources.route_starts, hops + 1 + np.arange(len(queues))]),
            way_channels=np.concatenate([resources.route_channels, resources.queue_card]),
            way_latency_ps=resources.route_latency_ps,
        )

    def _add_links(self, workload: Workload) -> None:
        """Add private links, one for each channel of theirs."""
        resources = workload.resources
        is_private = private_routes(workload)
        channel, first, number = np.unique(
            resources.route_channels[resources.route_starts[:-1][is_private]], return_index=True, return_inverse=True
        )
        links = np.zeros(len(channel), LINK)
        links["per_s"] = resources.channel_per_s[channel]
        links["latency_ps"] = resources.route_latency_ps[is_private][first]
        links["first_ps"] = NEVER_PS
        way_link = np.full(resources.routes, NONE, np.int32)
        way_link[is_private] = number
        self._add(links=links, changed_links=np.empty(len(links), np.int32), way_link=way_link)

    def _add_changes(self, workload: Workload) -> None:
        """Add what happens at times that are known before."""
        resources = workload.resources
        order = np.lexsort((resources.change_channel, resources.change_ps))  # stable: the last one given holds
        released = np.flatnonzero(workload.release_ps)
        self._add(
            releases=released[np.argsort(workload.release_ps[released], kind="stable")],
            change_ps=resources.change_ps[order],
            change_channel=resources.change_channel[order],
            change_per_s=resources.change_per_s[order],
        )

    def _add_room(self, workload: Workload, links: LinkPolicyName) -> None:
        """Add room for nodes, flows, and what links them."""
        resources, tasks = workload.resources, len(workload)
        queue = workload.where[workload.kind == COMPUTE]
        on_card = int(np.count_nonzero(resources.queue_card[queue] != NONE))
        in_pool = int(np.count_nonzero(resources.queue_pool[queue] != NONE))
        groups = in_pool + len(resources.pool_threads)  # of each pool, one more than tasks that have begun all parts
        flows, uses = on_card, 2 * on_card
        if links == "fair":
            route = workload.where[(workload.kind == MOVE) & (workload.where != NONE)]
            flows += len(route)
            uses += len(route) + int(np.diff(resources.route_starts)[route].sum())
        self._add(nodes=np.zeros(tasks + groups, ARRAYS["nodes"]))
        self._add(**{name: np.zeros(tasks, ARRAYS[name]) for name in ("waits", "launch_waits")})
        lengths = {
            "groups": groups,
            "buckets": tasks + groups + 1,
            "heap": tasks + groups + 1,
        }
        lengths |= {"recent": RECENT, "parts_left": tasks if in_pool else 0}
        lengths |= {
            "flows": flows,
            "changed_flows": flows,
            "component": flows + 1,
            "found_by": flows + 1,
            "fixed": flows + 1,
            "seen": flows,
            "new_rate_per_s": flows,
        }
        users = len(resources.channel_per_s) + flows
        lengths |= {"on_links": 4 * flows}  # see `private_links` on how room doubles
        lengths |= {"uses": uses, "users": 4 * uses}  # see `flows` on how room doubles
        lengths |= {"resources": users, "order": 2 * users + 1}  # the heap, and behind it what has changed
        lengths |= dict.fromkeys(["wave", *(f"{name}_tasks" for name in LISTS)], tasks)
        lengths |= {"spare": max(tasks, len(self._arrays["stations"]))}
        self._add(**{name: _room(length, ARRAYS[name]) for name, length in lengths.items()})

    def _fill_in(self, workload: Workload, links: LinkPolicyName, launch: LaunchMode) -> None:
        run, arrays = self._run, self._arrays
        for name, array in arrays.items():
            run[name] = array.ctypes.data
        channels = len(arrays["channels"])
        run["task_count"], run["channel_count"] = len(workload), channels
        run["release_count"], run["change_count"] = len(arrays["releases"]), len(arrays["change_ps"])
        run["is_fair"], run["is_async"] = links == "fair", launch == "async"
        run["has_launches"] = self._has_launches
        for name in ("bucket", "group", "flow", "use"):
            run[f"free_{name}"] = NONE
        arrays["buckets"]["ps"][0] = NONE
        shared = arrays["resources"][:channels]
        shared["per_s"], shared["number"] = arrays["channels"]["per_s"], np.arange(channels)
