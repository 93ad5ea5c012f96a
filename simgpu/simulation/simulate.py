"""Simulate a placed graph on a machine.

Ties are broken by time, then by the number of the task, which follows the order of the graph's operations. At each
instant, everything that ends then ends first; then what may start does. `workload` says it in full.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from simgpu.costs import CostModel, Given, Roofline
from simgpu.errors import InvalidValue, MachineError, NoEffectWarning, check_type
from simgpu.machine import Machine, parse_machine
from simgpu.naming import short_name
from simgpu.placement import Placement
from simgpu.program import Program, Progress, lower
from simgpu.simulation import taking_over
from simgpu.simulation.assembling import Assembly
from simgpu.simulation.disciplines import DISCIPLINES
from simgpu.simulation.engine import Engine
from simgpu.simulation.failing import Failure, failure_of, raise_failure
from simgpu.simulation.hardware import Hardware
from simgpu.simulation.options import SimulationOptions
from simgpu.simulation.perturbations import Fails, perturbed
from simgpu.simulation.running import run
from simgpu.simulation.spilling import Spilling
from simgpu.simulation.timeline import Timeline
from simgpu.simulation.tracing import Story, replay, spans_of, story_of
from simgpu.simulation.waiting import WaitingForMemory
from simgpu.simulation.workload import Workload
from simgpu.trace import Trace

OnProgress = Callable[[int, int], None]
"""(tasks done, tasks in all)"""


def simulate(
    placement: Placement,
    *,
    machine: Machine | str | None = None,
    costs: CostModel | Literal["roofline"] = "roofline",
    options: SimulationOptions | None = None,
    on_progress: OnProgress | None = None,
    **more: Any,
) -> Trace:
    """Predict a run of a placed graph, on its own machine or on another that has devices of the same names.

    The other machine may be given by its one-line form, and options one by one: `simulate(placement, links="fifo")`.
    Durations given in the graph win over `costs`. Raises OutOfDeviceMemory, with the trace until then, where a run
    would; MachineError if the other machine has other devices; DeadlockError if operations wait for ever;
    DeviceFailure where a perturbation says so.
    """
    check_type(placement, Placement, "placement", "a Placement; give what `place` returns")
    check_type(options, SimulationOptions | None, "options", "a SimulationOptions; give one, or options one by one")
    check_type(on_progress, Callable | None, "on_progress", "a function of the tasks done, and those in all")
    options = replace(options or SimulationOptions(), **_known(more))
    if costs != "roofline" and not isinstance(costs, CostModel):
        raise InvalidValue(f"costs={costs!r} is not a cost model; choose 'roofline', or give an object with `cost`")
    if machine is not None:
        placement = _on_other_machine(placement, parse_machine(machine))
    model = Given(Roofline(placement.machine) if costs == "roofline" else costs)
    simulation = _Simulation(model, options, on_progress)
    return simulation.with_memory(placement) if options.on_oom != "raise" else simulation.of(placement)


@dataclass(frozen=True, slots=True)
class _Simulation:
    """Costs and options, ready for any placement."""

    costs: Given
    options: SimulationOptions
    on_progress: OnProgress | None

    def of(self, placement: Placement) -> Trace:
        """Run first, then do to the ledgers what has happened: where memory lacks, nothing after it counts."""
        program = lower(placement)
        story, failure = self._happened(program)
        with Progress(program, "simulate", "modelled") as progress:
            progress.begin()
            replay(progress, story)
            if failure is None:
                return progress.trace
            fails, strikes = failure
            progress.closes_at_ps = strikes.at_ps
            survived = taking_over.surviving(progress, strikes)
        if fails.then == "raise":
            raise_failure(program, strikes, progress.trace)
        return taking_over.joined(progress.trace, self._after(fails, strikes, progress, survived))

    def _happened(self, program: Program) -> tuple[Story, tuple[Fails, Failure] | None]:
        """Run a program until its end or the failure of a device, and tell what happened until then."""
        timeline = self._run(self._workload(program, self._hardware(program.placement)))
        failure = self._first_failure(program, timeline)
        end = len(timeline.log) if failure is None else failure[1].log_end
        return story_of(program, timeline, timeline.log[:end]), failure

    def with_memory(self, placement: Placement) -> Trace:
        """Run with the ledgers, which have a say in when what starts."""
        if any(isinstance(it, Fails) for it in self.options.perturbations):
            raise InvalidValue(f"on_oom={self.options.on_oom!r} and failing devices do not go together; leave one out")
        if self.options.engine == "compiled":
            raise InvalidValue(f"the compiled engine does not know on_oom={self.options.on_oom!r}; use engine='simpy'")
        program, hardware = lower(placement), self._hardware(placement)
        for device in range(len(placement.machine.devices) if self.options.on_oom == "spill" else 0):
            host = placement.machine.host_device(device)
            hardware.route(device, host), hardware.route(host, device)
        workload = self._workload(program, hardware)
        with Progress(program, "simulate", "modelled") as progress:
            progress.begin()
            spilling = Spilling(progress, hardware) if self.options.on_oom == "spill" else None
            attendant = spilling or WaitingForMemory(progress)
            engine = Engine(workload, links=self.options.links, launch=self.options.launch, attendant=attendant)
            attendant.engine = engine
            try:
                engine.run()
            finally:
                timeline = engine.journal.timeline()
                extras = spilling.extras if spilling else ()
                progress.trace.spans = spans_of(program, timeline, timeline.log, extras)
                attendant.close(engine.clock.now_ps)
            attendant.check_finished()
        return progress.trace

    def _after(self, fails: Fails, failure: Failure, before: Progress, survived: set[tuple[int, int]]) -> Trace:
        """Return the trace of what is left, after a failure."""
        placement = taking_over.moved(before.program.placement, failure, fails.then)
        program, hardware = lower(placement), self._hardware(placement)
        rest = taking_over.rest_of(program, survived, before, hardware, failure.at_ps)
        with warnings.catch_warnings(category=NoEffectWarning, action="ignore"):  # the first part has said it
            workload = taking_over.workload_of_rest(rest, self._workload(program, hardware))
        timeline = self._run(workload)
        with Progress(program, "simulate", "modelled") as progress:
            progress.begin(rest.done, failure.at_ps)
            extras = [it.move for it in rest.restored]
            replay(progress, story_of(program, timeline, timeline.log, done=rest.done, extras=extras))
        return progress.trace

    def _hardware(self, placement: Placement) -> Hardware:
        options = self.options
        return Hardware(
            placement.machine,
            streams=options.streams,
            copy_engines=options.copy_engines,
            launchers=options.launchers,
        )

    def _workload(self, program: Program, hardware: Hardware) -> Workload:
        given = self.options.discipline
        discipline = DISCIPLINES[given] if isinstance(given, str) else given
        workload = Assembly(program, self.costs, hardware, discipline, self.options).workload()
        return perturbed(workload, program, self.options.perturbations, self.options.seed)

    def _run(self, workload: Workload) -> Timeline:
        options = self.options
        return run(
            workload, links=options.links, launch=options.launch, engine=options.engine, on_progress=self.on_progress
        )

    def _first_failure(self, program: Program, timeline: Timeline) -> tuple[Fails, Failure] | None:
        """Return the failure that strikes, if any does; of several, only one is allowed."""
        fails = [it for it in self.options.perturbations if isinstance(it, Fails)]
        if len(fails) > 1:
            raise InvalidValue(f"{len(fails)} devices fail; one at most can, so leave out the others")
        failure = failure_of(program, timeline, fails[0]) if fails else None
        return None if failure is None else (fails[0], failure)


def _known(more: dict[str, Any]) -> dict[str, Any]:
    for name in more:
        if name not in SimulationOptions.__dataclass_fields__:
            raise InvalidValue(
                f"{name}={more[name]!r} is not an option of a simulation; there are "
                f"{', '.join(SimulationOptions.__dataclass_fields__)}"
            )
    return more


def _on_other_machine(placement: Placement, machine: Machine) -> Placement:
    ours = [device.name for device in placement.machine.devices]
    theirs = [device.name for device in machine.devices]
    if ours != theirs:
        raise MachineError(
            f"the placement is for {', '.join(map(short_name, ours[:8]))}, and the other machine has "
            f"{', '.join(map(short_name, theirs[:8]))}; give a machine with the same device names in the same order"
        )
    return replace(placement, machine=machine)
