"""Convolution over any number of spatial axes: one matrix product for each group of channels.

The matrix of shifted images ("im2col") is made in pieces of a bounded size: of several images, or of rows of one. A
window of one point needs no such matrix, and a depthwise convolution is a sum of shifted products.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.dtypes import FLOAT
from simgpu.kernels.precision import through_single
from simgpu.kernels.rows import ints, row
from simgpu.kernels.rules import Attributes, Specs
from simgpu.kernels.shapes import one_dtype
from simgpu.kernels.windows import WINDOW_ATTRIBUTES, Window, slide

_SCRATCH_BYTES = {"numpy": 16 * 2**20}
_SCRATCH_BYTES_ELSEWHERE = 64 * 2**20


def scratch_bytes(module: str) -> int:
    """Return the most that the matrix of shifted images takes, unless one row of outputs alone needs more.

    NumPy works in a part of the caches of a CPU; on a GPU, few large kernels are better than many small ones.
    """
    return _SCRATCH_BYTES.get(module, _SCRATCH_BYTES_ELSEWHERE)


def _infer(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    image, weights = inputs[0].shape, inputs[1].shape
    _check_ranks(image, weights)
    _check_channels(image, weights, _group(attributes))
    if ints(attributes, "kernel_shape", weights[2:]) != weights[2:]:
        raise GraphError(f"kernel_shape is {attributes['kernel_shape']}, but the weights have {weights[2:]}")
    if len(inputs) == 3 and inputs[2].shape != weights[:1]:
        raise GraphError(f"the bias has shape {inputs[2].shape}; it must be {weights[:1]}, one for each output channel")
    outputs = slide(image[2:], weights[2:], attributes).outputs
    return (TensorSpec((image[0], weights[0], *outputs), one_dtype(inputs)),)


def _check_ranks(image: tuple[int, ...], weights: tuple[int, ...]) -> None:
    if len(image) < 3 or len(weights) != len(image):
        raise GraphError("needs images (N, C, ...) and weights (M, C / group, ...) of one rank, which is 3 or more")
    if not all(weights):
        raise GraphError("weights must have no dimension of 0")


def _check_channels(image: tuple[int, ...], weights: tuple[int, ...], group: int) -> None:
    if image[1] != weights[1] * group:
        raise GraphError(
            f"the images have {image[1]} channels, but the weights take {weights[1]} for each of {group} groups"
        )
    if weights[0] % group:
        raise GraphError(f"{weights[0]} output channels cannot be split into {group} groups")


def _group(attributes: Attributes) -> int:
    group = attributes.get("group", 1)
    if type(group) is not int or group < 1:
        raise GraphError(f"group is {group!r}; it must be an integer of 1 or more")
    return group


def _flop(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    multiply_adds = outputs[0].size * math.prod(inputs[1].shape[1:])
    return 2 * multiply_adds + (outputs[0].size if len(inputs) == 3 else 0)


def _convolve(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    x, weights, y = inputs[0], inputs[1], outputs[0]
    window = slide(x.shape[2:], weights.shape[2:], attributes)
    if weights.shape[1] == 1 and x.shape[1] > 1:
        _convolve_depthwise(xp, x, weights, y, window)
    elif window.is_pointwise:
        _convolve_points(xp, x, weights, y, _group(attributes))
    else:
        _convolve_columns(xp, x, weights, y, window)
    if len(inputs) == 3:
        xp.add(y, _per_channel(inputs[2], y), out=y)


def _per_channel(values: Any, like: Any) -> Any:
    return values.reshape((-1,) + (1,) * (like.ndim - 2))


def _convolve_points(xp: Any, x: Any, weights: Any, y: Any, group: int) -> None:
    images, points = x.shape[0], math.prod(x.shape[2:])
    matrix = weights.reshape(group, -1, weights.shape[1])
    columns = x.reshape(images, group, weights.shape[1], points)
    xp.matmul(matrix, columns, out=y.reshape(images, group, -1, points))


def _convolve_depthwise(xp: Any, x: Any, weights: Any, y: Any, window: Window) -> None:
    channels = x.shape[1]
    taps = weights.reshape(channels, -1, math.prod(window.kernel))
    count = 1 if xp.__name__ == "numpy" else _fitting(xp, y[0].nbytes, len(y))  # NumPy is faster where caches hold it
    scratch = xp.empty((count, *y.shape[1:]), y.dtype).reshape(count, channels, -1, *window.outputs)
    for first in range(0, len(y), count):
        images, results = x[first : first + count], y[first : first + count]
        results.fill(0)
        sums, products = results.reshape(-1, *scratch.shape[1:]), scratch[: len(results)]
        for number, tap in enumerate(window.taps()):
            factors = taps[:, :, number].reshape(*taps.shape[:2], *(1 for _ in window.kernel))
            product, part = products[tap.outputs], sums[tap.outputs]
            xp.multiply(images[:, :, None][tap.inputs], factors, out=product)
            xp.add(part, product, out=part)


def _convolve_columns(xp: Any, x: Any, weights: Any, y: Any, window: Window) -> None:
    depth, taps = weights.shape[1], math.prod(window.kernel)
    group = x.shape[1] // depth
    matrix = weights.reshape(group, -1, depth * taps)
    row_items = x.shape[1] * taps * math.prod(window.outputs[1:])
    item_bytes = max(4, x.dtype.itemsize)  # CuPy multiplies stacks of half precision as float32
    rows = _fitting(xp, row_items * item_bytes, window.outputs[0])
    images = _fitting(xp, row_items * window.outputs[0] * item_bytes, len(x))
    scratch = xp.empty(row_items * rows * images, x.dtype)
    for first in range(0, len(x), images):
        windows = _windows(xp, x[first : first + images], window)
        sums = y[first : first + images].reshape(len(windows), group, -1, math.prod(window.outputs))
        for top, part in _pieces(windows, rows, axis=2 + len(window.kernel)):
            columns = scratch[: part.size].reshape(part.shape)
            xp.copyto(columns, part)
            columns = columns.reshape(len(windows), group, depth * taps, -1)
            left = top * math.prod(window.outputs[1:])
            xp.matmul(matrix, columns, out=sums[..., left : left + columns.shape[-1]])


def _fitting(xp: Any, item_bytes: int, count: int) -> int:
    """Return how many items fit into the scratch memory, one at least."""
    return max(1, min(count, scratch_bytes(xp.__name__) // max(1, item_bytes)))


def _pieces(windows: Any, rows: int, axis: int) -> Iterator[tuple[int, Any]]:
    """Yield all windows, some rows of outputs at a time: the number of the first row, and the windows."""
    for first in range(0, windows.shape[axis], rows):
        yield first, windows[(*(slice(None),) * axis, slice(first, first + rows))]


def _windows(xp: Any, x: Any, window: Window) -> Any:
    """Return a view (images, channels, *taps, *outputs) of images, or of a copy with their padding."""
    if any(window.begins) or any(window.ends):
        padded_sizes = [sum(it) for it in zip(window.begins, window.sizes, window.ends, strict=True)]
        padded = xp.zeros((*x.shape[:2], *padded_sizes), x.dtype)
        inner = (slice(begin, begin + size) for begin, size in zip(window.begins, window.sizes, strict=True))
        xp.copyto(padded[(slice(None), slice(None), *inner)], x)
        x = padded
    steps = x.strides[2:]
    by_tap = (step * dilation for step, dilation in zip(steps, window.dilations, strict=True))
    by_output = (step * stride for step, stride in zip(steps, window.strides, strict=True))
    return xp.lib.stride_tricks.as_strided(
        x, (*x.shape[:2], *window.kernel, *window.outputs), (*x.strides[:2], *by_tap, *by_output)
    )


ROWS = (
    row(
        "Conv",
        _infer,
        through_single(_convolve),
        inputs=(2, 3),
        accepts=(FLOAT,),
        attributes=f"group {WINDOW_ATTRIBUTES}",
        flop=_flop,
        tensorflow="Conv2D",
    ),
)
