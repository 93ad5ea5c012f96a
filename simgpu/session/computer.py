"""How much of this computer's memory an execution would take."""

from __future__ import annotations

from simgpu.placement import Placement
from simgpu.session.feeds import feed_bytes
from simgpu.trace import Trace


def needed_bytes(placement: Placement, predicted: Trace, *, is_complete: bool) -> int:
    """Return about how much memory an execution takes: what devices hold at their peaks, feeds, and results.

    Scratch memory of kernels is not counted.
    """
    graph = placement.graph
    results = sum(graph.tensor_spec(tensor).nbytes for tensor in graph.fetches) if is_complete else 0
    return feed_bytes(placement) + sum(map(predicted.peak_bytes, range(len(predicted.devices)))) + results


def most_bytes(placement: Placement) -> int:
    """Return what no execution goes beyond: feeds, results, and every tensor on every device that is used."""
    tensors = sum(spec.nbytes for operation in placement.graph for spec in operation.output_specs)
    hosts = {placement.machine.host_device(device) for device in placement.devices}
    return feed_bytes(placement) + tensors * (1 + len({*placement.devices, *hosts}))
