"""The workloads of a validation: which there are, and how large each is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simgpu.errors import check_type
from simgpu.units import MiB
from simgpu.validation.workload import Workload
from simgpu.validation.workloads_blocks import pipeline_workloads, transformer_workloads
from simgpu.validation.workloads_collectives import all_reduce_workloads
from simgpu.validation.workloads_extremes import extreme_workloads
from simgpu.validation.workloads_models import MODELS, model_workloads

RANKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How large the workloads are. Pipelines are (rows of a microbatch, width)."""

    models: tuple[str, ...] = MODELS
    batches: tuple[int, ...]
    splits: tuple[int, ...] = (1, 2, 4)
    all_reduce_bytes: tuple[int, ...]
    pipelines: tuple[tuple[int, int], ...]
    microbatches: int = 8
    sequence_batch: int
    lengths: tuple[int, ...] = (120, 500)
    widths: tuple[int, ...] = (256, 1024)
    layers: int
    layer_splits: tuple[int, ...] = (1, 2)
    additions: int = 1_000
    side: int
    around_bytes: int


ON_GPU = Sizes(
    batches=(1, 8),
    all_reduce_bytes=(MiB, 64 * MiB),
    pipelines=((32, 256), (512, 1024)),
    sequence_batch=8,
    layers=4,
    side=4000,
    around_bytes=256 * MiB,
)
ON_GPU_QUICK = Sizes(
    models=("squeezenet", "inception_v1", "resnet50"),
    batches=(1,),
    splits=(1, 2),
    all_reduce_bytes=(MiB,),
    pipelines=((512, 1024),),
    sequence_batch=8,
    lengths=(120,),
    layers=2,
    layer_splits=(1,),
    side=2000,
    around_bytes=64 * MiB,
)
ON_CPU = Sizes(
    batches=(1,),
    all_reduce_bytes=(MiB, 16 * MiB),
    pipelines=((16, 128), (64, 512)),
    sequence_batch=1,
    widths=(256, 512),
    layers=2,
    side=1000,
    around_bytes=32 * MiB,
)
ON_CPU_QUICK = Sizes(
    models=("squeezenet", "shufflenet"),
    batches=(1,),
    splits=(1, 2),
    all_reduce_bytes=(MiB,),
    pipelines=((64, 256),),
    sequence_batch=1,
    lengths=(120,),
    widths=(256,),
    layers=1,
    layer_splits=(1,),
    additions=200,
    side=500,
    around_bytes=8 * MiB,
)
_FAMILIES: Mapping[str, Callable[[Sizes], list[Workload]]] = {
    "models": lambda it: model_workloads(it.models, it.batches, it.splits),
    "all-reduce": lambda it: all_reduce_workloads(it.all_reduce_bytes, RANKS),
    "pipeline": lambda it: pipeline_workloads(RANKS, it.microbatches, it.pipelines),
    "transformer": lambda it: transformer_workloads(
        it.sequence_batch, it.lengths, it.widths, layers=it.layers, splits=it.layer_splits
    ),
    "extremes": lambda it: extreme_workloads(additions=it.additions, side=it.side, size_bytes=it.around_bytes),
}
FAMILIES = tuple(_FAMILIES)
"""The kinds of workload, in the order in which they run."""


def standard_workloads(*, on_gpu: bool, quick: bool = False) -> tuple[Workload, ...]:
    """Return the workloads for a card, or small ones for NumPy; `quick` leaves most of them out."""
    check_type(on_gpu, bool, "on_gpu", "a bool; give True or False")
    check_type(quick, bool, "quick", "a bool; give True or False")
    sizes = (ON_GPU_QUICK if quick else ON_GPU) if on_gpu else (ON_CPU_QUICK if quick else ON_CPU)
    return tuple(workload for family in _FAMILIES.values() for workload in family(sizes))
