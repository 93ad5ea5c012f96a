"""Small programs whose every size and duration a test chooses, on machines whose every figure it chooses too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.machine import Machine
from simgpu.placement import Placement, place
from simgpu.storage import NumpyStorage

GPU0, GPU1, CPU0 = (f"/job:localhost/replica:0/task:0/device:{device}" for device in ("GPU:0", "GPU:1", "CPU:0"))


def machine(gpus="", *, launch_ps=0, **mapping) -> Machine:
    """Return a machine whose GPUs take `launch_ps` for a launch."""
    inventory = Machine(mapping | ({"gpus": gpus} if gpus else {})).inventory
    devices = tuple(
        replace(device, model=replace(device.model, launch_overhead_ps=launch_ps if device.kind == "GPU" else 0))
        for device in inventory.physical_devices
    )
    return Machine.from_inventory(replace(inventory, physical_devices=devices))


@dataclass
class Sketch:
    """A graph in the making. Every operation has a name, a device, a duration, and outputs of so many bytes each.

    `does` is what it does to its arrays on `AsTold` storage; it may have more attributes.
    """

    builder: GraphBuilder = field(default_factory=GraphBuilder)

    def add(
        self,
        name: str,
        *inputs: str,
        on: str = "/gpu:0",
        ps: object = 0,
        sizes: Sequence[int] = (0,),
        after: Sequence[str] = (),
        type: str = "Identity",
        does: Callable[[Sequence[Any], Sequence[Any]], object] | None = None,
        **attributes: object,
    ) -> Sketch:
        specs = [TensorSpec((size,), "uint8") for size in sizes]
        attributes |= {"duration_ps": ps, "does": does}
        self.builder.add(type, inputs, name=name, outputs=specs, attributes=attributes, device=on, control_inputs=after)
        return self

    def fetch(self, *tensors: str) -> Sketch:
        self.builder.fetch(*tensors)
        return self

    def placed(self, on: Machine) -> Placement:
        return place(self.builder.build(), on, kernels="all", soft=False)


class AsTold(NumpyStorage):
    """Storage on which every operation does what its sketch says."""

    def compute(self, rule, inputs, outputs, attributes):
        if attributes["does"] is not None:
            attributes["does"](inputs, outputs)


def computed(trace):
    """Return start and end of every operation, in the order of their ends."""
    return {span.name: (span.start_ps, span.end_ps) for span in trace.spans if span.kind == "compute"}


def launched(trace):
    return {span.name: (span.start_ps, span.end_ps) for span in trace.spans if span.kind == "launch"}


def moved(trace):
    """Return start and end of every transfer, by tensor and way."""
    return {
        f"{span.name}: {span.resource}": (span.start_ps, span.end_ps) for span in trace.spans if span.kind == "transfer"
    }
