"""A scenario: one experiment as frozen data. What its fields may be was checked before it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from simgpu.costs import Calibration
from simgpu.machine import Machine
from simgpu.scenario.inline import InlineGraph
from simgpu.scenario.yaml_file import Document
from simgpu.simulation import SimulationOptions

Weights = Literal["given", "random"]
StorageName = Literal["numpy", "cupy", "shape"]
ClockName = Literal["real", "virtual"]
ScheduleName = Literal["forward", "gpipe", "1f1b"]


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A model file: a path, or the name of a light model. A `batch` of None is the file's own."""

    onnx: str
    batch: int | None = None
    weights: Weights = "given"
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class PipedreamModel:
    """A profile of PipeDream: as it is, if neither `stages` nor `microbatches` is given, or as a pipeline."""

    path: str
    stages: int | None = None
    microbatches: int | None = None
    schedule: ScheduleName = "1f1b"


@dataclass(frozen=True, slots=True)
class PartitioningModel:
    """A workload of the DNN partitioning benchmark, and a split of it over devices, if there is one."""

    path: str
    split: str | None = None


@dataclass(frozen=True, slots=True)
class PlacementOptions:
    """How operations are given devices. A rule is a pattern of operation names and a device, see `placement.Rule`."""

    policy: str = "tensorflow"
    kernels: str = "float-only"
    soft: bool = True
    rules: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Simulation:
    """How to simulate. `machine` replaces the scenario's own; its devices have the same names.

    Times are those of a `calibration` if there is one, else of `costs`.

    The seed of the options is not used: all randomness comes from that of the scenario.
    """

    options: SimulationOptions = field(default_factory=SimulationOptions)
    costs: Literal["roofline"] = "roofline"
    machine: Machine | None = None
    calibration: Calibration | None = field(default=None, hash=False)


Model = OnnxModel | PipedreamModel | PartitioningModel | InlineGraph
"""The work of a scenario."""


@dataclass(frozen=True, slots=True)
class ExecutionOptions:
    """Where bytes live: in NumPy arrays, on a GPU (`cupy`), or nowhere (`shape`); and what its times mean.

    `clock`: `real` for what happens here, `virtual` for what the machine takes with the times of operations that run
    one by one.
    """

    storage: StorageName = "numpy"
    clock: ClockName = "real"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Hardware, work, and how to place, simulate and execute it. All randomness comes from `seed`.

    `environment` says, for reports, what environment variables changed about the machines; empty if nothing.
    `document` is the file that it was read from, for errors that come up later; it is no part of the experiment.
    """

    machine: Machine
    model: Model
    name: str = ""
    description: str = ""
    placement: PlacementOptions = PlacementOptions()
    simulation: Simulation = Simulation()
    execution: ExecutionOptions = ExecutionOptions()
    seed: int = 0
    environment: str = ""
    document: Document | None = field(default=None, compare=False, repr=False)
