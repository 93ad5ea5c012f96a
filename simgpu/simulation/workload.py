"""What an engine runs: tasks on queues and routes, as arrays, so that a million of them fit.

The rules, which both engines keep to the picosecond, and to the order of what happens at one instant:

* A task is ready when its predecessors have finished, and not before its `release_ps`; a MOVE that is launched, not
  before the end of its launch either.
* COMPUTE: its queue takes up to `slots` tasks at a time, in the order of (rank, time of arrival, number). It lasts for
  `parts` times `amount` picoseconds. On a queue with a thread pool it is cut: its parts go through the pool's one queue
  in order, behind those that are there. On a queue of a card it shares the card's channel with all that computes there,
  as a flow of that many picoseconds, which is never faster than its `rate_cap`.
* A COMPUTE or MOVE with a launcher, and a `launch_ps` of more than 0, is launched first. A launcher, which is a thread
  of a host, launches one task at a time, in the order of (rank, time, number). With `launch` `sync` a task may be
  launched when its predecessors have finished, with `async` when those of them that have the same launcher are launched
  and all others have finished; in neither case before its release. At the end of its launch a COMPUTE arrives at its
  queue, with rank 0, so that the queue takes what is launched in the order of launches, and waits until it is ready.
* MOVE: waits for a place at each of its gates (copy engines), then pays the latency of its route, once, without using
  any bandwidth, and moves `amount` bytes: with `fair` links over all channels of its route at once, at its max-min fair
  rate, and never faster than its `rate_cap`; with `fifo` links over one channel after the other (store-and-forward),
  each of which it holds for the channel's own latency (the route's is not paid) and its bytes, in the order of
  (arrival, number): it starts when it has the first one. It leaves its gates when it has arrived. Waiting for gates
  goes in the order of (time of readiness, number); one that waits for another gate holds nobody up. A route without
  channels takes its latency, and the bytes their time at `rate_cap` if there is one. What passes a channel twice uses
  it twice. A move without a route is in place: it has no gates and takes no time.
* DELAY: takes `amount` picoseconds, on nothing.
* A change of capacity holds at once for what moves or computes there; with `fifo` links, for the moves that come after
  it. Of several for one channel at one time, the last in the arrays holds.

At one instant, in this order, each in the order of the numbers of tasks (or of queues, channels, gates): capacities
change; tasks are released; launches end; tasks end (parts, hops and flows, too); latencies end; then what may start
does: moves in place, those that they make ready, and so on; tasks to their queues and gates, and delays; launches to
their launchers; gates, launchers, queues, pools, channels. What has ended by then, since it takes no time, is followed
by another such round. When nothing else is left to do at this instant, rates are solved anew, and flows that this ends
are followed by another round.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simgpu.errors import InvalidValue, check_type

Ints = NDArray[np.int64]
LinkPolicyName = Literal["fair", "fifo"]
LaunchMode = Literal["sync", "async"]
Launchers = Literal["device", "host"]

COMPUTE, MOVE, DELAY = 0, 1, 2
NONE = -1

OF_A_TASK = (
    *("kind", "amount", "where", "parts", "rank", "release_ps", "rate_cap", "out_gate", "in_gate"),
    *("launcher", "launch_ps"),
)
"""The columns of a workload that have one entry for each task."""


def ints(*values: int) -> Ints:
    """Return numbers as an array."""
    return np.array(values, np.int64)


def _no_ints() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Resources:
    """What tasks compete for. Each array has one entry for each queue, pool, channel, route or gate.

    `queue_pool` and `queue_card` are NONE where a queue has none; it has a pool or a card, not both. The card of a
    queue is a channel whose capacity is picoseconds of work per second: 10**12 for a whole card. The channels of route
    r are `route_channels[route_starts[r]:route_starts[r + 1]]`, in order. `change_…` are changes of capacity: at a
    time, to a channel. Capacities are 1 or more; that of a fat pipe holds for each flow by itself.
    """

    queue_slots: Ints = field(default_factory=_no_ints)
    queue_pool: Ints = field(default_factory=_no_ints)
    queue_card: Ints = field(default_factory=_no_ints)
    pool_threads: Ints = field(default_factory=_no_ints)
    channel_per_s: Ints = field(default_factory=_no_ints)
    channel_latency_ps: Ints = field(default_factory=_no_ints)
    channel_is_fatpipe: Ints = field(default_factory=_no_ints)
    route_starts: Ints = field(default_factory=lambda: ints(0))
    route_channels: Ints = field(default_factory=_no_ints)
    route_latency_ps: Ints = field(default_factory=_no_ints)
    gate_places: Ints = field(default_factory=_no_ints)
    change_ps: Ints = field(default_factory=_no_ints)
    change_channel: Ints = field(default_factory=_no_ints)
    change_per_s: Ints = field(default_factory=_no_ints)

    def __post_init__(self) -> None:
        _check_int64(self)
        _check_same_length(self, "queue_")
        _check_same_length(self, "channel_")
        _check_same_length(self, "change_")
        for name in ("queue_slots", "pool_threads", "channel_per_s", "gate_places", "change_per_s"):
            _check_least(self, name, 1)
        for name in ("channel_latency_ps", "route_latency_ps", "change_ps"):
            _check_least(self, name, 0)
        _check_indices(self, "queue_pool", len(self.pool_threads))
        _check_indices(self, "queue_card", len(self.channel_per_s))
        _check_never("queue", (self.queue_pool != NONE) & (self.queue_card != NONE), "has both a pool and a card")
        _check_starts("route_starts", self.route_starts, self.routes, len(self.route_channels))
        _check_indices(self, "route_channels", len(self.channel_per_s), least=0)
        _check_indices(self, "change_channel", len(self.channel_per_s), least=0)

    @property
    def routes(self) -> int:
        """How many routes there are."""
        return len(self.route_latency_ps)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Workload:
    """Tasks, numbered from 0, and who follows whom. Each array has one entry for each task, but for the last two.

    `kind` is COMPUTE, MOVE or DELAY; `amount` bytes or picoseconds; `where` a queue or a route (NONE: in place); lower
    `rank` goes first; `rate_cap` is in bytes, or on a card in picoseconds, per second, 0 for none; `out_gate` and
    `in_gate` are NONE for none, and so is `launcher`; launchers have lower numbers than there are queues and tasks
    together. The followers of task t are `followers[follower_starts[t]:follower_starts[t + 1]]`. Raises InvalidValue if
    the arrays do not fit together.
    """

    resources: Resources
    kind: Ints
    amount: Ints
    where: Ints
    parts: Ints
    rank: Ints
    release_ps: Ints
    rate_cap: Ints
    out_gate: Ints
    in_gate: Ints
    launcher: Ints
    launch_ps: Ints
    follower_starts: Ints
    followers: Ints

    def __post_init__(self) -> None:
        check_type(self.resources, Resources, "resources", "a Resources; make one of arrays: Resources(...)")
        _check_int64(self)
        for name in OF_A_TASK[1:]:
            if len(getattr(self, name)) != len(self.kind):
                raise InvalidValue(f"{name} has {len(getattr(self, name))} entries for {len(self.kind)} tasks")
        _check_starts("follower_starts", self.follower_starts, len(self), len(self.followers))
        for name, least in (("amount", 0), ("parts", 1), ("release_ps", 0), ("rate_cap", 0), ("launch_ps", 0)):
            _check_least(self, name, least)
        _check_range("kind", self.kind, COMPUTE, DELAY + 1)
        _check_indices(self, "followers", len(self.kind), least=0)
        for gate in ("out_gate", "in_gate"):
            _check_indices(self, gate, len(self.resources.gate_places))
        _check_indices(self, "launcher", len(self.resources.queue_slots) + len(self))
        is_compute = self.kind == COMPUTE
        _check_range("where of COMPUTE", self.where[is_compute], 0, len(self.resources.queue_slots))
        _check_range("where of MOVE", self.where[self.kind == MOVE], NONE, self.resources.routes)
        _check_never("task", self._is_capped_in_vain(), "has a rate_cap, which of COMPUTE only one on a card has")
        has_no_route = (self.kind != MOVE) | (self.where == NONE)
        has_gates = (self.out_gate != NONE) | (self.in_gate != NONE)
        _check_never("task", has_gates & has_no_route, "has gates, which only a MOVE on a route has")
        has_launcher = self.launcher != NONE
        _check_never("task", has_launcher & (self.kind == DELAY), "has a launcher, which only a COMPUTE or a MOVE has")
        _check_never("task", has_gates & (self.out_gate == self.in_gate), "has one gate for out_gate and in_gate")

    def __len__(self) -> int:
        return len(self.kind)

    def _is_capped_in_vain(self) -> NDArray[np.bool_]:
        is_capped = (self.kind == COMPUTE) & (self.rate_cap > 0)
        has_no_card = np.zeros(len(self), np.bool_)
        has_no_card[is_capped] = self.resources.queue_card[self.where[is_capped]] == NONE
        return has_no_card

    @property
    def launchers(self) -> int:
        """How many launchers there are."""
        return int(self.launcher.max(initial=NONE)) + 1

    @property
    def launched_by(self) -> Ints:
        """The launcher of each task that is launched, NONE for the others."""
        return np.where(self.launch_ps > 0, self.launcher, NONE)

    def predecessor_counts(self) -> Ints:
        """Return how many tasks each task waits for."""
        return np.bincount(self.followers, minlength=len(self)).astype(np.int64)

    def followers_of(self, task: int) -> Ints:
        """Return the tasks that wait for one."""
        return self.followers[self.follower_starts[task] : self.follower_starts[task + 1]]


def follower_arrays(tasks: int, before: Ints, after: Ints) -> tuple[Ints, Ints]:
    """Return `follower_starts` and `followers` from pairs (before, after), in any order; each pair counts once."""
    pairs = np.unique(np.stack([before, after], axis=1), axis=0) if len(before) else np.zeros((0, 2), np.int64)
    starts = np.zeros(tasks + 1, np.int64)
    np.cumsum(np.bincount(pairs[:, 0], minlength=tasks), out=starts[1:])
    return starts, np.ascontiguousarray(pairs[:, 1])


def _check_int64(record: Any) -> None:
    """Refuse other arrays: a float that is not whole, or not a number, would be taken for a time."""
    for it in fields(record):
        values = getattr(record, it.name)
        if it.name == "resources":
            continue
        if not isinstance(values, np.ndarray) or values.dtype != np.int64:
            given = f"an array of {values.dtype}" if isinstance(values, np.ndarray) else f"a {type(values).__name__}"
            raise InvalidValue(f"{it.name} is {given}; it must be an array of int64")
        if values.ndim != 1:
            raise InvalidValue(f"{it.name} is an array of {values.ndim} dimensions; it must have one")


def _check_same_length(record: Any, prefix: str) -> None:
    lengths = {it.name: len(getattr(record, it.name)) for it in fields(record) if it.name.startswith(prefix)}
    if len(set(lengths.values())) > 1:
        raise InvalidValue(f"these must have one length: {', '.join(f'{name} {n}' for name, n in lengths.items())}")


def _check_least(record: Any, name: str, least: int) -> None:
    values = getattr(record, name)
    if len(values) and values.min() < least:
        where = int(values.argmin())
        raise InvalidValue(f"{name}[{where}] is {values[where]}; it must be {least} or more")


def _check_starts(name: str, starts: Ints, rows: int, end: int) -> None:
    """Check that row r can be `[starts[r]:starts[r + 1]]` of something with an end."""
    if len(starts) != rows + 1 or starts[0] != 0 or starts[-1] != end or (np.diff(starts) < 0).any():
        raise InvalidValue(f"{name} must have {rows + 1} entries, from 0 up to {end}, none less than the one before it")


def _check_never(what: str, is_wrong: NDArray[np.bool_], problem: str) -> None:
    if is_wrong.any():
        raise InvalidValue(f"{what} {int(is_wrong.argmax())} {problem}")


def _check_indices(record: Any, name: str, end: int, *, least: int = NONE) -> None:
    _check_range(name, getattr(record, name), least, end)


def _check_range(name: str, values: Ints, least: int, end: int) -> None:
    if len(values) and not (least <= values.min() and values.max() < end):
        raise InvalidValue(f"{name} must lie in {least}..{end - 1}, not in {values.min()}..{values.max()}")
