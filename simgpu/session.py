"""One scenario through both engines: read, place, simulate, execute, compare.

The simulation comes first, and the execution follows its order on every device. So the ledgers can be compared event by
event, and an out-of-memory of one engine must be that of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simgpu.errors import ExecutionError, InvalidValue, OutOfDeviceMemory
from simgpu.execution import execute
from simgpu.graph import Graph, Operation, TensorSpec
from simgpu.kernels import array_dtype
from simgpu.placement import Placement, place
from simgpu.readers import read_onnx
from simgpu.scenario import InlineGraph, Scenario
from simgpu.simulation import simulate
from simgpu.trace import Agreement, Trace, compare

Engine = Literal["both", "execute", "simulate"]
ENGINES: tuple[Engine, ...] = ("both", "execute", "simulate")
OnProgress = Callable[[str, int, int], None]
"""(what is being done, steps done, steps in all)"""

_FEEDS = 1  # second entry of the seed of an input's values; the third is the number of its operation


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a scenario. A trace is None if its engine did not run.

    If memory ran out, `shortage` is the error, the traces end there, and there are no outputs. `agreement` compares the
    engines if both ran. `outputs` are arrays by name; shapes on `shape` storage.
    """

    scenario: Scenario
    graph: Graph
    placement: Placement
    predicted: Trace | None = None
    executed: Trace | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    shortage: OutOfDeviceMemory | None = None
    agreement: Agreement | None = None

    @property
    def is_success(self) -> bool:
        """True if nothing ran out of memory and the engines, if both ran, agree."""
        return self.shortage is None and (self.agreement is None or bool(self.agreement))


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one engine gave."""

    trace: Trace
    outputs: Mapping[str, Any] = field(default_factory=dict)
    shortage: OutOfDeviceMemory | None = None


def run(scenario: Scenario, *, engine: Engine = "both", on_progress: OnProgress | None = None) -> RunResult:
    """Run a scenario on one engine or both.

    Running out of device memory is a result, not an error: see `RunResult.shortage`. Raises whatever reading, placing
    and running raise otherwise.
    """
    if engine not in ENGINES:
        raise InvalidValue(f"engine={engine!r} is not an engine; choose one of {', '.join(ENGINES)}")
    placement = place_scenario(scenario)
    predicted = executed = None
    if engine != "execute":
        predicted = _simulate(scenario, placement, _stage(on_progress, "simulate"))
    if engine != "simulate":
        executed = _execute(scenario, placement, predicted, _stage(on_progress, "execute"))
    last = executed or predicted
    return RunResult(
        scenario=scenario,
        graph=placement.graph,
        placement=placement,
        predicted=predicted.trace if predicted else None,
        executed=executed.trace if executed else None,
        outputs=executed.outputs if executed else {},
        shortage=last.shortage if last else None,
        agreement=_compare(predicted, executed) if predicted and executed else None,
    )


def _compare(predicted: _Outcome, executed: _Outcome) -> Agreement:
    """Compare the traces, and the figures of the allocations that were refused, if any were."""
    agreement = compare(predicted.trace, executed.trace)
    figures = [outcome.shortage and outcome.shortage.shortage for outcome in (predicted, executed)]
    if agreement and figures[0] != figures[1]:
        told = [f"{it.owner} on {it.device}" if it else "nothing" for it in figures]
        return replace(agreement, difference=f"simulate ran out of memory for {told[0]}, execute for {told[1]}")
    return agreement


def place_scenario(scenario: Scenario) -> Placement:
    """Read the work of a scenario and place it."""
    options = scenario.placement
    return place(
        read_graph(scenario),
        scenario.machine,
        policy=options.policy,
        kernels=options.kernels,
        soft=options.soft,
        rules=[{"match": match, "device": device} for match, device in options.rules],
    )


def read_graph(scenario: Scenario) -> Graph:
    """Return the work of a scenario as a graph."""
    model = scenario.model
    if isinstance(model, InlineGraph):
        return model.build(scenario.seed)
    return read_onnx(model.onnx, batch=model.batch, weights=model.weights, seed=scenario.seed, shapes=model.shapes)


def make_feeds(graph: Graph, seed: int) -> dict[str, NDArray[Any]]:
    """Return values for every input: standard normal for floats, 0 for everything else.

    The values of an input depend on the seed and on the number of its operation alone.
    """
    return {input.name: _values(input, seed) for input in graph if input.type == "Input"}


def _feeds(placement: Placement, seed: int) -> dict[str, NDArray[Any]]:
    """Return values for every input that its device can hold; in place of a larger one, zeros without memory."""
    feeds = {}
    for input in placement.graph:
        if input.type == "Input":
            device = placement.machine.devices[placement.memory_device(input.outputs[0])]
            fits = input.output_specs[0].nbytes <= device.memory_limit_bytes
            feeds[input.name] = _values(input, seed) if fits else _zeros_without_memory(input.output_specs[0])
    return feeds


def _zeros_without_memory(spec: TensorSpec) -> NDArray[Any]:
    return np.broadcast_to(np.zeros((), array_dtype(spec.dtype)), spec.shape)


def _values(input: Operation, seed: int) -> NDArray[Any]:
    spec = input.output_specs[0]
    dtype = array_dtype(spec.dtype)
    try:
        if not spec.dtype.startswith(("float", "bfloat")):
            return np.zeros(spec.shape, dtype)
        generator = np.random.default_rng(np.random.SeedSequence((seed, _FEEDS, input.index)))
        return generator.standard_normal(spec.shape, np.float32).astype(dtype, copy=False)
    except (MemoryError, ValueError) as error:  # NumPy's words for more than this machine has, or can address
        reason = f"an input of {spec} cannot be made on this machine ({error}); lower the batch, or use storage: shape"
        raise ExecutionError(reason) from error


def _simulate(scenario: Scenario, placement: Placement, on_progress: Callable[[int, int], None] | None) -> _Outcome:
    options = scenario.simulation
    try:
        trace = simulate(
            placement, machine=options.machine, costs=options.costs, links=options.links, on_progress=on_progress
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
    """Execute in the order of the prediction, unless that ended early on a machine with other limits."""
    storage = scenario.execution.storage
    is_early_end = predicted is not None and predicted.shortage is not None and scenario.simulation.machine is not None
    follow = None if predicted is None or is_early_end else predicted.trace
    feeds = {} if storage == "shape" else _feeds(placement, scenario.seed)
    try:
        outputs, trace = execute(placement, feeds, storage=storage, follow=follow, on_progress=on_progress)
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
