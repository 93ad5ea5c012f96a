"""Collectives as workloads, made as arrays, so that a ring of a thousand nodes is there at once.

Every node has a port out and a port in on each tier of the network. What a node sends in a step waits for what it
received in the last step in which it took part, or sent, if it received nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from simgpu.simulation import MOVE, NONE, Resources, Workload, follower_arrays
from simgpu.simulation.workload import Ints


class Tier(NamedTuple):
    per_s: int
    latency_ps: int = 0


class Step(NamedTuple):
    """Who sends to whom at the same time, and how much each. Nobody receives twice in a step."""

    sources: Ints
    targets: Ints
    size_bytes: int
    tier: int = 0


def collective(nodes: int, steps: list[Step], *tiers: Tier) -> Workload:
    """Return the workload of these steps."""
    counts = [len(step.sources) for step in steps]
    sources, targets = (np.concatenate([step[side] for step in steps]) for side in (0, 1))
    tier = np.repeat([step.tier for step in steps], counts)
    ways, where = np.unique((tier * nodes + sources) * nodes + targets, return_inverse=True)
    way_tier, way_source, way_target = ways // nodes**2, ways // nodes % nodes, ways % nodes
    ports = 2 * nodes * way_tier
    starts, followers = follower_arrays(len(sources), *_pairs(nodes, steps))
    none, zero, one = (np.full(len(sources), value, np.int64) for value in (NONE, 0, 1))
    return Workload(
        resources=Resources(
            channel_per_s=np.repeat([it.per_s for it in tiers], 2 * nodes),
            channel_latency_ps=np.repeat([it.latency_ps for it in tiers], 2 * nodes),
            channel_is_fatpipe=np.zeros(2 * nodes * len(tiers), np.int64),
            route_starts=np.arange(0, 2 * len(ways) + 1, 2),
            route_channels=np.stack([ports + way_source, ports + nodes + way_target], axis=1).ravel(),
            route_latency_ps=np.array([it.latency_ps for it in tiers], np.int64)[way_tier],
        ),
        kind=MOVE * one,
        amount=np.repeat([step.size_bytes for step in steps], counts),
        where=where,
        parts=one,
        rank=zero,
        release_ps=zero,
        rate_cap=zero,
        out_gate=none,
        in_gate=none,
        launcher=none,
        launch_ps=zero,
        follower_starts=starts,
        followers=followers,
    )


def _pairs(nodes: int, steps: list[Step]) -> tuple[Ints, Ints]:
    """Return which transfer waits for which."""
    last = np.full(nodes, NONE, np.int64)
    before, first = [], 0
    for step in steps:
        before.append(last[step.sources])
        last[step.sources] = first + np.arange(len(step.sources))
        last[step.targets] = first + np.arange(len(step.targets))
        first += len(step.sources)
    befores, afters = np.concatenate(before), np.arange(first)
    return befores[befores != NONE], afters[befores != NONE]


def ring_steps(nodes: int, size_bytes: int, steps: int) -> Iterator[Step]:
    """Pass parts of `size_bytes` on to the next node, time after time."""
    everyone = np.arange(nodes)
    return (Step(everyone, (everyone + 1) % nodes, size_bytes) for _ in range(steps))


def ring_all_reduce(nodes: int, part_bytes: int, tier: Tier) -> Workload:
    """Reduce and spread `nodes` parts of so many bytes each around a ring."""
    return collective(nodes, list(ring_steps(nodes, part_bytes, 2 * (nodes - 1))), tier)


def halving_doubling(nodes: int, size_bytes: int, tier: Tier) -> Workload:
    """Exchange halves, quarters, … with nodes ever nearer by, and then the same backwards."""
    everyone = np.arange(nodes)
    distances = [2**level for level in reversed(range(nodes.bit_length() - 1))]
    halving = [Step(everyone, everyone ^ distance, size_bytes * distance // nodes) for distance in distances]
    return collective(nodes, halving + halving[::-1], tier)


def tree(nodes: int, size_bytes: int, tier: Tier) -> Workload:
    """Reduce everything to node 0, half of those that are left at a time, and spread it again."""
    up = []
    for level in range(nodes.bit_length() - 1):
        senders = np.arange(2**level, nodes, 2 ** (level + 1))
        up.append(Step(senders, senders - 2**level, size_bytes))
    down = [Step(step.targets, step.sources, size_bytes) for step in reversed(up)]
    return collective(nodes, up + down, tier)


def hierarchical(group: int, groups: int, part_bytes: int, *tiers: Tier) -> Workload:
    """Scatter a reduction within each group, reduce each part across the groups, and gather within each group.

    A part is what one node of a group has after the first; it is cut in `groups` for the second.
    """
    everyone = np.arange(group * groups)
    neighbor = everyone // group * group + (everyone + 1) % group
    beyond = (everyone + group) % (group * groups)
    inside = [Step(everyone, neighbor, part_bytes)] * (group - 1)
    across = [Step(everyone, beyond, part_bytes // groups, 1)] * (2 * (groups - 1))
    return collective(group * groups, inside + across + inside, *tiers)
