"""The result of placing a graph: where each operation runs, why, and in whose memory its tensors lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simgpu.errors import PlacementError
from simgpu.graph import Graph
from simgpu.kernels import Kernel, KernelSet, kernel_set
from simgpu.machine import Machine
from simgpu.naming import DeviceSpec


@dataclass(frozen=True, slots=True)
class Placement:
    """Every operation of a graph on a logical device of a machine, with a reason for each.

    `devices` and `reasons` are in the order of the graph's operations; a device is its number in `machine.devices`.
    """

    graph: Graph
    machine: Machine
    kernels: str
    devices: tuple[int, ...]
    reasons: tuple[str, ...]

    def device_of(self, operation: str | int) -> str:
        """Return the full name of the device of an operation."""
        return self.machine.devices[self.devices[self.graph.operation(operation).index]].name

    def why(self, operation: str | int) -> str:
        """Return why an operation is where it is, such as `no GPU kernel for int32`."""
        return self.reasons[self.graph.operation(operation).index]

    def memory_device(self, tensor: int) -> int:
        """Return the device in whose memory a tensor is made.

        That is the device of its operation, or the CPU beside it where the kernel keeps this output in host memory.
        """
        producer = self.graph.producer(tensor)
        slot = tensor - self.graph.operation(producer).outputs.start
        return self.memory_devices(producer)[1][slot]

    def input_devices(self, operation: int) -> tuple[int, ...]:
        """Return, for each input of an operation, the device in whose memory its kernel reads it."""
        return self.memory_devices(operation)[0]

    def memory_devices(self, operation: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the devices in whose memory an operation reads its inputs, and makes its outputs."""
        kernel, device = self.kernel(operation), self.devices[operation]
        host = self.machine.host_device(device)
        return (
            tuple(host if on_host else device for on_host in kernel.host_inputs),
            tuple(host if on_host else device for on_host in kernel.host_outputs),
        )

    def kernel(self, operation: int) -> Kernel:
        """Return the kernel that runs an operation. Raises PlacementError if its device has none."""
        view = self.graph.operation(operation)
        device = self.machine.devices[self.devices[operation]]
        kernel = kernel_set(self.kernels).find(view, device.kind)
        if kernel is None:
            raise PlacementError(
                f"operation {view.name!r} ({view.type}) is placed on {device.name}, but the kernel set "
                f"{self.kernels!r} has no {device.kind} kernel for it; place the graph anew"
            )
        return kernel


@dataclass(frozen=True, slots=True)
class Request:
    """The device asked for an operation, and who asks: `requested`, or a rule. An empty spec asks for nothing.

    `rule` is the position of that rule among those given.
    """

    spec: DeviceSpec
    source: str
    rule: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What a policy is given. `requests` are in the order of the graph's operations.

    With `soft`, an operation may leave the type and index that were asked for, where they cannot be had.
    """

    graph: Graph
    machine: Machine
    kernels: KernelSet
    requests: tuple[Request, ...]
    soft: bool


Policy = Callable[[Problem], Placement]
"""A placement algorithm: a pure function. Raises PlacementError where the requests cannot be met."""
