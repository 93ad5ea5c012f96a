"""A model named on the command line, and the machine for it: what kind of file it is, and what goes with that kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simgpu.errors import InvalidValue
from simgpu.machine import Machine
from simgpu.readers import SCHEDULES, read_partitioning
from simgpu.scenario import Model, OnnxModel, PartitioningModel, PipedreamModel, Scenario

_OPTIONS = {
    "an ONNX model": ("batch", "weights"),
    "a profile": ("stages", "microbatches", "schedule"),
    "a workload": ("split",),
}
"""The kinds of model, and the options that go with each."""

_CHOICES = {"weights": ("given", "random"), "schedule": tuple(SCHEDULES)}


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model and a machine as they are named on the command line, and the options that were given.

    `options` are about the model, and `changes` replace what a scenario says; None was not given.
    """

    model: str
    machine: str | None
    options: Mapping[str, Any]
    changes: Mapping[str, Any]


def chosen_scenario(choice: ModelChoice) -> Scenario:
    """Return the scenario of a model and a machine, without the changes."""
    kind = _kind(choice.model)
    given = {name: value for name, value in choice.options.items() if value is not None}
    for name, value in given.items():
        if name not in _OPTIONS[kind]:
            raise InvalidValue(f"--{name} does not go with {kind}, and {choice.model} is one; leave it out")
        if value not in _CHOICES.get(name, (value,)):
            raise InvalidValue(f"--{name} {value!r} is not one of {', '.join(_CHOICES[name])}")
    source = _source(choice.model, kind, given)
    machine = _machine(choice, source)
    named = f"{choice.model} on {choice.machine}" if choice.machine else choice.model
    return Scenario(machine, source, name=named)


def _kind(model: str) -> str:
    suffix = model.lower().rpartition(".")[2]
    return {"txt": "a profile", "json": "a workload"}.get(suffix, "an ONNX model")


def _source(model: str, kind: str, given: Mapping[str, Any]) -> Model:
    match kind:
        case "a profile":
            return PipedreamModel(model, **given)
        case "a workload":
            return PartitioningModel(model, **given)
    return OnnxModel(model, given.get("batch"), given.get("weights", "random"))


def _machine(choice: ModelChoice, source: Model) -> Machine:
    if choice.machine is not None:
        return Machine(choice.machine)
    if isinstance(source, PartitioningModel):
        return read_partitioning(source.path, split=source.split).machine
    raise InvalidValue(f"on which machine is {choice.model} to run? name one: --machine t4")
