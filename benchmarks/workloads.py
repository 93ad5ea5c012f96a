"""The work at which engines are compared: a graph in layers, a ring all-reduce, and random flows, each from a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from simgpu.simulation.workload import COMPUTE, MOVE, NONE, Ints, Resources, Workload, follower_arrays, ints
from simgpu.units import PS_PER_US

LATENCY_PS = 5 * PS_PER_US


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Work for any engine, and the hosts at the ends of each route. Queue q is that of host q."""

    workload: Workload
    route_from: Ints
    route_to: Ints


def dag(operations: int = 100_000, *, width: int = 100, devices: int = 8, seed: int = 1) -> Case:
    """Return layers of operations, each with two parents in the layer before, on devices drawn at random.

    Operations take 0.1 to 1 ms; a device runs its own in the order of their numbers. What an operation needs from one
    on another device, 1 to 60 MB, moves over the private link of the two: 25 GB/s, 5 µs. Moves are numbered last.
    """
    random = np.random.default_rng(seed)
    device = random.integers(devices, size=operations)
    parents, children = _parents_and_children(operations, width, random)
    is_move = device[parents] != device[children]
    source, target = parents[is_move], children[is_move]
    moves = operations + np.arange(len(source))
    by_device = np.argsort(device, kind="stable")
    is_next = device[by_device[1:]] == device[by_device[:-1]]
    before = np.concatenate([parents[~is_move], source, moves, by_device[:-1][is_next]])
    after = np.concatenate([children[~is_move], moves, target, by_device[1:][is_next]])
    route_from, route_to = _all_pairs(devices)
    route = device[source] * (devices - 1) + device[target] - (device[target] > device[source])
    durations_ps = random.integers(100 * PS_PER_US, 1000 * PS_PER_US, size=operations, endpoint=True)
    sizes_bytes = random.integers(10**6, 60 * 10**6, size=len(moves), endpoint=True)
    workload = plain_workload(
        private_links(len(route_from), 25 * 10**9, queues=devices),
        kind=np.repeat(ints(COMPUTE, MOVE), (operations, len(moves))),
        amount=np.concatenate([durations_ps, sizes_bytes]),
        where=np.concatenate([device, route]),
        order=follower_arrays(operations + len(moves), before, after),
    )
    return Case(workload, route_from, route_to)


def ring(ranks: int = 512, *, size_bytes: int = 10**9, per_s: int = 50 * 10**9) -> Case:
    """Return a ring all-reduce in one direction: 2 (ranks - 1) steps, in each of which all ranks send a part onwards.

    A rank sends on what it has got in the step before. With links of `per_s` and 5 µs it ends at
    2 (ranks - 1) (5 µs + size / ranks / per_s).
    """
    steps = 2 * (ranks - 1)
    rank, tasks = np.arange(ranks), steps * ranks
    next_of = (rank + 1) % ranks
    followers = (np.arange(1, steps)[:, None] * ranks + next_of).reshape(-1)
    workload = plain_workload(
        private_links(ranks, per_s),
        kind=np.full(tasks, MOVE),
        amount=np.full(tasks, -(-size_bytes // ranks)),
        where=np.tile(rank, steps),
        order=(np.minimum(np.arange(tasks + 1), len(followers)), followers),
    )
    return Case(workload, rank, next_of)


def flows(hosts: int = 64, *, per_s: int = 12_500_000_000, seed: int = 1) -> Case:
    """Return one flow of 1 to 100 MB for each ordered pair of hosts, all from time 0 on.

    A flow goes through its sender's out port and its receiver's in port; there is no latency.
    """
    route_from, route_to = _all_pairs(hosts)
    count = len(route_from)
    resources = Resources(
        **plain_channels(np.full(2 * hosts, per_s), np.zeros(2 * hosts, np.int64)),
        route_starts=2 * np.arange(count + 1),
        route_channels=np.stack([route_from, hosts + route_to], axis=1).reshape(-1),
        route_latency_ps=np.zeros(count, np.int64),
    )
    workload = plain_workload(
        resources,
        kind=np.full(count, MOVE),
        amount=np.random.default_rng(seed).integers(10**6, 10**8, size=count, endpoint=True),
        where=np.arange(count),
        order=(np.zeros(count + 1, np.int64), ints()),
    )
    return Case(workload, route_from, route_to)


CASES: Mapping[str, Callable[[], Case]] = MappingProxyType({"dag": dag, "ring": ring, "flows": flows})


def plain_workload(
    resources: Resources, *, kind: Ints, amount: Ints, where: Ints, order: tuple[Ints, Ints]
) -> Workload:
    """Return tasks in one part, of rank 0, without releases, caps or gates; `order` is what `follower_arrays` gives."""
    zeros = np.zeros(len(kind), np.int64)
    return Workload(
        resources=resources,
        kind=kind,
        amount=amount,
        where=where,
        parts=zeros + 1,
        rank=zeros,
        release_ps=zeros,
        rate_cap=zeros,
        out_gate=zeros + NONE,
        in_gate=zeros + NONE,
        launcher=zeros + NONE,
        launch_ps=zeros,
        follower_starts=order[0],
        followers=order[1],
    )


def plain_queues(count: int) -> dict[str, Ints]:
    """Return what `Resources` says of queues that take one task at a time, without pools, cards and launches."""
    none = np.full(count, NONE)
    return {
        "queue_slots": np.ones(count, np.int64),
        "queue_pool": none,
        "queue_card": none,
    }


def plain_channels(per_s: Ints, latency_ps: Ints) -> dict[str, Ints]:
    """Return what `Resources` says of channels of which none is a fat pipe."""
    return {
        "channel_per_s": per_s,
        "channel_latency_ps": latency_ps,
        "channel_is_fatpipe": np.zeros(len(per_s), np.int64),
    }


def private_links(count: int, per_s: int, *, queues: int = 0) -> Resources:
    """Return links of `LATENCY_PS` that are alike, each a route of its own."""
    latencies_ps = np.full(count, LATENCY_PS)
    return Resources(
        **plain_queues(queues),
        **plain_channels(np.full(count, per_s), latencies_ps),
        route_starts=np.arange(count + 1),
        route_channels=np.arange(count),
        route_latency_ps=latencies_ps,
    )


def _parents_and_children(operations: int, width: int, random: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw two different parents for each operation that is not in the first layer."""
    children = np.arange(width, operations)
    first = random.integers(width, size=len(children))
    second = (first + random.integers(1, width, size=len(children))) % width
    layer_before = (children // width - 1) * width
    return np.concatenate([layer_before + first, layer_before + second]), np.tile(children, 2)


def _all_pairs(hosts: int) -> tuple[Ints, Ints]:
    """Return the ordered pairs of different hosts, in order."""
    ends = np.indices((hosts, hosts)).reshape(2, -1)
    source, target = ends[:, ends[0] != ends[1]]
    return source, target
