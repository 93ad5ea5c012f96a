"""The SimPy engine: tasks, stations, links and the clock, put together.

What happens when, and in which order, is said in `workload`. Whoever wants to have a say in when a task starts, or to
know of it while the run goes on, is an `Attendant`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, Protocol

from simgpu.simulation.clock import Clock, Phase
from simgpu.simulation.fluid import Fluid
from simgpu.simulation.journal import Journal
from simgpu.simulation.links import LINK_POLICIES, Calls, Moves, Way
from simgpu.simulation.stations import Gate, Launcher, Pool, Queue, Station
from simgpu.simulation.timeline import FINISHED, LAUNCHED, Timeline
from simgpu.simulation.workload import COMPUTE, MOVE, NONE, OF_A_TASK, LaunchMode, LinkPolicyName, Workload

_KINDS_OF_STATIONS = 5


class Attendant(Protocol):
    """Attends a run: it grants memory, shows progress, or stops the run by raising an error."""

    def may_start(self, task: int, now_ps: int) -> bool:
        """Tell whether a task may start now; if so, it does. If not, call `Engine.ask_again` once it may."""

    def finished(self, task: int, now_ps: int) -> None:
        """Note that a task has finished."""


class Engine:
    """One run of a workload."""

    def __init__(
        self, workload: Workload, *, links: LinkPolicyName, launch: LaunchMode, attendant: Attendant | None = None
    ) -> None:
        self.clock = Clock()
        self.journal = Journal(self.clock, len(workload))
        self._attendant = attendant
        self._tasks = _lists_of(workload)
        followers, ends = workload.followers.tolist(), workload.follower_starts.tolist()
        self._followers = [followers[start:end] for start, end in pairwise(ends)]
        self._launcher_of = workload.launched_by.tolist()
        waits_for = workload.predecessor_counts() + (workload.release_ps > 0)
        self._launch_waits_for = waits_for.tolist()
        self._waits_for = (waits_for + ((workload.launched_by != NONE) & (workload.kind == MOVE))).tolist()
        self._is_async = launch == "async"
        self._ready: list[int] = []
        self._launchable: list[int] = []
        self._denied: list[int] = []
        self._changed: tuple[dict[int, Station], ...] = tuple({} for _ in range(_KINDS_OF_STATIONS))
        self._is_round_due = False
        self._build(_lists_of(workload.resources), workload.launchers)
        calls = Calls(self._start, self._end, self.changed)
        moves = Moves(self._tasks.amount, self._tasks.where, self._tasks.rate_cap, self._ways)
        self._links = LINK_POLICIES[links](self.clock, moves, workload.resources, self._fluid, calls)

    def _build(self, resources: SimpleNamespace, launchers: int) -> None:
        """Make the stations."""
        clock, self._resources = self.clock, resources
        starts = resources.route_starts
        self._ways = [
            Way(tuple(resources.route_channels[start:end]), latency_ps)
            for start, end, latency_ps in zip(starts[:-1], starts[1:], resources.route_latency_ps, strict=True)
        ]
        self._fluid = Fluid(clock, resources.channel_per_s, resources.channel_is_fatpipe, self._end)
        self._gates = [Gate(number, places, self._enter) for number, places in enumerate(resources.gate_places)]
        self._pools = [
            Pool(clock, number, threads, self._end, self.changed)
            for number, threads in enumerate(resources.pool_threads)
        ]
        self._queues = [
            Queue(clock, number, slots, self._may_compute, self._compute)
            for number, slots in enumerate(resources.queue_slots)
        ]
        self._launchers = [
            Launcher(clock, number, self.journal.launching, self._launched) for number in range(launchers)
        ]

    def run(self) -> Timeline:
        """Let it run until nothing happens any more. Tasks that could never start are left in the timeline."""
        resources = self._resources
        for change in zip(resources.change_ps, resources.change_channel, resources.change_per_s, strict=True):
            self.clock.after(change[0], Phase.CAPACITY, change[1], self._capacity_change(change[2]))
        for task, release_ps in enumerate(self._tasks.release_ps):
            if release_ps:
                self.clock.after(release_ps, Phase.RELEASED, task, self._released)
            elif self._launch_waits_for[task] == 0:
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
        self._followers.append([])
        self._waits_for.append(0)
        self._launcher_of.append(NONE)
        self.journal.add_task()
        task = len(self._followers) - 1
        self._is_ready(task, NONE)
        return task

    def changed(self, station: Station) -> None:
        """Have a station dispatched at the end of this instant."""
        self._changed[station.kind][station.number] = station
        self._have_round()

    def ask_again(self) -> None:
        """Have all that was denied a start tried again at the end of this instant."""
        denied, self._denied = self._denied, []
        self._ready += denied
        self._have_round()
        for queue in self._queues:
            self.changed(queue)
        self._links.ask_again()

    def _capacity_change(self, per_s: int) -> Callable[[int], None]:
        return lambda channel: self._links.change_capacity(channel, per_s)

    def _released(self, task: int) -> None:
        self._wait_ended(task, NONE)
        if self._launcher_of[task] != NONE:
            self._launch_wait_ended(task, NONE)

    def _wait_ended(self, task: int, cause: int) -> None:
        self._waits_for[task] -= 1
        if self._waits_for[task] == 0:
            self._is_ready(task, cause)

    def _is_ready(self, task: int, cause: int) -> None:
        self.journal.ready(task, cause)
        self._ready.append(task)
        self._have_round()

    def _launch_wait_ended(self, task: int, cause: int) -> None:
        self._launch_waits_for[task] -= 1
        if self._launch_waits_for[task] == 0:
            self._is_launchable(task, cause)

    def _is_launchable(self, task: int, cause: int) -> None:
        self.journal.launchable(task, cause)
        self._launchable.append(task)
        self._have_round()

    def _launched(self, task: int) -> None:
        self.journal.launched(task)
        launcher = self._launcher_of[task]
        self.changed(self._launchers[launcher])
        if self._tasks.kind[task] == COMPUTE:
            queue = self._queues[self._tasks.where[task]]
            queue.submit(task, 0)
            self.changed(queue)
        else:
            self._wait_ended(task, NONE)
        if self._is_async:
            for follower in self._followers[task]:
                if self._launcher_of[follower] == launcher:
                    self._launch_wait_ended(follower, 4 * task + LAUNCHED)

    def _end(self, task: int) -> None:
        self.journal.finished(task)
        self._leave(task)
        if self._attendant is not None:
            self._attendant.finished(task, self.clock.now_ps)
        launcher = self._launcher_of[task]
        for follower in self._followers[task]:
            self._wait_ended(follower, task)
            other = self._launcher_of[follower]
            if other != NONE and not (self._is_async and other == launcher):
                self._launch_wait_ended(follower, 4 * task + FINISHED)

    def _leave(self, task: int) -> None:
        """Free what a task held."""
        tasks = self._tasks
        if tasks.kind[task] == COMPUTE:
            queue = self._queues[tasks.where[task]]
            queue.leave()
            self.changed(queue)
        elif self._gates:
            for gate in self._gates_of(task):
                gate.free += 1
                self.changed(gate)

    def _gates_of(self, task: int) -> list[Gate]:
        numbers = (self._tasks.out_gate[task], self._tasks.in_gate[task]) if self._gates else ()
        return [self._gates[number] for number in numbers if number != NONE]

    def _have_round(self) -> None:
        """Have what may start started at the end of this instant."""
        if not self._is_round_due:
            self._is_round_due = True
            self.clock.at_end(Phase.START, self._round)

    def _round(self) -> None:
        """Start what may start now."""
        for task in self._ready_after_moves_in_place():
            self._submit(task)
        launchable, self._launchable = self._launchable, []
        for task in sorted(launchable):
            launcher = self._launchers[self._launcher_of[task]]
            launcher.submit(task, self._tasks.rank[task], self._tasks.launch_ps[task])
            self.changed(launcher)
        for stations in self._changed:
            if len(stations) == 1:
                stations.popitem()[1].dispatch()
            elif stations:
                for number in sorted(stations):
                    stations.pop(number).dispatch()
        self._is_round_due = False
        if self._ready:  # a move that was added meanwhile
            self._have_round()

    def _ready_after_moves_in_place(self) -> list[int]:
        """Finish the moves in place, so that what waits for them takes its turn in order with the rest."""
        others: list[int] = []
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

    def _submit(self, task: int) -> None:
        """Send a ready task to where it waits; what waits nowhere begins."""
        tasks = self._tasks
        if tasks.kind[task] == COMPUTE:
            queue = self._queues[tasks.where[task]]
            if self._launcher_of[task] == NONE:
                queue.submit(task, tasks.rank[task])
            self.changed(queue)
        elif gates := self._gates_of(task):
            gates[0].submit(task, self.journal.ready_ps[task])
            self.changed(gates[0])
        elif not (self._links.begin(task) if tasks.kind[task] == MOVE else self._delay(task)):
            self._denied.append(task)

    def _start(self, task: int) -> bool:
        """Ask the attendant, if there is one; if it allows it, the task starts."""
        if self._attendant is not None and not self._attendant.may_start(task, self.clock.now_ps):
            return False
        self.journal.started(task)
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
        self.clock.after(self._tasks.amount[task], Phase.ENDED, task, self._end)
        return True

    def _may_compute(self, task: int) -> bool:
        return self._waits_for[task] == 0 and self._start(task)

    def _compute(self, task: int) -> None:
        queue, amount, parts = self._tasks.where[task], self._tasks.amount[task], self._tasks.parts[task]
        pool, card = self._resources.queue_pool[queue], self._resources.queue_card[queue]
        if pool != NONE:
            self._pools[pool].submit(task, parts, amount)
            self.changed(self._pools[pool])
        elif card != NONE:
            self._fluid.begin(task, amount * parts, (card,))
        else:
            self.clock.after(amount * parts, Phase.ENDED, task, self._end)


def _lists_of(record: Any) -> SimpleNamespace:
    """Return the arrays of a record as lists, which Python reads faster."""
    columns = {it.name: getattr(record, it.name) for it in fields(record)}
    return SimpleNamespace(**{name: it.tolist() for name, it in columns.items() if hasattr(it, "tolist")})
