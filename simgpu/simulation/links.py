"""How transfers share the links of a machine: one class per policy.

A policy is a `LinkPolicy`: it is told route and size, and calls back when the transfer gets its first link, and when
its last byte has arrived.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from simgpu.machine import Machine, Route
from simgpu.simulation.clock import Callback, Clock
from simgpu.simulation.sharing import FairShare
from simgpu.units import transfer_ps


class LinkPolicy(Protocol):
    """Moves bytes over routes."""

    def transfer(self, route: Route, size_bytes: int, started: Callback, done: Callback) -> None:
        """Move bytes; call `started` when they begin to move and `done` when all have arrived."""


class FairLinks:
    """Max-min fair fluid sharing of every channel of the route at once; the route's latency is paid first, once."""

    def __init__(self, clock: Clock, machine: Machine) -> None:
        unshared = frozenset(number for number, channel in enumerate(machine.channels) if channel.is_fatpipe)
        self._share = FairShare(clock, [channel.bandwidth_bytes_per_s for channel in machine.channels], unshared)
        self._clock = clock

    def transfer(self, route: Route, size_bytes: int, started: Callback, done: Callback) -> None:
        """Start at once; latency uses no bandwidth."""
        started()
        self._clock.after(route.latency_ps, lambda: self._share.start(size_bytes, route.channels, done))


class FifoLinks:
    """One transfer at a time on a channel, in order of arrival; over several hops, store and forward.

    A transfer holds a channel for the channel's latency and then its bytes.
    """

    def __init__(self, clock: Clock, machine: Machine) -> None:
        self._clock = clock
        self._channels = machine.channels
        self._waiting: list[deque[Callback]] = [deque() for _ in machine.channels]
        self._is_busy = [False] * len(machine.channels)

    def transfer(self, route: Route, size_bytes: int, started: Callback, done: Callback) -> None:
        """Join the queue of the first channel; the other channels follow one by one."""
        self._hop(route.channels, 0, size_bytes, started, done)

    def _hop(self, path: tuple[int, ...], hop: int, size_bytes: int, started: Callback, done: Callback) -> None:
        if hop == len(path):
            done()
            return
        number, channel = path[hop], self._channels[path[hop]]

        def serve() -> None:
            if hop == 0:
                started()
            held_ps = channel.latency_ps + transfer_ps(size_bytes, channel.bandwidth_bytes_per_s)
            self._clock.after(held_ps, arrive)

        def arrive() -> None:
            if not channel.is_fatpipe:
                self._free(number)
            self._hop(path, hop + 1, size_bytes, started, done)

        if channel.is_fatpipe:
            serve()
        elif self._is_busy[number]:
            self._waiting[number].append(serve)
        else:
            self._is_busy[number] = True
            serve()

    def _free(self, number: int) -> None:
        if self._waiting[number]:
            self._clock.at_end_of_instant(self._waiting[number].popleft())
        else:
            self._is_busy[number] = False


LINK_POLICIES: Mapping[str, Callable[[Clock, Machine], LinkPolicy]] = {"fair": FairLinks, "fifo": FifoLinks}
