"""What the commands do once their options are known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from simgpu.cli.console import progress, show
from simgpu.environment import visible_machine
from simgpu.errors import InvalidValue
from simgpu.machine import Machine
from simgpu.report import placement_json, placement_report, result_json, run_report, write_chrome_trace
from simgpu.scenario import OnnxModel, Scenario, load_scenario
from simgpu.session import Engine, RunResult, place_scenario
from simgpu.session import run as run_engines

_PARTS = {"soft": "placement", "kernels": "placement", "storage": "execution", "links": "simulation"}
DISAGREEMENT = 1


@dataclass(frozen=True, slots=True)
class Output:
    """What a command gives: JSON or tables, a trace file, and every decision or only their summary."""

    json: bool = False
    trace: str | None = None
    decisions: bool = False


def run_file(path: str, engine: str, changes: Mapping[str, Any], output: Output) -> int:
    """Run a scenario file, changed by the options that were given, and return the exit status."""
    scenario = changed(load_scenario(path), changes)
    scenario = replace(scenario, machine=visible_machine(scenario.machine))
    return run_scenario(scenario if scenario.name else replace(scenario, name=path), engine, output)


def run_scenario(scenario: Scenario, engine: str, output: Output) -> int:
    """Run a scenario, report, and return the exit status. Raises OutOfDeviceMemory after the report."""
    with progress() as on_progress:
        result = run_engines(scenario, engine=cast(Engine, engine), on_progress=on_progress)
    _report(result, output)
    if result.shortage is not None:
        raise result.shortage
    return 0 if result.is_success else DISAGREEMENT


def show_placement(scenario: Scenario, output: Output) -> None:
    """Place a scenario and show where everything is."""
    placement = place_scenario(scenario)
    if output.json:
        _print_json(placement_json(scenario, placement, decisions=output.decisions))
    else:
        show(placement_report(scenario, placement, decisions=output.decisions))


def model_scenario(
    model: str, machine: str, *, batch: int | None, weights: str, changes: Mapping[str, Any]
) -> Scenario:
    """Return the scenario of a model and a machine that are named on the command line."""
    if weights not in ("given", "random"):
        raise InvalidValue(f"--weights {weights!r} is not one of given, random")
    source = OnnxModel(model, batch, cast(Any, weights))
    return changed(Scenario(visible_machine(Machine(machine)), source, name=f"{model} on {machine}"), changes)


def changed(scenario: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """Return a scenario with options replaced; None leaves what it says."""
    for option, value in changes.items():
        if value is None:
            continue
        part = _PARTS.get(option)
        scenario = replace(
            scenario, **{part: replace(getattr(scenario, part), **{option: value})} if part else {option: value}
        )
    if scenario.seed < 0:
        raise InvalidValue(f"--seed {scenario.seed} is negative; a seed is 0 or more")
    return scenario


def _report(result: RunResult, output: Output) -> None:
    if output.trace is not None:
        traces = [trace for trace in (result.predicted, result.executed) if trace is not None]
        write_chrome_trace(output.trace, *traces)
    if output.json:
        _print_json(result_json(result, decisions=output.decisions))
    else:
        show(run_report(result, decisions=output.decisions))


def _print_json(data: Mapping[str, Any]) -> None:
    print(json.dumps(data, indent=2, allow_nan=False))
