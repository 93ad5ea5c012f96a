"""Scenarios: one experiment each, from a file to frozen data."""

from simgpu.scenario.inline import InlineGraph, InlineOperation
from simgpu.scenario.locating import located
from simgpu.scenario.reading import load_scenario, scenario_from_text
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

__all__ = [
    "ExecutionOptions",
    "InlineGraph",
    "InlineOperation",
    "Model",
    "OnnxModel",
    "PartitioningModel",
    "PipedreamModel",
    "PlacementOptions",
    "Scenario",
    "Simulation",
    "load_scenario",
    "located",
    "scenario_from_text",
]
