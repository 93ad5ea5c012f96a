"""What the commands do once their options are known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from simgpu.calibration import read_calibration
from simgpu.cli.console import progress, show
from simgpu.cli.models import ModelChoice, chosen_scenario
from simgpu.cli.words import words_of_the_command_line
from simgpu.environment import visibility_note, visible_machine
from simgpu.errors import InvalidValue, MachineError, OutOfDeviceMemory, PlacementError
from simgpu.report import placement_json, placement_report, result_json, run_report, trace_path, write_chrome_trace
from simgpu.scenario import Scenario, load_scenario
from simgpu.scenario.schema import LARGEST_SEED
from simgpu.session import Engine, RunResult, place_scenario
from simgpu.session import run as run_engines

_PARTS = {
    "soft": ("placement",),
    "kernels": ("placement",),
    "storage": ("execution",),
    "links": ("simulation", "options"),
    "calibration": ("simulation",),
}
"""Option -> the parts of a scenario that lead to it."""
_SCENARIO_SUFFIXES = (".yaml", ".yml")
DISAGREEMENT = 1


@dataclass(frozen=True, slots=True)
class Output:
    """What a command gives: JSON or tables, a trace file, and every decision and metric or only their summary."""

    json: bool = False
    trace: str | None = None
    decisions: bool = False
    metrics: bool = False


def run_file(path: str, engine: str, changes: Mapping[str, Any], output: Output) -> int:
    """Run a scenario file, changed by the options that were given, and return the exit status."""
    with words_of_the_command_line(of_a_scenario=True):
        _refuse_model(path)
        scenario = seen_from_here(changed(load_scenario(path), changes))
        return _run_scenario(scenario if scenario.name else replace(scenario, name=path), engine, output)


def simulate_model(choice: ModelChoice, output: Output) -> int:
    """Simulate a model on a machine, and return the exit status."""
    with words_of_the_command_line(of_a_scenario=False):
        return _run_scenario(model_scenario(choice, "simgpu run {}"), "simulate", output)


def place_model(choice: ModelChoice, output: Output) -> None:
    """Place a model on a machine, and show where everything is."""
    with words_of_the_command_line(of_a_scenario=False):
        scenario = model_scenario(choice, "simgpu run {} --engine simulate --placement")
        with _hint_at_hidden_gpus(scenario):
            placement = place_scenario(scenario)
        if output.json:
            _print_json(placement_json(scenario, placement, decisions=output.decisions))
        else:
            show(placement_report(scenario, placement, decisions=output.decisions))


def model_scenario(choice: ModelChoice, instead: str) -> Scenario:
    """Return the scenario of a model and a machine. `instead` is the command for a scenario file in their place."""
    if choice.model.lower().endswith(_SCENARIO_SUFFIXES):
        raise InvalidValue(f"{choice.model} is a scenario, not a model; run it: {instead.format(choice.model)}")
    return seen_from_here(changed(chosen_scenario(choice), choice.changes))


def changed(scenario: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """Return a scenario with options replaced; None leaves what it says."""
    for option, value in changes.items():
        if value is None:
            continue
        if option == "calibration":
            value = read_calibration(value)
        scenario = _with(scenario, (*_PARTS.get(option, ()), option), value)
    if scenario.seed < 0:
        raise InvalidValue(f"--seed {scenario.seed} is negative; a seed is 0 or more")
    if scenario.seed > LARGEST_SEED:
        raise InvalidValue(f"--seed is more than {LARGEST_SEED}, the largest seed")
    return scenario


def _with(record: Any, path: Sequence[str], value: Any) -> Any:
    """Return a record in which something deep inside is another."""
    name, *rest = path
    return replace(record, **{name: _with(getattr(record, name), rest, value) if rest else value})


def seen_from_here(scenario: Scenario) -> Scenario:
    """Return a scenario with its machines as the CUDA variables of this process leave them."""
    machine = visible_machine(scenario.machine)
    note = visibility_note(scenario.machine, machine)
    options = scenario.simulation
    if options.machine is not None:
        seen = visible_machine(options.machine)
        note = note or visibility_note(options.machine, seen)
        options = replace(options, machine=seen)
    return replace(scenario, machine=machine, simulation=options, environment=note)


def _refuse_model(path: str) -> None:
    """Refuse a model in the place of a scenario, and say which command takes it."""
    if path.lower().endswith((".onnx", ".txt")):
        raise InvalidValue(
            f"{path} is a model, not a scenario; name a machine too: simgpu simulate {path} --machine t4"
        )


def _run_scenario(scenario: Scenario, engine: str, output: Output) -> int:
    """Run a scenario, report, and return the exit status. Raises OutOfDeviceMemory after the report."""
    if output.trace is not None:
        trace_path(output.trace)
    with _hint_at_hidden_gpus(scenario), progress() as on_progress:
        result = run_engines(scenario, engine=cast(Engine, engine), on_progress=on_progress)
    failure = _write_trace(result, output.trace)
    _report(result, output)
    if failure is not None:
        raise failure
    if result.shortage is not None:
        raise _shortage(result, result.shortage)
    return 0 if result.is_success else DISAGREEMENT


@contextmanager
def _hint_at_hidden_gpus(scenario: Scenario) -> Iterator[None]:
    """Add to a refusal of devices that the environment has hidden or renumbered some."""
    try:
        yield
    except (MachineError, PlacementError) as error:
        if scenario.environment:
            error.add_note(scenario.environment)
        raise


def _write_trace(result: RunResult, path: str | None) -> InvalidValue | None:
    """Write the trace file if one is wanted. A failure is for later: the report must not be lost with it."""
    if path is None:
        return None
    try:
        write_chrome_trace(path, *(trace for trace in (result.predicted, result.executed) if trace is not None))
    except InvalidValue as error:
        return error
    return None


def _shortage(result: RunResult, error: OutOfDeviceMemory) -> OutOfDeviceMemory:
    """Return the error, which says so if only the simulation ran out of memory where both engines were asked for."""
    if result.shortage_engine == "simulate" and (result.executed is not None or result.not_executed):
        return OutOfDeviceMemory(f"in the simulation, {error}", error.shortage)
    return error


def _report(result: RunResult, output: Output) -> None:
    if output.json:
        _print_json(result_json(result, decisions=output.decisions, metrics=output.metrics))
    else:
        show(run_report(result, decisions=output.decisions, metrics=output.metrics))


def _print_json(data: Mapping[str, Any]) -> None:
    print(json.dumps(data, indent=2, allow_nan=False))
