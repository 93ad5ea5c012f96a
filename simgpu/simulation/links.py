"""How transfers share the channels of a machine: one class for each policy.

A policy is a `Links`: it is told of a move, and calls back when that is to start, and when its last byte has arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Protocol

from simgpu.simulation.clock import Clock, Phase
from simgpu.simulation.fluid import Flow, Fluid, Way
from simgpu.simulation.private_links import PrivateLink
from simgpu.simulation.stations import Begin, Changed, order_of
from simgpu.simulation.workload import Resources
from simgpu.units import PS_PER_S


@dataclass(frozen=True, slots=True)
class Route:
    """A route, ready for use: its channels, as numbers and for a fluid, and its latency."""

    channels: tuple[int, ...]
    way: Way
    latency_ps: int


@dataclass(frozen=True, slots=True)
class Moves:
    """The moves of a workload: for each task, its bytes, its route, and its own limit, 0 for none; and all routes."""

    size_bytes: Sequence[int]
    where: Sequence[int]
    limit_per_s: Sequence[int]
    routes: Sequence[Route]
    is_private: Sequence[bool]


class Links(Protocol):
    """Moves bytes over ways."""

    def begin(self, task: int) -> bool:
        """Begin a move. Returns False if it is not allowed to start."""

    def change_capacity(self, channel: int, per_s: int) -> None:
        """Give a channel another capacity."""

    def ask_again(self) -> None:
        """Try again to start what was not allowed to."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Whom links call. `start` tells whether a transfer is allowed to start now, and if so notes that it does."""

    start: Callable[[int], bool]
    ended: Begin
    changed: Changed


class FairLinks:
    """Max-min fair fluid sharing of every channel of the way at once; its latency is paid first, once."""

    def __init__(self, clock: Clock, moves: Moves, resources: Resources, fluid: Fluid, calls: Calls) -> None:
        self._moves, self._fluid, self._start = moves, fluid, calls.start
        private: dict[tuple[int, ...], PrivateLink] = {}
        for route, is_private in zip(moves.routes, moves.is_private, strict=True):
            if is_private and route.channels not in private:
                per_s = int(resources.channel_per_s[route.channels[0]])
                private[route.channels] = PrivateLink(clock, per_s, route.latency_ps, calls.ended)
        self._link = [private.get(route.channels) for route in moves.routes]

    def begin(self, task: int) -> bool:
        """Let the latency pass, without using bandwidth, and then flow."""
        if not self._start(task):
            return False
        moves = self._moves
        number, size_bytes = moves.where[task], moves.size_bytes[task]
        link = self._link[number]
        if link is not None and size_bytes:
            link.begin(task, size_bytes)
        else:
            flow = Flow(task, size_bytes, moves.routes[number].way, moves.limit_per_s[task])
            self._fluid.begin(flow, moves.routes[number].latency_ps)
        return True

    def change_capacity(self, channel: int, per_s: int) -> None:
        """Change the rates of the flows there, and of those that share channels with them."""
        self._fluid.change_capacity(channel, per_s)

    def ask_again(self) -> None:
        """Do nothing: what was not allowed to start does not wait here."""


class _Channel:
    """One channel under `fifo`: it holds one transfer at a time, or any number if it is a fat pipe."""

    def __init__(self, number: int, per_s: int, latency_ps: int, is_fatpipe: bool, serve: Callable[[int, int], bool]):
        self.number, self.order = number, order_of(4, number)
        self.per_s, self.latency_ps, self.is_fatpipe = per_s, latency_ps, is_fatpipe
        self._serve = serve
        self._waiting: list[tuple[int, int]] = []
        self._is_busy = False
        self.is_changed = False

    def submit(self, task: int, now_ps: int) -> None:
        """Have a transfer wait here."""
        heappush(self._waiting, (now_ps, task))

    def leave(self) -> None:
        """Note that the transfer is through."""
        self._is_busy = False

    def dispatch(self) -> None:
        """Serve who is next, unless it is not allowed to start."""
        while self._waiting and not self._is_busy and self._serve(self._waiting[0][1], self.number):
            self._is_busy = not self.is_fatpipe
            heappop(self._waiting)


class FifoLinks:
    """One transfer at a time on a channel, in order of arrival; over several hops, store and forward.

    A transfer holds a channel for the channel's latency and then its bytes. A change of capacity is for those that come
    after it. One without channels passes its latency, and its bytes where it has a limit, on nothing.
    """

    def __init__(self, clock: Clock, moves: Moves, resources: Resources, fluid: Fluid, calls: Calls) -> None:
        self._clock, self._moves, self._fluid = clock, moves, fluid
        self._start, self._ended, self._changed = calls.start, calls.ended, calls.changed
        columns = (resources.channel_per_s, resources.channel_latency_ps, resources.channel_is_fatpipe)
        self._channels = [
            _Channel(number, per_s, latency_ps, bool(is_fatpipe), self._serve)
            for number, (per_s, latency_ps, is_fatpipe) in enumerate(zip(*(it.tolist() for it in columns), strict=True))
        ]
        self._hop: dict[int, int] = {}
        """Task -> the place of its present channel on its way."""

    def begin(self, task: int) -> bool:
        """Join the queue of the first channel, at which it starts; the other channels follow one by one."""
        route = self._moves.routes[self._moves.where[task]]
        if not route.channels:
            return self._begin_without_channels(task, route.latency_ps)
        self._hop[task] = 0
        self._arrive(task, route)
        return True

    def change_capacity(self, channel: int, per_s: int) -> None:
        """Change what the channel has for those to come, and for what computes there if it is a card."""
        self._channels[channel].per_s = per_s
        self._fluid.change_capacity(channel, per_s)

    def ask_again(self) -> None:
        """Have all channels look again at who is next."""
        for channel in self._channels:
            self._changed(channel)

    def _begin_without_channels(self, task: int, latency_ps: int) -> bool:
        if not self._start(task):
            return False
        size_bytes, limit_per_s = self._moves.size_bytes[task], self._moves.limit_per_s[task]
        moving_ps = -(-size_bytes * PS_PER_S // limit_per_s) if limit_per_s else 0
        self._clock.after(latency_ps + moving_ps, Phase.ENDED + task, self._ended, task)
        return True

    def _arrive(self, task: int, route: Route) -> None:
        """Wait for the next channel, or end behind the last one."""
        hop = self._hop[task]
        if hop == len(route.channels):
            del self._hop[task]
            self._ended(task)
        else:
            channel = self._channels[route.channels[hop]]
            channel.submit(task, self._clock.now_ps)
            self._changed(channel)

    def _serve(self, task: int, number: int) -> bool:
        channel, limit_per_s = self._channels[number], self._moves.limit_per_s[task]
        if self._hop[task] == 0 and not self._start(task):
            return False
        per_s = min(channel.per_s, limit_per_s or channel.per_s)
        held_ps = channel.latency_ps - (-self._moves.size_bytes[task] * PS_PER_S // per_s)
        self._clock.after(held_ps, Phase.ENDED + task, self._through, task)
        return True

    def _through(self, task: int) -> None:
        route = self._moves.routes[self._moves.where[task]]
        channel = self._channels[route.channels[self._hop[task]]]
        if not channel.is_fatpipe:
            channel.leave()
        self._changed(channel)
        self._hop[task] += 1
        self._arrive(task, route)


LINK_POLICIES: Mapping[str, Callable[[Clock, Moves, Resources, Fluid, Calls], Links]] = {
    "fair": FairLinks,
    "fifo": FifoLinks,
}
