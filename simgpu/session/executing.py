"""Execute a placed graph, on one of two clocks: what happened here, or what it takes on the modelled machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, get_args

from simgpu.costs import Cost, Timed
from simgpu.errors import InvalidValue, check_type
from simgpu.execution import execute as execute_here
from simgpu.execution.alone import AloneTime, execute_alone
from simgpu.machine import Machine
from simgpu.placement import Placement
from simgpu.simulation import SimulationOptions, simulate
from simgpu.storage import Storage, storage_named
from simgpu.trace import Trace

Clock = Literal["real", "virtual"]
CLOCKS: tuple[Clock, ...] = get_args(Clock)


def execute(
    placement: Placement,
    feeds: Mapping[str, Any] | None = None,
    *,
    storage: str | Storage = "numpy",
    clock: Clock = "real",
    follow: Trace | None = None,
    machine: Machine | str | None = None,
    options: SimulationOptions | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, Any], Trace]:
    """Run a placed graph, and return the fetched tensors by name, and the trace.

    With the clock `real`, the trace tells what happened here, with everything sharing this computer or card. Each
    device takes its operations as they become ready; with `follow`, exactly in the order of another trace of the same
    program, so that every ledger sees the same events. On `shape` storage feeds are not needed, and results are shapes.

    With the clock `virtual`, each operation runs for real, alone and timed, and the trace tells what the run takes with
    these times on the machine of the placement, or on another `machine`: separate devices, joined by the links named
    there. `options` are those of the simulation that puts it together.

    Raises OutOfDeviceMemory where a cap is reached, ExecutionError where an operation fails; either way nothing goes on
    running and every ledger is empty. InvalidValue for options that the clock does not know.
    """
    if clock == "real":
        if machine is not None or options is not None:
            given = "machine" if machine is not None else "options"
            raise InvalidValue(f"{given} is for clock='virtual'; on the clock 'real' there is no model")
        return execute_here(placement, feeds, storage=storage, follow=follow, on_progress=on_progress)
    if clock != "virtual":
        raise InvalidValue(f"clock={clock!r} is not a clock; choose one of {', '.join(CLOCKS)}")
    if follow is not None:
        raise InvalidValue("follow is for clock='real'; on the clock 'virtual' operations run one by one")
    check_type(placement, Placement, "placement", "a Placement; give what `place` returns")
    store = storage_named(storage)
    outputs, times, card_use = execute_alone(placement, feeds, store, on_progress)
    costs = Timed({name: _cost(time) for name, time in times.items()})
    composed = simulate(placement, machine=machine, costs=costs, options=options)
    return outputs, replace(composed, engine="execute", clock="virtual", card_use=card_use)


def _cost(time: AloneTime) -> Cost:
    return Cost(time.compute_ps, launch_ps=time.launch_ps)
