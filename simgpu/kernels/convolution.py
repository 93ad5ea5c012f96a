"""Convolution over any number of spatial axes: one matrix product for each group of channels.

The matrix of shifted images ("im2col") is made in pieces of a bounded size. A window of one point needs no such matrix,
and a depthwise convolution is a sum of shifted products.
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

SCRATCH_BYTES = 16 * 2**20
"""The most that the matrix of shifted images takes, unless one row of outputs alone needs more."""


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
    products = xp.empty(y.shape[1:], y.dtype).reshape(channels, -1, *window.outputs)
    for image, result in zip(x, y, strict=True):
        result.fill(0)
        sums = result.reshape(products.shape)
        for number, tap in enumerate(window.taps()):
            factors = taps[:, :, number].reshape(*taps.shape[:2], *(1 for _ in window.kernel))
            product = products[tap.outputs]
            xp.multiply(image[:, None][(slice(None), slice(None), *tap.inputs[1:])], factors, out=product)
            sums[tap.outputs] += product


def _convolve_columns(xp: Any, x: Any, weights: Any, y: Any, window: Window) -> None:
    depth, taps, width = weights.shape[1], math.prod(window.kernel), math.prod(window.outputs[1:])
    group = x.shape[1] // depth
    matrix = weights.reshape(group, -1, depth * taps)
    row_items = x.shape[1] * taps * width
    count = max(1, min(window.outputs[0], SCRATCH_BYTES // max(1, row_items * x.dtype.itemsize)))
    scratch = xp.empty(row_items * count, x.dtype)
    for image, result in zip(x, y, strict=True):
        sums = result.reshape(group, -1, math.prod(window.outputs))
        for first, part in _pieces(window, count):
            rows = part.outputs[0]
            columns = scratch[: row_items * rows].reshape(x.shape[1], taps, *part.outputs)
            _shift(image, columns, part)
            columns = columns.reshape(group, depth * taps, rows * width)
            xp.matmul(matrix, columns, out=sums[:, :, first * width : (first + rows) * width])


def _pieces(window: Window, count: int) -> Iterator[tuple[int, Window]]:
    for first in range(0, window.outputs[0], count):
        yield first, window.rows(first, min(first + count, window.outputs[0]))


def _shift(image: Any, columns: Any, window: Window) -> None:
    for number, tap in enumerate(window.taps()):
        cells = columns[:, number]
        for axis, span in enumerate(tap.outputs[1:], start=1):
            before = (slice(None),) * axis
            cells[(*before, slice(0, span.start))] = 0
            cells[(*before, slice(span.stop, None))] = 0
        cells[tap.outputs] = image[tap.inputs]


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
