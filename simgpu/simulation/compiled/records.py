"""What a run keeps: arrays of records, which name each other by numbers.

Compiled functions are given one record of RUN: what there is once, and where each array lies. `arrays` gives access.
Numbers of nodes are those of tasks, numbers of stations run through all kinds, numbers of buckets, groups, flows and
uses are given out again when they are free.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from simgpu.simulation.timeline import Timeline
from simgpu.simulation.workload import OF_A_TASK

I1, I4, I8, F8 = np.int8, np.int32, np.int64, np.float64


def _record(**fields: Any) -> np.dtype[np.void]:
    """Return a type of records from kinds of numbers and the names of the fields that have them."""
    kinds = {"i1": I1, "i4": I4, "i8": I8, "f8": F8}
    return np.dtype([(name, kinds[kind]) for kind, names in fields.items() for name in names.split()], align=True)


Run = Any
"""A record of RUN, as compiled functions are given it."""

RECENT = 256
"""How many times the calendar remembers."""

NEVER_PS = 2**62
"""Later than anything happens."""

NODE = _record(i8="since_ps turn", i4="launcher child beside bucket previous next place", i1="action phase")
"""A task: where it stands among those that wait, or in the calendar.

What it waits for is counted in `waits` and `launch_waits`, which lie close together since they are asked for most.
`launcher` is a station. Where it waits it has its rank, `turn`, and the time of its arrival, `since_ps`; `child` is the
first of those there that come after it, `beside` the next one of its siblings. In the calendar it stands between
`previous` and `next` in the circle of a `bucket`: that is the end of its `phase`. `place` is a flow in phase FLOW, a
private link in PRIVATE and SOLVE, and in HOP where it is on its way. Behind the tasks come groups of parts, which are
in the calendar only.
"""

BUCKET = _record(i8="ps", i4="first position")
"""A time at which nodes are due, the first of them, and its position in the heap.

Of one that is free, `ps` is NONE, and `position` the next that is free.
"""

DUE = _record(i8="ps", i4="bucket")
"""An entry of the heap of buckets."""

STATION = _record(i8="free parts", i4="first last", i1="is_changed")
"""A gate, launcher, queue, pool or channel: how many it can still take, and the first of those that wait.

Those that wait for a pool are a list, from `first` to `last`, and the first one has `parts` that have still to begin.
"""

KIND = _record(i8="first changed")
"""A kind of station: the number of the first one, and how many are to be dispatched at the end of this instant."""

QUEUE = _record(i4="pool way")
"""`pool` is a station, `way` leads over a card; NONE where there is none."""

CHANNEL = _record(i8="per_s latency_ps", i1="is_fatpipe")
"""A channel as `fifo` links see it."""

LINK = _record(
    f8="rate_per_s",
    i8="per_s latency_ps settled_ps first_ps",
    i4="first flowing coming room ending due timing",
    i1="is_changed",
)
"""A private link, as `private_links` has it.

Its moves are `on_links[first:first + flowing + coming]`, for as many as there is `room`; the first `ending` of them end
at `first_ps`, and `due` of these have still to be told: those nodes whose `turn` is the last `timing`.
"""

ON_LINK = _record(f8="left", i8="from_ps", i4="task")
"""A move on a private link, which flows from an instant on."""

GROUP = _record(i8="parts", i4="task")
"""Parts of a task that have begun at the same time. Of one that is free, `task` is the next that is free."""

FLOW = _record(
    f8="rate_per_s remaining", i8="end_ps settled_ps amount limit_per_s", i4="first task way", i1="has_moved is_changed"
)
"""A flow, as `fluid` has it. `task` is NONE once it has ended, `first` the first of its uses.

Of one that is free, `first` is the next that is free.
"""

USE = _record(i4="resource place beside")
"""That a flow uses a resource, as one of the resource's users, at a place. `beside` is the next use of the flow.

Of one that is free, `beside` is the next that is free.
"""

USER = _record(i4="flow use")
"""A user of a resource."""

RESOURCE = _record(f8="per_s left share key", i8="seen touched number room", i4="first users undecided position")
"""A channel, or behind these what limits a flow alone: each flow has one, which it uses where it has such a limit.

Its users are `users[first:first + users]`, for as many as there is `room`. Ties are broken by `number`. The rest serves
a solution: what is `left` for the flows that are `undecided`, the `share` of each, and the `key` by which the resource
stands at a `position` of a heap.
"""

INPUTS = (
    *OF_A_TASK,
    *("follower_starts", "followers"),
)
"""Columns of a workload."""

OUTPUTS = tuple(it.name for it in fields(Timeline) if it.name != "log")
"""Columns of a timeline that have one entry for each task."""

LISTS = ("ready", "other", "launchable", "launched", "ended", "late")
"""Lists of tasks at one instant."""

ARRAYS: dict[str, Any] = {
    **dict.fromkeys([*INPUTS, *OUTPUTS, "log"], I8),
    **{"waits": I4, "launch_waits": I4, "nodes": NODE, "buckets": BUCKET, "heap": DUE, "recent": I4},
    **{"stations": STATION, "kinds": KIND, "changed_stations": I4, "queues": QUEUE, "channels": CHANNEL},
    **{"groups": GROUP, "parts_left": I8, "way_starts": I8, "way_channels": I8, "way_latency_ps": I8},
    **{"way_link": I4, "links": LINK, "on_links": ON_LINK, "changed_links": I4},
    **{"flows": FLOW, "uses": USE, "users": USER, "resources": RESOURCE, "changed_flows": I4},
    **{"component": I4, "found_by": I4, "fixed": I4, "order": I4, "seen": I8, "new_rate_per_s": F8},
    **{"releases": I8, "change_ps": I8, "change_channel": I8, "change_per_s": I8},
    **dict.fromkeys([*(f"{name}_tasks" for name in LISTS), "wave", "spare"], I4),
}
"""Names of all arrays, and what they consist of."""

RUN = np.dtype(
    [
        *((name, I8) for name in ARRAYS),
        *(
            (f"{name}_count", I8)
            for name in ("task", "channel", "release", "change", "bucket", "changed_flow", "changed_link", "log")
        ),
        *((f"{name}_count", I8) for name in LISTS),
        *((f"fresh_{name}", I8) for name in ("bucket", "group", "flow", "use", "user", "on_link")),
        *((f"free_{name}", I8) for name in ("bucket", "group", "flow", "use")),
        *((name, I8) for name in ("has_begun", "has_round", "has_launches", "is_async", "is_fair", "is_beyond")),
        *((name, I8) for name in ("now_ps", "finished", "next_release", "next_change")),
        *((name, I8) for name in ("solution", "step")),
    ]
)
"""Addresses of the arrays, and what there is once.

`…_count` counts the members of lists. Numbers are given out from a list that begins with `free_…`, and when this is
empty (NONE), from `fresh_…` on.
"""
