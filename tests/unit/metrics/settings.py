"""Traces made by hand, of two GPUs and two CPU devices on one host."""

from __future__ import annotations

from collections.abc import Sequence

from simgpu.graph import GraphBuilder
from simgpu.placement import Placement, place
from simgpu.trace import NO_CAUSE, DeviceSummary, MemoryEvent, Span, Trace
from tests.unit.program.settings import machine

DEVICES = tuple(DeviceSummary(f"{kind}:{number}", kind, 0) for kind in ("CPU", "GPU") for number in (0, 1))


def trace_of(*spans: Span, engine: str = "simulate", memory: Sequence[Sequence[MemoryEvent]] = ()) -> Trace:
    clock = "modelled" if engine == "simulate" else "real"
    return Trace(engine, clock, DEVICES, (), list(spans), list(memory))  # type: ignore[arg-type]


def ran(
    name: str, resource: str, ready_ps: int, start_ps: int, end_ps: int, *, cause: int = NO_CAUSE, kind: str = "compute"
) -> Span:
    """Return a span; on a way it is a transfer of 100 bytes."""
    is_transfer = " -> " in resource
    kind = "transfer" if is_transfer else kind
    return Span(kind, name, resource, ready_ps, start_ps, end_ps, cause, 100 * is_transfer)  # type: ignore[arg-type]


def on_streams(*operations: tuple[str, int, int, list[str]]) -> Placement:
    """Place operations, as (name, duration, stream, what they come after), on a GPU with launches of 1 ps."""
    builder = GraphBuilder()
    for name, duration_ps, stream, after in operations:
        attributes = {"duration_ps": duration_ps, "stream": stream}
        builder.add("Identity", name=name, attributes=attributes, device="/gpu:0", control_inputs=after)
    return place(builder.build(), machine("1 x 1MiB", launch_ps=1), kernels="all", soft=False)
