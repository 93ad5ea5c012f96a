"""Simulate a placed graph: the queues and links of a machine, driven by the modelled clock.

Ties are broken by time, then by the number of the task, which follows the order of the graph's operations. At each
instant, everything that ends then ends first; then what may start does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from simgpu.costs import CostModel, Given, Roofline
from simgpu.errors import InvalidValue, MachineError
from simgpu.machine import Machine
from simgpu.placement import Placement
from simgpu.program import CALLER, Program, Progress, Recorder, Task, TaskKind, lower
from simgpu.simulation.clock import Clock
from simgpu.simulation.devices import Queue, machine_queues
from simgpu.simulation.links import LINK_POLICIES
from simgpu.trace import Trace

OnProgress = Callable[[int, int], None]
"""(tasks done, tasks in all)"""


def simulate(
    placement: Placement,
    *,
    machine: Machine | None = None,
    costs: CostModel | Literal["roofline"] = "roofline",
    links: str = "fair",
    on_progress: OnProgress | None = None,
) -> Trace:
    """Predict a run of a placed graph, on its own machine or on another that has devices of the same names.

    Durations given in the graph win over `costs`. Raises OutOfDeviceMemory, with the trace until then, where a run
    would; MachineError if the other machine has other devices.
    """
    if links not in LINK_POLICIES:
        raise InvalidValue(f"links={links!r} is not a link policy; choose one of {', '.join(LINK_POLICIES)}")
    if isinstance(costs, str) and costs != "roofline":
        raise InvalidValue(f"costs={costs!r} is not a cost model; choose 'roofline', or give an object with `cost`")
    if machine is not None:
        placement = _moved(placement, machine)
    model = Roofline(placement.machine) if costs == "roofline" else costs
    return _Simulation(lower(placement), Given(model), links, on_progress).run()


def _moved(placement: Placement, machine: Machine) -> Placement:
    ours = [device.name for device in placement.machine.devices]
    theirs = [device.name for device in machine.devices]
    if ours != theirs:
        raise MachineError(
            f"the placement is for {', '.join(ours[:8])} and the other machine has {', '.join(theirs[:8])}; "
            "give a machine with the same device names in the same order"
        )
    return replace(placement, machine=machine)


class _Simulation:
    """One run. The queues and links tell it what happens; it passes that on to the progress and the recorder."""

    def __init__(self, program: Program, costs: CostModel, links: str, on_progress: OnProgress | None) -> None:
        self.program = program
        self.machine = program.placement.machine
        self.costs = costs
        self.on_progress = on_progress
        self.clock = Clock()
        self.links = LINK_POLICIES[links](self.clock, self.machine)
        self.queues = machine_queues(self.clock, self.machine, self)
        self.progress = Progress(program, "simulate", "modelled")
        self.recorder = Recorder(program, self.progress.trace.spans)
        self.ready: list[int] = []
        self.changed_queues: set[Queue] = set()
        self.is_instant_open = False

    def run(self) -> Trace:
        with self.progress:
            self.ready = self.progress.begin()
            self._open_instant()
            self.clock.run()
        assert self.progress.unfinished == 0, "tasks are left although nothing is scheduled"
        return self.progress.trace

    def launched(self, task: int, start_ps: int) -> None:
        self.recorder.launched(task, start_ps, self.clock.now_ps)

    def started(self, task: int) -> None:
        self.recorder.started(task, self.clock.now_ps)
        self.progress.start(task, self.clock.now_ps)

    def finished(self, task: int) -> None:
        now_ps = self.clock.now_ps
        self.recorder.finished(task, now_ps)
        for follower in self.progress.finish(task, now_ps):
            self.recorder.ready(follower, now_ps)
            self.ready.append(follower)
        if self.on_progress is not None:
            self.on_progress(len(self.program.tasks) - self.progress.unfinished, len(self.program.tasks))
        self._open_instant()

    def changed(self, queue: Queue) -> None:
        self.changed_queues.add(queue)
        self._open_instant()

    def _open_instant(self) -> None:
        if not self.is_instant_open:
            self.is_instant_open = True
            self.clock.at_end_of_instant(self._start_what_may)

    def _start_what_may(self) -> None:
        tasks = self._ready_after_moves_in_place()
        self.is_instant_open = False
        for task in tasks:
            self._submit(task, self.program.tasks[task])
        queues, self.changed_queues = sorted(self.changed_queues, key=lambda queue: queue.number), set()
        for queue in queues:
            queue.dispatch()

    def _ready_after_moves_in_place(self) -> list[int]:
        """Finish the moves that take no time, so that what waits for them takes its turn in order with the rest."""
        others: list[int] = []
        while self.ready:
            ready, self.ready = sorted(self.ready), []
            for task in ready:
                if self._is_in_place(self.program.tasks[task]):
                    self.started(task)
                    self.finished(task)
                else:
                    others.append(task)
        return sorted(others)

    def _submit(self, number: int, task: Task) -> None:
        if task.kind is TaskKind.COMPUTE:
            operation = self.program.placement.graph.operation(task.subject)
            queue = self.queues[task.device]
            queue.submit(number, self.costs.cost(operation, self.machine.devices[task.device]))
            self.changed_queues.add(queue)
        else:
            self._move(number, task)

    def _move(self, number: int, task: Task) -> None:
        size_bytes = self.program.placement.graph.tensor_spec(task.subject).nbytes
        route = self.machine.route(*self._ends(task))
        self.links.transfer(route, size_bytes, lambda: self.started(number), lambda: self.finished(number))

    def _is_in_place(self, task: Task) -> bool:
        if task.kind is TaskKind.COMPUTE:
            return False
        source, target = self._ends(task)
        return source == target

    def _ends(self, task: Task) -> tuple[int, int]:
        """Return from where to where a tensor moves. What the caller holds lies in the host of the other end."""
        source = self.machine.host_device(task.device) if task.source == CALLER else task.source
        target = self.machine.host_device(task.source) if task.device == CALLER else task.device
        return source, target
