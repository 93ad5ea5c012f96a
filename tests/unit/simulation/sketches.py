"""Workloads that read as one would tell them: what there is, and then what is to be done on it, task by task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from simgpu.simulation import COMPUTE, DELAY, MOVE, NONE, Resources, Workload, follower_arrays, ints
from simgpu.simulation.timeline import FINISHED, LAUNCHED, STARTED
from simgpu.units import PS_PER_S

EVENTS = {STARTED: "starts", FINISHED: "ends", LAUNCHED: "is launched"}


class Sketch:
    """A workload in the making. Whatever is added gets the next number of its sort, from 0."""

    def __init__(self) -> None:
        self.columns: defaultdict[str, list[int]] = defaultdict(list)
        self.pairs: list[tuple[int, int]] = []
        self.columns["route_starts"] = [0]
        self.launches: dict[int, dict[str, int]] = {}

    def queue(self, slots=1, *, pool=NONE, card=NONE, launcher=NONE, launch_ps=0) -> int:
        """Add a queue; what computes there has its launcher and its launches, unless it is given others."""
        number = self._add("queue_", slots=slots, pool=pool, card=card)
        self.launches[number] = {"launcher": launcher, "launch_ps": launch_ps}
        return number

    def queues(self, count, **each) -> list[int]:
        return [self.queue(**each) for _ in range(count)]

    def pool(self, threads) -> int:
        return self._add("pool_", threads=threads)

    def channel(self, per_s, *, latency_ps=0, is_fatpipe=False) -> int:
        return self._add("channel_", per_s=per_s, latency_ps=latency_ps, is_fatpipe=int(is_fatpipe))

    def card(self, ps_per_s=PS_PER_S) -> int:
        return self.channel(ps_per_s)

    def route(self, *channels, latency_ps=0) -> int:
        self.columns["route_channels"] += channels
        self.columns["route_starts"].append(len(self.columns["route_channels"]))
        return self._add("route_", latency_ps=latency_ps)

    def link(self, per_s, *, route_latency_ps=0, **about) -> int:
        """Add a channel and the route over it; return the route."""
        return self.route(self.channel(per_s, **about), latency_ps=route_latency_ps)

    def gate(self, places=1) -> int:
        return self._add("gate_", places=places)

    def change(self, at_ps, channel, per_s) -> None:
        self._add("change_", ps=at_ps, channel=channel, per_s=per_s)

    def compute(self, queue, ps, *, after: Iterable[int] = (), **about) -> int:
        return self._task(COMPUTE, ps, queue, after, **self.launches.get(queue, {}) | about)

    def move(self, route, size_bytes, *, cap=0, after: Iterable[int] = (), **about) -> int:
        return self._task(MOVE, size_bytes, route, after, rate_cap=cap, **about)

    def delay(self, ps, *, after: Iterable[int] = (), **about) -> int:
        return self._task(DELAY, ps, NONE, after, **about)

    def follow(self, before, after) -> Sketch:
        """Have one task wait for another, whichever was added first."""
        self.pairs.append((before, after))
        return self

    def workload(self, **other) -> Workload:
        """Return it, with other arrays or resources in the place of some if they are given."""
        before, after = (ints(*side) for side in zip(*self.pairs, strict=True)) if self.pairs else (ints(), ints())
        starts, followers = follower_arrays(len(self.columns["kind"]), before, after)
        columns = dict.fromkeys(_TASK, ints()) | {"follower_starts": starts, "followers": followers}
        columns |= {name: ints(*values) for name, values in self.columns.items()} | other
        mine = {name: columns.pop(name) for name in Resources.__dataclass_fields__ if name in columns}
        return Workload(resources=Resources(**mine), **columns)

    def _task(self, kind, amount, where, after, **about) -> int:
        number = self._add("", **_TASK | {"kind": kind, "amount": amount, "where": where} | about)
        self.pairs += [(before, number) for before in after]
        return number

    def _add(self, prefix, **values) -> int:
        for name, value in values.items():
            self.columns[prefix + name].append(value)
        return len(self.columns[prefix + next(iter(values))]) - 1


_TASK = {
    "kind": COMPUTE,
    "amount": 0,
    "where": NONE,
    "parts": 1,
    "rank": 0,
    "release_ps": 0,
    "rate_cap": 0,
    "out_gate": NONE,
    "in_gate": NONE,
    "launcher": NONE,
    "launch_ps": 0,
}


def spans(timeline) -> list[tuple[int, int]]:
    """Return start and end of each task."""
    return list(zip(timeline.start_ps.tolist(), timeline.end_ps.tolist(), strict=True))


def story(timeline) -> list[str]:
    """Return what happened, in order, in words."""
    return [f"{code // 4} {EVENTS[code % 4]}" for code in timeline.log.tolist()]
