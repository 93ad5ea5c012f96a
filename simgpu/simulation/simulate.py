"""Simulate a placed graph on a machine.

Ties are broken by time, then by the number of the task, which follows the order of the graph's operations. At each
instant, everything that ends then ends first; then what may start does. `workload` says it in full.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from simgpu.costs import CostModel, Given, Roofline
from simgpu.errors import InvalidValue, MachineError
from simgpu.machine import Machine
from simgpu.placement import Placement
from simgpu.program import lower
from simgpu.simulation.assembling import Assembly
from simgpu.simulation.disciplines import DISCIPLINES, Discipline
from simgpu.simulation.hardware import Hardware
from simgpu.simulation.running import EngineChoice, run
from simgpu.simulation.tracing import trace_of
from simgpu.simulation.workload import LaunchMode, LinkPolicyName
from simgpu.trace import Trace

OnProgress = Callable[[int, int], None]
"""(tasks done, tasks in all)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationOptions:
    """What a model of the hardware assumes.

    `links`: `fair` or `fifo`. `launch`: with `async`, the host launches an operation as soon as what it waits for on
    the same GPU has been launched; with `sync`, when its inputs are there. `streams`: how many operations a GPU may
    compute at a time; those with the attribute `stream` choose theirs, the others take stream 0. `discipline`: one of
    DISCIPLINES, or a function. `copy_engines`: whether a card's engines limit how many transfers it has at a time.
    `engine`: `simpy`, `compiled`, or `auto` for the faster one that can do what is asked.
    """

    links: LinkPolicyName = "fair"
    launch: LaunchMode = "async"
    streams: int = 1
    discipline: str | Discipline = "fifo"
    copy_engines: bool = True
    engine: EngineChoice = "auto"

    def __post_init__(self) -> None:
        _one_of("links", self.links, get_args(LinkPolicyName), "a link policy")
        _one_of("launch", self.launch, get_args(LaunchMode), "a mode of launching")
        _one_of("engine", self.engine, get_args(EngineChoice), "an engine")
        if isinstance(self.discipline, str):
            _one_of("discipline", self.discipline, DISCIPLINES, "a discipline")
        if type(self.streams) is not int or not 1 <= self.streams <= 1024:
            raise InvalidValue(f"streams={self.streams!r} is not a number of streams; give an int from 1 to 1024")


def simulate(
    placement: Placement,
    *,
    machine: Machine | None = None,
    costs: CostModel | Literal["roofline"] = "roofline",
    options: SimulationOptions | None = None,
    on_progress: OnProgress | None = None,
    **more: Any,
) -> Trace:
    """Predict a run of a placed graph, on its own machine or on another that has devices of the same names.

    Options may be given one by one, too: `simulate(placement, links="fifo")`. Durations given in the graph win over
    `costs`. Raises OutOfDeviceMemory, with the trace until then, where a run would; MachineError if the other machine
    has other devices; DeadlockError if operations wait for ever.
    """
    options = replace(options or SimulationOptions(), **_known(more))
    if isinstance(costs, str) and costs != "roofline":
        raise InvalidValue(f"costs={costs!r} is not a cost model; choose 'roofline', or give an object with `cost`")
    if machine is not None:
        placement = _moved(placement, machine)
    model = Roofline(placement.machine) if isinstance(costs, str) else costs
    program = lower(placement)
    hardware = Hardware(placement.machine, streams=options.streams, copy_engines=options.copy_engines)
    discipline = DISCIPLINES[options.discipline] if isinstance(options.discipline, str) else options.discipline
    workload = Assembly(program, Given(model), hardware, discipline, options.streams).workload()
    timeline = run(workload, links=options.links, launch=options.launch, engine=options.engine, on_progress=on_progress)
    return trace_of(program, timeline)


def _known(more: dict[str, Any]) -> dict[str, Any]:
    for name in more:
        if name not in SimulationOptions.__dataclass_fields__:
            raise InvalidValue(
                f"{name}={more[name]!r} is not an option of a simulation; there are "
                f"{', '.join(SimulationOptions.__dataclass_fields__)}"
            )
    return more


def _moved(placement: Placement, machine: Machine) -> Placement:
    ours = [device.name for device in placement.machine.devices]
    theirs = [device.name for device in machine.devices]
    if ours != theirs:
        raise MachineError(
            f"the placement is for {', '.join(ours[:8])} and the other machine has {', '.join(theirs[:8])}; "
            "give a machine with the same device names in the same order"
        )
    return replace(placement, machine=machine)


def _one_of(name: str, value: Any, choices: Any, what: str) -> None:
    if value not in choices:
        raise InvalidValue(f"{name}={value!r} is not {what}; choose one of {', '.join(choices)}")
