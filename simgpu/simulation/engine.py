"""The SimPy engine: tasks, stations, links and the clock, put together.

What happens when, and in which order, is said in `workload`. Whoever wants to have a say in when a task starts, or to
know of it while the run goes on, is an `Attendant`.
"""

from __future__ import annotations

from array import array
from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass, fields
from heapq import heappop, heappush
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np

from simgpu.simulation.clock import Clock, Phase
from simgpu.simulation.fluid import Flow, Fluid
from simgpu.simulation.journal import Journal
from simgpu.simulation.links import LINK_POLICIES, Calls, Moves, Route
from simgpu.simulation.private_links import private_routes
from simgpu.simulation.stations import Gate, Launcher, Pool, Queue, Station
from simgpu.simulation.timeline import FINISHED, LAUNCHED, STARTED, Timeline
from simgpu.simulation.workload import COMPUTE, MOVE, NONE, OF_A_TASK, Ints, LaunchMode, LinkPolicyName, Workload

_ENDED = Phase.ENDED  # read often: Python finds a name of this module sooner than one of a class


Column = MutableSequence[int]
"""Numbers of tasks, and more to come: what is moved to make room becomes a task, too."""


class Attendant(Protocol):
    """Attends a run: it grants memory, shows progress, or stops the run by raising an error."""

    def may_start(self, task: int, now_ps: int) -> bool:
        """Tell whether a task may start now; if so, it does. If not, call `Engine.ask_again` once it may."""

    def finished(self, task: int, now_ps: int) -> None:
        """Note that a task has finished."""


@dataclass(frozen=True, slots=True)
class _Tasks:
    """The columns of a workload that have one entry for each task, as arrays that Python reads as fast as lists."""

    kind: Column
    amount: Column
    where: Column
    parts: Column
    rank: Column
    release_ps: Column
    rate_cap: Column
    out_gate: Column
    in_gate: Column
    launcher: Column
    launch_ps: Column


