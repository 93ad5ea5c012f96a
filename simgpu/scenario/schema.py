"""The keys of a scenario file and what each may hold; and problems in the words of the file's author.

Values are checked strictly: nothing is converted, and a key that is not known is refused. What the text of a value
means (a machine, a device, a model) is for others to say.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from simgpu.machine.refusal import Path, did_you_mean, show

LARGEST_SEED = 2**63 - 1

Name = Annotated[str, Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Dim = Annotated[int, Field(ge=0, le=2**40)]


class _Section(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class ModelSection(_Section):
    """`model`: one file, relative to the scenario, or the name of a light model; and what goes with its kind."""

    onnx: Name | None = None
    batch: Annotated[int, Field(ge=1, le=2**20)] | None = None
    weights: Literal["given", "random"] = "given"
    shapes: dict[str, list[Dim]] = {}
    pipedream: Name | None = None
    stages: Annotated[int, Field(ge=1, le=2**12)] | None = None
    microbatches: Annotated[int, Field(ge=1, le=2**16)] | None = None
    schedule: Literal["forward", "gpipe", "1f1b"] = "1f1b"
    partitioning: Name | None = None
    split: Name | None = None


class OperationSection(_Section):
    """`graph.operations[i]`: one operation. `shape`, `dtype` and `fill` are for Input and Variable."""

    name: Name
    op: Name
    inputs: list[Name] = []
    device: str = ""
    after: list[Name] = []
    colocate_with: list[Name] = []
    attributes: dict[str, Any] = {}
    shape: list[Dim] | None = None
    dtype: str = "float32"
    fill: float | None = None
    duration: str | None = None


class GraphSection(_Section):
    """`graph`: a small graph written out."""

    operations: Annotated[list[OperationSection], Field(min_length=1)]
    fetch: list[Name] = []


class RuleSection(_Section):
    """`placement.rules[i]`: a request for every operation whose name matches."""

    match: Name
    device: str


class PlacementSection(_Section):
    """`placement`: how operations are given devices."""

    policy: Name = "tensorflow"
    kernels: Name = "float-only"
    soft: bool = True
    rules: list[RuleSection] = []


class PerturbationSection(_Section):
    """`simulation.perturbations[i]`: exactly one of the first four keys, and those that go with it."""

    slow: Name | None = None
    link: Name | None = None
    flaky: Name | None = None
    fails: Name | None = None
    factor: float | None = None
    spread: float | None = None
    distribution: Name | None = None
    at: Name | None = None
    bandwidth: Name | None = None
    well: Name | None = None
    ill: Name | None = None
    until: Name | None = None
    then: Name | None = None


class SimulationSection(_Section):
    """`simulation`: what the model assumes. `machine` is another one, with devices of the same names."""

    links: Name = "fair"
    launch: Name = "async"
    launchers: Name = "device"
    streams: Annotated[int, Field(ge=1, le=1024)] = 1
    discipline: Name = "fifo"
    copy_engines: bool = True
    on_oom: Name = "raise"
    engine: Name = "auto"
    perturbations: list[PerturbationSection] = []
    costs: Literal["roofline"] = "roofline"
    calibration: Name | None = None
    machine: Any = None


class ExecutionSection(_Section):
    """`execution`: where bytes live, and what its times mean."""

    storage: Literal["numpy", "cupy", "shape"] = "numpy"
    clock: Literal["real", "virtual"] = "real"


class ScenarioSection(_Section):
    """The whole file. `machine` is one line, or a mapping that `Machine` reads; `model` or `graph` is the work.

    Without `machine`, it is the one that the model describes.
    """

    machine: Any
    name: str = ""
    description: str = ""
    model: ModelSection | None = None
    graph: GraphSection | None = None
    placement: PlacementSection = PlacementSection()
    simulation: SimulationSection = SimulationSection()
    execution: ExecutionSection = ExecutionSection()
    seed: Seed = 0


class Problem(NamedTuple):
    """What is wrong with a file, and where: at the key itself or at its value."""

    path: Path
    reason: str
    is_key: bool = False


class Refused(Exception):
    """A problem that was found while the parts of a scenario were made."""

    def __init__(self, path: Path, reason: str, *, is_key: bool = False) -> None:
        super().__init__(reason)
        self.problem = Problem(path, reason, is_key)


def check(value: object) -> ScenarioSection | list[Problem]:
    """Return the file as a model, or everything that is wrong with it, in the order of the schema."""
    if not isinstance(value, dict):
        return [Problem((), f"a scenario is a mapping with the keys {_keys(ScenarioSection)}, not {_say(value)}")]
    if _describes_machine(value.get("model")):
        value = {"machine": None, **value}
    try:
        return ScenarioSection.model_validate(value)
    except ValidationError as error:
        return [_problem(details) for details in error.errors(include_url=False)]


def _describes_machine(model: object) -> bool:
    """Tell whether a model says for which machine it is, so that none need be named."""
    return isinstance(model, dict) and "partitioning" in model


def _problem(details: ErrorDetails) -> Problem:
    path, kind, given = details["loc"], details["type"], details["input"]
    limits: Mapping[str, Any] = details.get("ctx", {})
    match kind:
        case "missing":
            return Problem(path[:-1], f"the key {path[-1]!r} is missing")
        case "extra_forbidden":
            section = _section(path[:-1])
            return Problem(
                path, f"unknown key {_say(path[-1])}; {did_you_mean(str(path[-1]), section.model_fields)}", True
            )
        case "literal_error":
            known = _choices(path)
            return Problem(path, f"{_say(given)} is not one of {', '.join(known)}; {did_you_mean(str(given), known)}")
        case "greater_than_equal" | "less_than_equal":
            bound = f"{limits['ge']} or more" if "ge" in limits else f"{limits['le']} or less"
            return Problem(path, f"must be {bound}, not {_say(given)}")
        case "too_short" | "string_too_short":
            return Problem(path, "must not be empty")
        case _:
            return Problem(path, f"must be {_WANTED.get(kind, 'something else')}, not {_say(given)}")


_WANTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping",
    "string_type": "text (put quotes around it)",
}


def _say(value: object) -> str:
    """Write a value as YAML has it, cut to a length that a message bears."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
    return show(value)


def _keys(section: type[BaseModel]) -> str:
    return ", ".join(section.model_fields)


def _section(path: Path) -> type[BaseModel]:
    """Return the section at a path of the schema."""
    found = _annotation(path)
    assert isinstance(found, type), "only sections forbid keys"
    assert issubclass(found, BaseModel), "only sections forbid keys"
    return found


def _choices(path: Path) -> list[str]:
    return [str(choice) for choice in get_args(_annotation(path))]


def _annotation(path: Path) -> Any:
    """Return the type at a path of the schema, without `| None` and without bounds."""
    found: Any = ScenarioSection
    for step in path:
        if isinstance(found, type) and issubclass(found, BaseModel):
            found = found.model_fields[str(step)].annotation
        else:
            found = get_args(found)[-1]  # the items of a list, the values of a mapping
        if get_origin(found) is types.UnionType:
            found = next(choice for choice in get_args(found) if choice is not type(None))
        if get_origin(found) is typing.Annotated:
            found = get_args(found)[0]
    return found
