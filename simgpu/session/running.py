"""Run a scenario.

The simulation comes first, and the execution follows its order on every device. So the ledgers can be compared event by
event, and an out-of-memory of one engine must be that of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from simgpu.costs import Measured
from simgpu.errors import ExecutionError, InvalidValue, OutOfDeviceMemory, PlacementError, check_type
from simgpu.graph import Graph
from simgpu.placement import Placement, Rule, place
from simgpu.readers import pipeline, read_onnx, read_partitioning, read_pipedream, read_profile
from simgpu.scenario import (
    InlineGraph,
    OnnxModel,
    PartitioningModel,
    PipedreamModel,
    Scenario,
    Simulation,
    located,
)
from simgpu.session.computer import most_bytes, needed_bytes
from simgpu.session.executing import execute
from simgpu.session.feeds import feeds_that_fit
from simgpu.session.result import Engine, RunResult
from simgpu.simulation import simulate
from simgpu.storage import available_host_bytes
from simgpu.trace import Agreement, Trace, compare
from simgpu.units import short_size

ENGINES: tuple[Engine, ...] = ("both", "execute", "simulate")
OnProgress = Callable[[str, int, int], None]
"""(what is being done, steps done, steps in all)"""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one engine gave."""

    trace: Trace
    outputs: Mapping[str, Any] = field(default_factory=dict)
    shortage: OutOfDeviceMemory | None = None


def run(scenario: Scenario, *, engine: Engine = "both", on_progress: OnProgress | None = None) -> RunResult:
    """Run a scenario on one engine or both.

    Running out of device memory is a result, not an error: see `RunResult.shortage`. What this computer has too little
    memory for is not executed: if the simulation ran out of memory, that is the result; else ExecutionError. Raises
    whatever reading, placing and running raise otherwise.
    """
    check_type(scenario, Scenario, "scenario", "a Scenario; give what `load_scenario` returns")
    check_type(
        on_progress,
        Callable | None,
        "on_progress",
        "a function of what is done, steps done, and all steps",
    )
    if engine not in ENGINES:
        raise InvalidValue(f"engine={engine!r} is not an engine; choose one of {', '.join(ENGINES)}")
    placement, is_virtual = place_scenario(scenario), scenario.execution.clock == "virtual"
    predicted = executed = None
    not_executed = ""
    if engine != "execute":
        predicted = _simulate(scenario, placement, _stage(on_progress, "simulate"))
    if engine != "simulate":
        not_executed = _what_does_not_fit(scenario, placement, predicted)
        if not not_executed:
            executed = _execute(scenario, placement, predicted, _stage(on_progress, "execute"))
        elif predicted is None or (predicted.shortage is None and _can_be_followed(predicted.trace)):
            raise ExecutionError(f"{not_executed}; use storage: shape, which holds no bytes, or lower the batch")
    return RunResult(
        scenario=scenario,
        graph=placement.graph,
        placement=placement,
        predicted=predicted.trace if predicted else None,
        executed=executed.trace if executed else None,
        outputs=executed.outputs if executed else {},
        predicted_shortage=predicted.shortage if predicted else None,
        executed_shortage=executed.shortage if executed else None,
        agreement=_compare(predicted, executed) if predicted and executed and not is_virtual else None,
        not_executed=not_executed,
    )


def _what_does_not_fit(scenario: Scenario, placement: Placement, predicted: _Outcome | None) -> str:
    """Say why nothing can be executed; empty if it fits on this computer, or holds no bytes, or nobody can tell."""
    if predicted is not None and not _can_be_followed(predicted.trace):
        return "the simulation moved tensors or operations during the run, which an execution cannot follow"
    available = available_host_bytes() if scenario.execution.storage == "numpy" else None
    if available is None:
        return ""
    if predicted is None:
        if most_bytes(placement) <= available:
            return ""
        predicted = _simulate(replace(scenario, simulation=Simulation()), placement, None)
    needed = needed_bytes(placement, predicted.trace, is_complete=predicted.shortage is None)
    if needed <= available:
        return ""
    return (
        f"an execution needs about {short_size(needed)} of this computer's memory, and {short_size(available)} of it "
        "are available"
    )


def _can_be_followed(trace: Trace) -> bool:
    """Tell whether a run did what its program says, and no more: nothing spilled, nothing taken over."""
    return len(trace.actions) >= 2 * sum(span.kind != "launch" for span in trace.spans)