class Engine:
    """One run of a workload."""

    def __init__(
        self, workload: Workload, *, links: LinkPolicyName, launch: LaunchMode, attendant: Attendant | None = None
    ) -> None:
        self.clock = Clock()
        self.journal = Journal(self.clock, len(workload))
        self._attendant = attendant
        self._tasks = _Tasks(**{name: _column(getattr(workload, name)) for name in OF_A_TASK})
        self._followers = _column(workload.followers)
        self._first_follower = _column(workload.follower_starts)
        launched_by, waits_for = workload.launched_by, workload.predecessor_counts() + (workload.release_ps > 0)
        self._launcher_of = _column(launched_by)
        self._is_async, self._has_launches = launch == "async", bool((launched_by != NONE).any())
        self._first = np.flatnonzero((waits_for == 0) | (workload.release_ps > 0)).tolist()
        self._launch_waits_for = _column(waits_for)
        self._waits_for = _column(waits_for + ((launched_by != NONE) & (workload.kind == MOVE)))
        self._has_moves_in_place = bool(((workload.kind == MOVE) & (workload.where == NONE)).any())
        self._ready: list[int] = []
        self._start_what_may, self._ends = self._round, self._end
        self._launchable: list[int] = []
        self._denied: list[int] = []
        self._changed: list[tuple[int, Station]] = []
        self._build(_lists_of(workload.resources), workload.launchers)
        calls = Calls(self._start, self._end, self.changed)
        columns = (self._tasks.amount, self._tasks.where, self._tasks.rate_cap)
        moves = Moves(*columns, self._routes, private_routes(workload).tolist())
        self._links = LINK_POLICIES[links](self.clock, moves, workload.resources, self._fluid, calls)

    def _build(self, resources: SimpleNamespace, launchers: int) -> None:
        """Make the stations."""
        clock, self._resources = self.clock, resources
        fluid = self._fluid = Fluid(clock, resources.channel_per_s, resources.channel_is_fatpipe, self._end)
        ways = [tuple(resources.route_channels[start:end]) for start, end in pairwise(resources.route_starts)]
        self._routes = [
            Route(channels, fluid.way(channels), latency_ps)
            for channels, latency_ps in zip(ways, resources.route_latency_ps, strict=True)
        ]
        self._pool_of: list[int] = resources.queue_pool
        self._cards = [None if card == NONE else fluid.way([card]) for card in resources.queue_card]
        self._gates = [Gate(number, places, self._enter) for number, places in enumerate(resources.gate_places)]
        self._pools = [
            Pool(clock, number, threads, self._end, self.changed)
            for number, threads in enumerate(resources.pool_threads)
        ]
        self._queues = [
            Queue(clock, number, slots, self._compute) for number, slots in enumerate(resources.queue_slots)
        ]
        self._launchers = [
            Launcher(clock, number, self.journal.launching, self._launched) for number in range(launchers)
        ]

    def run(self) -> Timeline:
        """Let it run until nothing happens any more. Tasks that could never start are left in the timeline."""
        resources = self._resources
        changes = zip(resources.change_ps, resources.change_channel, resources.change_per_s, strict=True)
        for number, (at_ps, *change) in enumerate(changes):
            self.clock.after(at_ps, Phase.CAPACITY + number, self._capacity_changes, change)
        for task in self._first:
            if self._tasks.release_ps[task]:
                self.clock.after(self._tasks.release_ps[task], Phase.RELEASED + task, self._released, task)
                continue
            if self._launcher_of[task] != NONE:
                self._is_launchable(task, NONE)
            if self._waits_for[task] == 0:
                self._is_ready(task, NONE)
        self.clock.run()
        return self.journal.timeline()

    def add_move(self, size_bytes: int, route: int, gates: tuple[int, int]) -> int:
        """Add a move that may start at once, and return its number: one behind those of the workload."""
        row = {
            "kind": MOVE,
            "amount": size_bytes,
            "where": route,
            "parts": 1,
            "out_gate": gates[0],
            "in_gate": gates[1],
            "launcher": NONE,
        }
        for name in OF_A_TASK:
            getattr(self._tasks, name).append(row.get(name, 0))
        task = len(self._waits_for)
        self._first_follower.append(len(self._followers))
        self._waits_for.append(0)
        self._launcher_of.append(NONE)
        self._has_moves_in_place |= route == NONE
        self.journal.add_task()
        self._is_ready(task, NONE)
        return task

    def changed(self, station: Station) -> None:
        """Have a station dispatched at the end of this instant."""
        if not station.is_changed:
            station.is_changed = True
            heappush(self._changed, (station.order, station))
            self.clock.starts = self._start_what_may

    def ask_again(self) -> None:
        """Have all that was denied a start tried again at the end of this instant."""
        denied, self._denied = self._denied, []
        self._ready += denied
        self.clock.starts = self._start_what_may
        for queue in self._queues:
            self.changed(queue)
        self._links.ask_again()

    def _capacity_changes(self, change: Sequence[int]) -> None:
        channel, per_s = change
        self._links.change_capacity(channel, per_s)

    def _released(self, task: int) -> None:
        self._wait_ended(task)
        if self._launcher_of[task] != NONE:
            self._launch_wait_ended(task, NONE)

    def _wait_ended(self, task: int) -> None:
        self._waits_for[task] -= 1
        if self._waits_for[task] == 0:
            self._is_ready(task, NONE)

    def _is_ready(self, task: int, cause: int) -> None:
        journal = self.journal
        journal.ready_ps[task], journal.cause[task] = self.clock.now_ps, cause
        self._ready.append(task)
        self.clock.starts = self._start_what_may

    def _launch_wait_ended(self, task: int, cause: int) -> None:
        self._launch_waits_for[task] -= 1
        if self._launch_waits_for[task] == 0:
            self._is_launchable(task, cause)

    def _is_launchable(self, task: int, cause: int) -> None:
        self.journal.launchable(task, cause)
        self._launchable.append(task)
        self.clock.starts = self._start_what_may

    def _launched(self, task: int) -> None:
        self.journal.launched(task)
        launcher = self._launcher_of[task]
        self.changed(self._launchers[launcher])
        if self._tasks.kind[task] == COMPUTE:
            queue = self._queues[self._tasks.where[task]]
            queue.submit(task, 0)
            self.changed(queue)
        else:
            self._wait_ended(task)
        if self._is_async:
            for follower in self._followers_of(task):
                if self._launcher_of[follower] == launcher:
                    self._launch_wait_ended(follower, 4 * task + LAUNCHED)

    def _end(self, task: int) -> None:
        """Finish a task, free what it held, and make ready what waited for it alone."""
        now_ps, journal, tasks = self.clock.now_ps, self.journal, self._tasks
        journal.end_ps[task] = now_ps
        journal.log.append(4 * task + FINISHED)
        if tasks.kind[task] == COMPUTE:
            queue = self._queues[tasks.where[task]]
            queue.free += 1
            if queue.waiting and not queue.is_changed:
                self.changed(queue)
        elif self._gates:
            for gate in self._gates_of(task):
                gate.free += 1
                self.changed(gate)
        if self._attendant is not None:
            self._attendant.finished(task, now_ps)
        waits_for, first, ready = self._waits_for, self._first_follower, self._ready
        for follower in self._followers[first[task] : first[task + 1]]:
            left = waits_for[follower] = waits_for[follower] - 1
            if not left:
                journal.cause[follower] = task
                ready.append(follower)
        if ready:
            self.clock.starts = self._start_what_may
        if self._has_launches:
            self._allow_launches(task)

    def _allow_launches(self, task: int) -> None:
        """Note that a task has finished for those followers whose launch waited for that."""
        launcher = self._launcher_of[task]
        for follower in self._followers_of(task):
            other = self._launcher_of[follower]
            if other != NONE and not (self._is_async and other == launcher):
                self._launch_wait_ended(follower, 4 * task + FINISHED)

    def _followers_of(self, task: int) -> Column:
        return self._followers[self._first_follower[task] : self._first_follower[task + 1]]

    def _gates_of(self, task: int) -> list[Gate]:
        numbers = (self._tasks.out_gate[task], self._tasks.in_gate[task]) if self._gates else ()
        return [self._gates[number] for number in numbers if number != NONE]

    def _round(self) -> None:
        """Start what may start now."""
        if self._ready:
            self._submit(self._ready_after_moves_in_place())
        if self._launchable:
            self._submit_launches()
        changed = self._changed
        while changed:
            _, station = heappop(changed)
            station.is_changed = False
            station.dispatch()
        self.clock.starts = self._start_what_may if self._ready else None  # a move that was added meanwhile

    def _submit_launches(self) -> None:
        launchable, self._launchable = self._launchable, []
        for task in sorted(launchable):
            launcher = self._launchers[self._launcher_of[task]]
            launcher.submit(task, self._tasks.rank[task], self._tasks.launch_ps[task])
            self.changed(launcher)

    def _ready_after_moves_in_place(self) -> list[int]:
        """Finish the moves in place, so that what waits for them takes its turn in order with the rest."""
        others: list[int] = []
        if not self._has_moves_in_place:
            others, self._ready = self._ready, others
            others.sort()
            return others
        while self._ready:
            ready, self._ready = sorted(self._ready), []
            for task in ready:
                if self._tasks.kind[task] != MOVE or self._tasks.where[task] != NONE:
                    others.append(task)
                elif self._start(task):
                    self._end(task)
                else:
                    self._denied.append(task)
        return sorted(others)

    def _submit(self, ready: list[int]) -> None:
        """Send ready tasks to where they wait; what waits nowhere begins."""
        tasks, begin_move = self._tasks, self._links.begin
        for task in ready:
            kind = tasks.kind[task]
            if kind == COMPUTE:
                queue = self._queues[tasks.where[task]]
                if self._launcher_of[task] == NONE:
                    queue.submit(task, tasks.rank[task])
                if not queue.is_changed:
                    self.changed(queue)
            elif self._gates and (gates := self._gates_of(task)):
                gates[0].submit(task, self.journal.ready_since_ps(task))
                self.changed(gates[0])
            elif not (begin_move(task) if kind == MOVE else self._delay(task)):
                self._denied.append(task)

    def _start(self, task: int) -> bool:
        """Ask the attendant, if there is one; if it allows it, the task starts."""
        if self._attendant is not None and not self._attendant.may_start(task, self.clock.now_ps):
            return False
        journal = self.journal
        journal.start_ps[task] = self.clock.now_ps
        journal.log.append(4 * task + STARTED)
        return True

    def _enter(self, task: int, ready_ps: int) -> None:
        """Let a move through its gates, or have it wait at the one that is full."""
        gates = self._gates_of(task)
        full = next((gate for gate in gates if not gate.free), None)
        if full is not None:
            full.submit(task, ready_ps)
        elif self._links.begin(task):
            for gate in gates:
                gate.free -= 1
        else:
            self._denied.append(task)

    def _delay(self, task: int) -> bool:
        if not self._start(task):
            return False
        self.clock.after(self._tasks.amount[task], _ENDED + task, self._ends, task)
        return True

    def _compute(self, task: int) -> bool:
        """Begin a task if it may start, and tell whether it did."""
        if self._waits_for[task] or not self._start(task):
            return False
        queue, amount, parts = self._tasks.where[task], self._tasks.amount[task], self._tasks.parts[task]
        pool, card = self._pool_of[queue], self._cards[queue]
        if pool != NONE:
            self._pools[pool].submit(task, parts, amount)
            self.changed(self._pools[pool])
        elif card is not None:
            self._fluid.begin(Flow(task, amount * parts, card, self._tasks.rate_cap[task]))
        else:
            self.clock.after(amount * parts, _ENDED + task, self._ends, task)
        return True


def _lists_of(record: Any) -> SimpleNamespace:
    """Return the arrays of a record as lists, which Python reads faster."""
    columns = {it.name: getattr(record, it.name) for it in fields(record)}
    return SimpleNamespace(**{name: it.tolist() for name, it in columns.items() if isinstance(it, np.ndarray)})


def _column(values: Ints) -> Column:
    return array("q", values.tobytes())
