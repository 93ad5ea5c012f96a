"""ResNet-50 as one would write it with CuPy, or NumPy, alone: a second measure of what simgpu costs.

It shares nothing with simgpu but the graph that it reads: its convolutions pad, gather windows and multiply matrices
at once, and each operation makes a new array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.plain import Peer, steps_of, variables_of
from simgpu.graph import Graph
from simgpu.kernels import Attributes


def straight_loop(peer: Peer, graph: Graph, feeds: Mapping[str, Any]) -> Callable[[], list[Any]]:
    """Return what runs a graph: feeds in, fetched values out. Its variables are there already.

    An operation that ResNet-50 has not is a KeyError.
    """
    kept, steps, module = variables_of(peer, graph), steps_of(graph), peer.module

    def run() -> list[Any]:
        values = dict(kept)
        for step in steps:
            operation = step.operation
            if operation.type == "Input":
                made = module.asarray(feeds[operation.name])
            else:
                inputs = [values[tensor] for tensor in operation.inputs]
                made = OPERATIONS[operation.type](module, inputs, operation.attributes)
            values[operation.outputs[0]] = made
            for tensor in step.dead:
                del values[tensor]
        return [peer.to_host(values[tensor]) for tensor in graph.fetches]

    return run


def _windows(module: Any, x: Any, kernel: Sequence[int], attributes: Attributes, padding: float) -> Any:
    """Return a view of shape (images, channels, rows, columns, kernel rows, kernel columns)."""
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    if any((top, left, bottom, right)):
        x = module.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=padding)
    down, along = attributes.get("strides", (1, 1))
    rows, columns = (x.shape[2] - kernel[0]) // down + 1, (x.shape[3] - kernel[1]) // along + 1
    image, channel, row, column = x.strides
    strides = (image, channel, row * down, column * along, row, column)
    shape = (*x.shape[:2], rows, columns, *kernel)
    return module.lib.stride_tricks.as_strided(x, shape=shape, strides=strides)


def _convolve(module: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, weights, *bias = inputs
    windows = _windows(module, x, weights.shape[2:], attributes, 0.0)
    images, channels, rows, columns, *kernel = windows.shape
    gathered = windows.transpose(0, 1, 4, 5, 2, 3).reshape(images, channels * kernel[0] * kernel[1], rows * columns)
    made = module.matmul(weights.reshape(len(weights), -1), gathered).reshape(images, len(weights), rows, columns)
    return made + bias[0].reshape(-1, 1, 1) if bias else made


def _normalise(module: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, scale, bias, mean, variance = (it if it.ndim > 1 else it.reshape(-1, 1, 1) for it in inputs)
    factor = scale / module.sqrt(variance + attributes["epsilon"])
    return x * factor + (bias - mean * factor)


def _softmax(module: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    (x,), axis = inputs, attributes["axis"]
    powers = module.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _multiply(module: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, weights, bias = inputs
    return module.matmul(x, weights.T if attributes.get("transB") else weights) + bias


def _largest(module: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    return _windows(module, inputs[0], attributes["kernel_shape"], attributes, -module.inf).max(axis=(4, 5))


def _average(module: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    return _windows(module, inputs[0], attributes["kernel_shape"], attributes, 0.0).mean(axis=(4, 5))


OPERATIONS: Mapping[str, Callable[[Any, Sequence[Any], Attributes], Any]] = {
    "AveragePool": _average,
    "BatchNormalization": _normalise,
    "Conv": _convolve,
    "Gemm": _multiply,
    "MaxPool": _largest,
    "Relu": lambda module, inputs, attributes: module.maximum(inputs[0], 0),
    "Reshape": lambda module, inputs, attributes: inputs[0].reshape(attributes["shape"]),
    "Softmax": _softmax,
    "Sum": lambda module, inputs, attributes: inputs[0] + inputs[1],
}
