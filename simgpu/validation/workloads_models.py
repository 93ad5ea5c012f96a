"""The models that come with the package `onnx`, each over one or several logical GPUs.

Their weights are the constants of the files: to fill them takes no random numbers, and the time of their kernels does
not depend on values. (What a card draws does, so that large products may run at a slightly higher clock.)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from simgpu.graph import Graph
from simgpu.machine import Machine
from simgpu.readers import read_onnx
from simgpu.units import GiB
from simgpu.validation.splitting import split_by_cost
from simgpu.validation.workload import Workload

FAMILY = "models"
LIMIT_BYTES = GiB
MODELS = (
    "squeezenet",
    "shufflenet",
    "inception_v1",
    "inception_v2",
    "bvlc_alexnet",
    "zfnet512",
    "resnet50",
    "densenet121",
    "vgg19",
)


def model_workloads(models: Sequence[str], batches: Sequence[int], splits: Sequence[int]) -> list[Workload]:
    """Return each model at each batch, cut into each number of contiguous parts."""
    return [
        Workload(
            name=f"{model} batch {batch} on {parts}",
            family=FAMILY,
            limits_bytes=(LIMIT_BYTES,) * parts,
            build=partial(_split_model, model, batch, parts),
        )
        for model in models
        for batch in batches
        for parts in splits
    ]


def _split_model(model: str, batch: int, parts: int, machine: Machine) -> Graph:
    return split_by_cost(read_onnx(f"light_{model}", batch=batch), machine, parts)
