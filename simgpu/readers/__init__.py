"""Files to graphs."""

from simgpu.readers.onnx import is_model_name, light_models, read_onnx
from simgpu.readers.partitioning import PartitioningProblem, read_partitioning
from simgpu.readers.pipedream import (
    SCHEDULES,
    Layer,
    Profile,
    balanced_stages,
    pipeline,
    read_pipedream,
    read_profile,
)

__all__ = [
    "SCHEDULES",
    "Layer",
    "PartitioningProblem",
    "Profile",
    "balanced_stages",
    "is_model_name",
    "light_models",
    "pipeline",
    "read_onnx",
    "read_partitioning",
    "read_pipedream",
    "read_profile",
]