def _compare(predicted: _Outcome, executed: _Outcome) -> Agreement:
    """Compare the traces, and the figures of the allocations that were refused, if any were."""
    agreement = compare(predicted.trace, executed.trace)
    figures = [outcome.shortage and outcome.shortage.shortage for outcome in (predicted, executed)]
    if agreement and figures[0] != figures[1]:
        told = [f"{it.owner} on {it.device}" if it else "nothing" for it in figures]
        return replace(agreement, difference=f"simulate ran out of memory for {told[0]}, execute for {told[1]}")
    return agreement


def place_scenario(scenario: Scenario) -> Placement:
    """Read the work of a scenario and place it. A PlacementError names the place in the scenario's file, if any."""
    options, graph = scenario.placement, read_graph(scenario)
    try:
        return place(
            graph,
            scenario.machine,
            policy=options.policy,
            kernels=options.kernels,
            soft=options.soft,
            rules=[Rule(match, device) for match, device in options.rules],
        )
    except PlacementError as error:
        if scenario.document is None:
            raise
        raise located(error, scenario, scenario.document) from error


def read_graph(scenario: Scenario) -> Graph:
    """Return the work of a scenario as a graph."""
    seed = scenario.seed
    match scenario.model:
        case InlineGraph() as inline:
            return inline.build(seed)
        case OnnxModel() as it:
            return read_onnx(it.onnx, batch=it.batch, weights=it.weights, seed=seed, shapes=it.shapes)
        case PartitioningModel() as it:
            return read_partitioning(it.path, split=it.split).graph
        case PipedreamModel() as it:
            return _profiled(it)


def _profiled(model: PipedreamModel) -> Graph:
    if model.stages is None and model.microbatches is None:
        return read_pipedream(model.path, training=model.schedule != "forward")
    stages, microbatches = (1 if given is None else given for given in (model.stages, model.microbatches))
    return pipeline(read_profile(model.path), stages=stages, microbatches=microbatches, schedule=model.schedule)


def _simulate(scenario: Scenario, placement: Placement, on_progress: Callable[[int, int], None] | None) -> _Outcome:
    chosen = scenario.simulation
    options = replace(chosen.options, seed=scenario.seed)
    try:
        trace = simulate(
            placement,
            machine=chosen.machine,
            costs=chosen.costs if chosen.calibration is None else Measured(chosen.calibration),
            options=options,
            on_progress=on_progress,
        )
    except OutOfDeviceMemory as error:
        return _Outcome(_trace_of(error), shortage=error)
    return _Outcome(trace)


def _execute(
    scenario: Scenario,
    placement: Placement,
    predicted: _Outcome | None,
    on_progress: Callable[[int, int], None] | None,
) -> _Outcome:
    """Execute in the order of the prediction, unless that ended early on a machine with other limits.

    On the virtual clock, operations run one by one, and are put together on the simulated machine.
    """
    storage, clock = scenario.execution.storage, scenario.execution.clock
    if clock == "virtual":
        return _execute_virtually(scenario, placement, on_progress)
    is_early_end = predicted is not None and predicted.shortage is not None and scenario.simulation.machine is not None
    follow = None if predicted is None or is_early_end else predicted.trace
    feeds = {} if storage == "shape" else feeds_that_fit(placement, scenario.seed)
    try:
        outputs, trace = execute(placement, feeds, storage=storage, follow=follow, on_progress=on_progress)
    except OutOfDeviceMemory as error:
        return _Outcome(_trace_of(error), shortage=error)
    return _Outcome(trace, outputs)


def _execute_virtually(
    scenario: Scenario, placement: Placement, on_progress: Callable[[int, int], None] | None
) -> _Outcome:
    chosen = scenario.simulation
    storage = scenario.execution.storage
    try:
        outputs, trace = execute(
            placement,
            {} if storage == "shape" else feeds_that_fit(placement, scenario.seed),
            storage=storage,
            clock="virtual",
            machine=chosen.machine,
            options=replace(chosen.options, seed=scenario.seed),
            on_progress=on_progress,
        )
    except OutOfDeviceMemory as error:
        return _Outcome(_trace_of(error), shortage=error)
    return _Outcome(trace, outputs)


def _trace_of(error: OutOfDeviceMemory) -> Trace:
    assert isinstance(error.trace, Trace), "engines attach the trace to an OutOfDeviceMemory"
    return error.trace


def _stage(on_progress: OnProgress | None, stage: str) -> Callable[[int, int], None] | None:
    if on_progress is None:
        return None
    return lambda done, total: on_progress(stage, done, total)
