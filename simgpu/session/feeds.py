"""Values for the inputs of a graph, made from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simgpu.errors import ExecutionError, InvalidValue, check_type
from simgpu.graph import Graph, Operation, TensorSpec
from simgpu.kernels import array_dtype
from simgpu.placement import Placement

_FEEDS = 1  # second entry of the seed of an input's values; the third is the number of its operation


def make_feeds(graph: Graph, seed: int) -> dict[str, NDArray[Any]]:
    """Return values for every input: standard normal for floats, 0 for everything else.

    The values of an input depend on the seed and on the number of its operation alone.
    """
    check_type(graph, Graph, "graph", "a Graph; give what `read_onnx` or `GraphBuilder.build` returns")
    if type(seed) is not int or seed < 0:
        raise InvalidValue(f"seed is {seed!r}; it must be an int of 0 or more")
    return {input.name: _values(input, seed) for input in _inputs(graph)}


def feeds_that_fit(placement: Placement, seed: int) -> dict[str, NDArray[Any]]:
    """Return values for every input that its device can hold; in place of a larger one, zeros without memory."""
    return {
        input.name: _values(input, seed) if _fits(placement, input) else _zeros_without_memory(input.output_specs[0])
        for input in _inputs(placement.graph)
    }


def feed_bytes(placement: Placement) -> int:
    """Return what `feeds_that_fit` takes of this computer's memory."""
    return sum(input.output_specs[0].nbytes for input in _inputs(placement.graph) if _fits(placement, input))


def _inputs(graph: Graph) -> Iterator[Operation]:
    return (operation for operation in graph if operation.type == "Input")


def _fits(placement: Placement, input: Operation) -> bool:
    device = placement.machine.devices[placement.memory_device(input.outputs[0])]
    return input.output_specs[0].nbytes <= device.memory_limit_bytes


def _zeros_without_memory(spec: TensorSpec) -> NDArray[Any]:
    return np.broadcast_to(np.zeros((), array_dtype(spec.dtype)), spec.shape)


def _values(input: Operation, seed: int) -> NDArray[Any]:
    spec = input.output_specs[0]
    dtype = array_dtype(spec.dtype)
    try:
        if not spec.dtype.startswith(("float", "bfloat")):
            return np.zeros(spec.shape, dtype)
        generator = np.random.default_rng(np.random.SeedSequence((seed, _FEEDS, input.index)))
        return generator.standard_normal(spec.shape, np.float32).astype(dtype, copy=False)
    except (MemoryError, ValueError) as error:  # NumPy's words for more than this machine has, or can address
        reason = f"an input of {spec} cannot be made on this machine ({error}); lower the batch, or use storage: shape"
        raise ExecutionError(reason) from error
