"""From a scenario file to a `Scenario`: whatever can be refused before work begins is refused here, with its place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

from simgpu.calibration import read_calibration
from simgpu.costs import Calibration
from simgpu.errors import (
    CalibrationError,
    DeviceNameError,
    GraphError,
    InvalidValue,
    ModelFileError,
    ScenarioError,
    SimgpuError,
)
from simgpu.graph import ITEM_BYTES, TensorSpec
from simgpu.kernels import KERNEL_SETS, rule
from simgpu.machine import Machine, MachineKeyError
from simgpu.machine.refusal import Path, did_you_mean, show, show_path
from simgpu.naming import DeviceSpec
from simgpu.placement import POLICIES
from simgpu.readers import is_model_name, read_partitioning
from simgpu.scenario.inline import InlineGraph, InlineGraphError, InlineOperation
from simgpu.scenario.perturbing import read_perturbation
from simgpu.scenario.scenario import (
    ExecutionOptions,
    Model,
    OnnxModel,
    PartitioningModel,
    PipedreamModel,
    PlacementOptions,
    Scenario,
    Simulation,
)
from simgpu.scenario.schema import (
    GraphSection,
    ModelSection,
    OperationSection,
    PlacementSection,
    Problem,
    Refused,
    ScenarioSection,
    SimulationSection,
    check,
)
from simgpu.scenario.yaml_file import LARGEST_FILE_BYTES, Document, decode, read_yaml
from simgpu.simulation import CHOICES, SimulationOptions
from simgpu.units import parse_duration

_MOST_PROBLEMS = 3
_SOURCES = ("Input", "Variable")
_MODEL_KEYS = {
    "onnx": ("batch", "weights", "shapes"),
    "pipedream": ("stages", "microbatches", "schedule"),
    "partitioning": ("split",),
}
"""The kinds of model, and the keys that go with each."""


def load_scenario(path: str | os.PathLike[str]) -> Scenario:
    """Read a scenario file. Raises ScenarioError with file, line, column and, for a name, the nearest valid one.

    Paths inside the file are relative to it.
    """
    if not isinstance(path, str | os.PathLike) or isinstance(name := os.fspath(path), bytes):
        raise ScenarioError(f"a scenario is read from a path, not from {show(path)}; give the name of a file")
    try:
        with open(name, "rb") as file:
            data = file.read(LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
    else:
        return scenario_from_text(decode(data, name), name, folder=FilePath(name).parent)
    raise ScenarioError(f"{name}: the scenario cannot be read: {reason}")


def scenario_from_text(text: str, name: str = "<text>", *, folder: str | os.PathLike[str] = ".") -> Scenario:
    """Read a scenario from text as `load_scenario` does; errors call it `name`, and paths start at `folder`."""
    document = read_yaml(text, name)
    section = check(document.value)
    if not isinstance(section, ScenarioSection):
        raise _refusal(document, section)
    reading = _Reading(document, FilePath(folder))
    try:
        return reading.scenario(section)
    except Refused as refused:
        problem = refused.problem
    raise _refusal(document, [problem])


def _refusal(document: Document, problems: Iterable[Problem]) -> ScenarioError:
    """Return the error for all problems: the first ones in words, in the order of the file, the others counted."""
    placed = sorted((document.mark(problem.path, is_key=problem.is_key), problem) for problem in problems)
    told = [
        f"{mark.line}:{mark.column}: {show_path(path)}{': ' if path else ''}{reason}"
        for mark, (path, reason, _) in placed
    ]
    message = "; also at ".join(told[:_MOST_PROBLEMS])
    more = f"; and {len(told) - _MOST_PROBLEMS} more" if len(told) > _MOST_PROBLEMS else ""
    return ScenarioError(f"{document.name}:{message}{more}")


@dataclass(frozen=True, slots=True)
class _Reading:
    """Turns the sections of one file into the parts of a scenario."""

    document: Document
    folder: FilePath

    def scenario(self, section: ScenarioSection) -> Scenario:
        is_described = section.machine is None and section.model is not None and section.model.partitioning is not None
        given = None if is_described else self._machine(section.machine, ("machine",))
        model = self._work(section)
        machine = self._described(model) if given is None else given
        return Scenario(
            machine=machine,
            model=model,
            name=section.name,
            description=section.description,
            placement=self._placement(section.placement),
            simulation=self._simulation(section.simulation, machine),
            execution=ExecutionOptions(section.execution.storage, section.execution.clock),
            seed=section.seed,
            document=self.document,
        )

    def _machine(self, given: object, path: Path) -> Machine:
        try:
            return Machine(given)  # type: ignore[arg-type]  # it refuses what is neither text nor mapping in words
        except MachineKeyError as error:
            place, reason = (*path, *error.path), error.reason
        except SimgpuError as error:
            place, reason = path, str(error)
        raise Refused(place, reason, is_key=reason.startswith("unknown key"))

    @staticmethod
    def _described(model: Model) -> Machine:
        """Return the machine of a model that describes one."""
        assert isinstance(model, PartitioningModel), "no other model describes its machine"
        try:
            return read_partitioning(model.path, split=model.split).machine
        except ModelFileError as error:
            reason = str(error)
        raise Refused(("model", "partitioning"), reason)

    def _work(self, section: ScenarioSection) -> Model:
        if section.model is not None and section.graph is not None:
            raise Refused(("graph",), "'model' already says what the work is; give one of them", is_key=True)
        if section.model is not None:
            return self._model(section.model)
        if section.graph is not None:
            return self._graph(section.graph, section.seed)
        raise Refused((), "the key 'model' or 'graph' is missing")

    def _model(self, section: ModelSection) -> Model:
        kinds = [kind for kind in _MODEL_KEYS if getattr(section, kind) is not None]
        if not kinds:
            raise Refused(("model",), f"one of the keys {', '.join(_MODEL_KEYS)} is missing")
        for kind, keys in _MODEL_KEYS.items():
            wrong = [] if kind == kinds[0] else [key for key in (kind, *keys) if key in section.model_fields_set]
            if wrong:
                raise Refused(("model", wrong[0]), f"{wrong[0]!r} does not go with {kinds[0]!r}", is_key=True)
        if section.pipedream is not None:
            path = self._file(section.pipedream, ("model", "pipedream"))
            return PipedreamModel(path, section.stages, section.microbatches, section.schedule)
        if section.partitioning is not None:
            split = None if section.split is None else self._file(section.split, ("model", "split"))
            return PartitioningModel(self._file(section.partitioning, ("model", "partitioning")), split)
        onnx = section.onnx or ""
        onnx = onnx if is_model_name(onnx) else self._file(onnx, ("model", "onnx"))
        shapes = {name: tuple(shape) for name, shape in section.shapes.items()}
        return OnnxModel(onnx, section.batch, section.weights, shapes)

    def _file(self, name: str, place: Path) -> str:
        """Return the path of a file that the scenario names."""
        path = str(self.folder / name)
        if not os.path.exists(path):
            raise Refused(place, f"there is no file {show(path)}; paths are relative to the scenario")
        return path

    def _graph(self, section: GraphSection, seed: int) -> InlineGraph:
        path: Path = ("graph", "operations")
        for number, given in enumerate(section.operations):  # other faults may only follow from such a one
            self._known(given.op, (*path, number, "op"))
        operations = (self._operation(given, (*path, number)) for number, given in enumerate(section.operations))
        graph = InlineGraph(tuple(operations), tuple(section.fetch))
        try:
            graph.build(seed)
        except InlineGraphError as error:
            place, reason = ("graph",) if error.position is None else (*path, error.position), str(error)
        except GraphError as error:
            place, reason = ("graph",), str(error)
        else:
            return graph
        raise Refused(place, reason)

    def _operation(self, given: OperationSection, path: Path) -> InlineOperation:
        self._device(given.device, (*path, "device"))
        attributes = {name: _frozen(value) for name, value in given.attributes.items()}
        if given.duration is not None:
            attributes["duration_ps"] = self._duration(given.duration, (*path, "duration"))
        return InlineOperation(
            name=given.name,
            type=given.op,
            inputs=tuple(given.inputs),
            device=given.device,
            after=tuple(given.after),
            colocate_with=tuple(given.colocate_with),
            attributes=attributes,
            spec=self._spec(given, path),
            fill=given.fill,
        )

    def _spec(self, given: OperationSection, path: Path) -> TensorSpec | None:
        if given.op not in _SOURCES:
            for key in given.model_fields_set & {"shape", "dtype", "fill"}:
                raise Refused(
                    (*path, key), f"{key!r} is for {' and '.join(_SOURCES)}; {given.op} infers it", is_key=True
                )
            return None
        if given.shape is None:
            raise Refused(path, f"{given.op} {given.name!r} needs a 'shape', such as [8, 64]")
        try:
            return TensorSpec(tuple(given.shape), given.dtype)
        except GraphError as error:
            key, reason = "shape" if given.dtype in ITEM_BYTES else "dtype", str(error)
        raise Refused((*path, key), reason)

    def _placement(self, section: PlacementSection) -> PlacementOptions:
        _one_of(section.policy, POLICIES, ("placement", "policy"))
        _one_of(section.kernels, KERNEL_SETS, ("placement", "kernels"))
        for number, asked in enumerate(section.rules):
            self._device(asked.device, ("placement", "rules", number, "device"))
        rules = tuple((asked.match, asked.device) for asked in section.rules)
        return PlacementOptions(section.policy, section.kernels, section.soft, rules)

    def _simulation(self, section: SimulationSection, machine: Machine) -> Simulation:
        other = None if section.machine is None else self._other_machine(section.machine, machine)
        for key, known in CHOICES.items():
            _one_of(getattr(section, key), dict.fromkeys(known), ("simulation", key))
        given = section.model_dump(include={*CHOICES, "streams", "copy_engines"})
        perturbations = tuple(
            read_perturbation(one, other or machine, ("simulation", "perturbations", number))
            for number, one in enumerate(section.perturbations)
        )
        options = SimulationOptions(**given, perturbations=perturbations)
        return Simulation(options, section.costs, other, self._calibration(section.calibration))

    def _calibration(self, name: str | None) -> Calibration | None:
        if name is None:
            return None
        try:
            return read_calibration(self._file(name, ("simulation", "calibration")))
        except CalibrationError as error:
            reason = str(error)
        raise Refused(("simulation", "calibration"), reason)

    def _other_machine(self, given: object, machine: Machine) -> Machine:
        path: Path = ("simulation", "machine")
        other = self._machine(given, path)
        if [device.name for device in other.devices] != [device.name for device in machine.devices]:
            raise Refused(
                path, f"{other} has other devices than {machine}; give it the same device names in that order"
            )
        return other

    @staticmethod
    def _known(type: str, path: Path) -> None:
        try:
            rule(type)
        except GraphError as error:
            reason = str(error)
        else:
            return
        raise Refused(path, reason)

    @staticmethod
    def _device(name: str, path: Path) -> None:
        try:
            DeviceSpec.parse(name)
        except DeviceNameError as error:
            reason = str(error)
        else:
            return
        raise Refused(path, reason)

    @staticmethod
    def _duration(text: str, path: Path) -> int:
        try:
            return parse_duration(text)
        except InvalidValue as error:
            reason = str(error)
        raise Refused(path, reason)


def _one_of(name: str, known: Mapping[str, object], path: Path) -> None:
    if name not in known:
        raise Refused(path, f"{show(name)} is not one of {', '.join(known)}; {did_you_mean(name, known)}")


def _frozen(value: object) -> object:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
