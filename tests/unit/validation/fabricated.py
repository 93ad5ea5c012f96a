"""Calibrations and traces made up for tests: what they say is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simgpu.costs import Cost
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.trace import NO_CAUSE, Span, SpanKind, Trace
from simgpu.validation import Workload

GPU = "/job:localhost/replica:0/task:0/device:GPU:{}"
US = 10**6


def graph_of(*types: str):
    """Return a chain of operations of one input each, named as their types in small letters."""
    builder = GraphBuilder()
    (x,) = add_operation(builder, "Input", name="x", spec=TensorSpec((4, 4), "float32"))
    for type in types:
        (x,) = add_operation(builder, type, [x], name=type.lower())
    builder.fetch(y=x)
    return builder.build()


def workload_of(name: str, *types: str, family: str = "chains") -> Workload:
    return Workload(name, family, (2**20,), lambda machine: graph_of(*types))


def span(kind: SpanKind, name: str, resource: str, start_us: int, end_us: int, size_bytes: int = 0) -> Span:
    return Span(kind, name, resource, start_us * US, start_us * US, end_us * US, NO_CAUSE, size_bytes)


def trace_of(*spans: Span) -> Trace:
    return Trace("execute", "wall", (), (), list(spans))


def chain(times_us: Mapping[str, int], gpu: str = GPU.format(0)) -> Trace:
    """Return a run in which operations take these times, one after the other."""
    spans, now_us = [], 0
    for name, time_us in times_us.items():
        spans.append(span("compute", name, gpu, now_us, now_us + time_us))
        now_us += time_us
    return trace_of(*spans)


def machine_of(limits: list[int]) -> Machine:
    return Machine.from_mapping({"gpus": "1 x 80GiB", "split": {"GPU:0": [*limits]}})


@dataclass(frozen=True)
class Facts:
    name: str = "a device"
    storage: str = "numpy"
    date: str = "2026-01-01T00:00:00+00:00"


class Calibrated:
    """Stands in for a calibration, where only its machine and its facts matter."""

    device = Facts()

    def machine(self, limits: list[int]) -> Machine:
        return machine_of(limits)


class Fixed:
    """Costs of 5 us for each operation."""

    def __init__(self, calibration: object) -> None:
        pass

    def cost(self, operation: object, device: object) -> Cost:
        return Cost(5 * US)
