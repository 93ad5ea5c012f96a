"""How fast a transfer may be at most, so that alone it takes a time that is known: from a measurement, say."""

from __future__ import annotations

from collections.abc import Iterable

from simgpu.machine import Machine
from simgpu.simulation.workload import LinkPolicyName
from simgpu.units import PS_PER_S


def rate_cap(size_bytes: int, time_ps: int, ends: tuple[int, int], machine: Machine, links: LinkPolicyName) -> int:
    """Return the rate in whole bytes per second with which a transfer alone takes a time, from start to last byte.

    0, for none, if the links take that long anyway. Rounded down, so that it takes no less, and 1 at least.
    """
    route = machine.route(*ends)
    channels = [machine.channels[channel] for channel in route.channels]
    moving_ps = [size_bytes * PS_PER_S / channel.bandwidth_bytes_per_s for channel in channels] or [0.0]
    latency_ps = route.latency_ps
    if links == "fair":  # over all channels at once
        moving_ps = [max(moving_ps)]
    elif channels:
        latency_ps = sum(channel.latency_ps for channel in channels)
    left_ps = time_ps - latency_ps
    if size_bytes == 0 or left_ps <= sum(moving_ps):
        return 0
    return max(1, int(size_bytes * PS_PER_S / _raised(moving_ps, left_ps)))


def _raised(times_ps: Iterable[float], total_ps: float) -> float:
    """Return what the shorter ones of some times must be raised to for all of them to make up a total."""
    longest_first = sorted(times_ps, reverse=True)
    for number, time_ps in enumerate(longest_first):
        level_ps = total_ps / (len(longest_first) - number)
        if level_ps >= time_ps:
            return level_ps
        total_ps -= time_ps
    raise AssertionError(f"{longest_first} make up more than the total")
