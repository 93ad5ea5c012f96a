"""The queues of devices: who waits where, and for how long a device is held.

A queue is told of ready tasks with `submit`, in the order of their turn, and starts what it can when `dispatch` is
called, at the end of each instant in which something changed for it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from simgpu.costs import Cost
from simgpu.machine import Machine
from simgpu.simulation.clock import Callback, Clock
from simgpu.simulation.sharing import FairShare
from simgpu.units import PS_PER_S

Occupy = Callable[[int, Callback], None]
"""(duration_ps, done): use a device's compute units; calls back when the work is done."""


class Queue(Protocol):
    """Tasks that wait for one device, or for several that share their threads."""

    number: int

    def submit(self, task: int, cost: Cost) -> None:
        """Queue a ready task."""

    def dispatch(self) -> None:
        """Start what can start now."""


class Observer(Protocol):
    """Is told by the queues what happens to a task, and when a queue wants to be dispatched."""

    def launched(self, task: int, start_ps: int) -> None:
        """Note that the host has launched a task, from `start_ps` until now."""

    def started(self, task: int) -> None:
        """Note that a task starts now, and needs its memory."""

    def finished(self, task: int) -> None:
        """Note that a task is done now."""

    def changed(self, queue: Queue) -> None:
        """Have a queue dispatched at the end of this instant."""


class GpuQueue:
    """A GPU takes one operation at a time, in order of arrival; before that, the host launches each, one at a time."""

    def __init__(self, clock: Clock, number: int, launch_ps: int, occupy: Occupy, observer: Observer) -> None:
        self.number = number
        self._clock = clock
        self._launch_ps = launch_ps
        self._occupy = occupy
        self._observer = observer
        self._unlaunched: deque[tuple[int, Cost]] = deque()
        self._launched: deque[tuple[int, Cost]] = deque()
        self._is_launching = self._is_computing = False

    def submit(self, task: int, cost: Cost) -> None:
        """Queue a ready task."""
        (self._unlaunched if self._launch_ps else self._launched).append((task, cost))

    def dispatch(self) -> None:
        """Start what is next on the host and on the device."""
        if self._unlaunched and not self._is_launching:
            self._is_launching = True
            task, cost = self._unlaunched.popleft()
            start_ps = self._clock.now_ps
            self._clock.after(self._launch_ps, lambda: self._launch_ended(task, cost, start_ps))
        if self._launched and not self._is_computing:
            self._is_computing = True
            computed, work = self._launched.popleft()
            self._observer.started(computed)
            self._occupy(work.serial_ps, lambda: self._computed(computed))

    def _launch_ended(self, task: int, cost: Cost, start_ps: int) -> None:
        self._is_launching = False
        self._launched.append((task, cost))
        self._observer.launched(task, start_ps)
        self._observer.changed(self)

    def _computed(self, task: int) -> None:
        self._is_computing = False
        self._observer.finished(task)
        self._observer.changed(self)


@dataclass(slots=True, eq=False)
class _Split:
    """An operation that has been cut into parts."""

    task: int
    parts_left: int


class CpuQueue:
    """The CPUs of one host: inter-op threads take operations, and cut them into parts for the intra-op threads.

    The parts of all operations go through one queue, in order.
    """

    def __init__(self, clock: Clock, number: int, inter_op: int, intra_op: int, observer: Observer) -> None:
        self.number = number
        self._clock = clock
        self._observer = observer
        self._idle_inter_op = inter_op
        self._idle_intra_op = intra_op
        self._operations: deque[tuple[int, Cost]] = deque()
        self._parts: deque[tuple[_Split, int]] = deque()

    def submit(self, task: int, cost: Cost) -> None:
        """Queue a ready task."""
        self._operations.append((task, cost))

    def dispatch(self) -> None:
        """Start operations on idle inter-op threads, and parts on idle intra-op threads."""
        while self._operations and self._idle_inter_op:
            self._idle_inter_op -= 1
            task, cost = self._operations.popleft()
            self._observer.started(task)
            self._parts.extend([(_Split(task, cost.parts), cost.part_ps)] * cost.parts)
        while self._parts and self._idle_intra_op:
            self._idle_intra_op -= 1
            split, part_ps = self._parts.popleft()
            self._clock.after(part_ps, lambda split=split: self._part_ended(split))  # type: ignore[misc]

    def _part_ended(self, split: _Split) -> None:
        self._idle_intra_op += 1
        split.parts_left -= 1
        if split.parts_left == 0:
            self._idle_inter_op += 1
            self._observer.finished(split.task)
        self._observer.changed(self)


def machine_queues(clock: Clock, machine: Machine, observer: Observer) -> list[Queue]:
    """Return the queue of each logical device. The CPU devices of one host have one queue together.

    An `exclusive` slice is as fast as a whole card; `shared` ones divide the card's speed among those that are busy.
    """
    slices = Counter(device.physical for device in machine.devices)
    cards = FairShare(clock, [PS_PER_S] * len(machine.physical_devices))
    hosts: list[Queue] = [
        CpuQueue(clock, number, host.inter_op_threads, host.intra_op_threads, observer)
        for number, host in enumerate(machine.hosts)
    ]
    queues: list[Queue] = []
    for number, device in enumerate(machine.devices):
        physical = machine.physical_devices[device.physical]
        if device.kind == "CPU":
            queues.append(hosts[physical.host])
        else:
            is_alone = slices[device.physical] == 1 or device.compute == "exclusive"
            occupy = clock.after if is_alone else _part_of_card(cards, device.physical)
            launch_ps = physical.model.launch_overhead_ps
            queues.append(GpuQueue(clock, len(hosts) + number, launch_ps, occupy, observer))
    return queues


def _part_of_card(cards: FairShare, physical: int) -> Occupy:
    """Share a card equally among those of its slices that are busy."""
    return lambda duration_ps, done: cards.start(duration_ps, (physical,), done)
