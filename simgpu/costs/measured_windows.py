"""Features of convolution and pooling, which mirror `kernels.convolution` and `kernels.pooling` call by call."""

from __future__ import annotations

import math
from typing import Any

from simgpu.costs.measured_shape import Features, Product, log2
from simgpu.graph import ITEM_BYTES
from simgpu.kernels.convolution import SCRATCH_BYTES
from simgpu.kernels.rules import Attributes, Specs
from simgpu.kernels.windows import Window, slide


def convolution(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    """Return the features of a Conv: by points, depthwise, or by columns."""
    image, weights = inputs[0].shape, inputs[1].shape
    window = slide(image[2:], weights[2:], attributes)
    if weights[1] == 1 and image[1] > 1:
        return _depthwise(inputs, outputs, window)
    if window.is_pointwise:
        return _points(inputs, outputs, attributes)
    return _columns(inputs, outputs, window)


def _bias(inputs: Specs, outputs: Specs) -> tuple[int, int]:
    """Return the kernels of adding a bias, and the bytes that they move."""
    return (1, 2 * outputs[0].nbytes) if len(inputs) == 3 else (0, 0)


def _points(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    """Return the features of one stack of products: a product for each image and group."""
    images, channels, *sizes = inputs[0].shape
    group = attributes.get("group", 1)
    rows, columns, inner = inputs[1].shape[0] // group, math.prod(sizes), channels // group
    product = Product(images * group, rows, columns, inner)
    adds, moved = _bias(inputs, outputs)
    item = ITEM_BYTES[inputs[0].dtype]
    place = (log2(images), log2(group), *product.place[1:])
    return Features(
        family="Conv",
        path="points",
        dtype=inputs[0].dtype,
        counts=(1.0, images * group, adds),
        terms=(1.0 + adds, item * product.items + moved),
        place=place,
        product=product,
    )


def _depthwise(inputs: Specs, outputs: Specs, window: Window) -> Features:
    """Return the features of three kernels a tap and image: multiply, add, and the assignment of `+=`."""
    images, taps = inputs[0].shape[0], math.prod(window.kernel)
    adds, moved = _bias(inputs, outputs)
    result = outputs[0].nbytes // max(1, images)
    return Features(
        family="Conv",
        path="depthwise",
        dtype=inputs[0].dtype,
        counts=(1.0, images, images * taps, adds),
        terms=(images * (1 + 3 * taps) + adds, images * result * (1 + 7 * taps) + moved),
        place=(log2(result), log2(taps), log2(max(window.strides))),
    )


def _columns(inputs: Specs, outputs: Specs, window: Window) -> Features:
    """Return the features of pieces: a copy for each tap, zeros where a tap meets the padding, and a product."""
    images, channels = inputs[0].shape[:2]
    depth, taps, width = inputs[1].shape[1], math.prod(window.kernel), math.prod(window.outputs[1:])
    group, item = channels // depth, ITEM_BYTES[inputs[0].dtype]
    line = channels * taps * width
    rows = max(1, min(window.outputs[0], SCRATCH_BYTES // max(1, line * item)))
    pieces = -(-window.outputs[0] // rows)
    product = Product(group, inputs[1].shape[0] // group, rows * width, depth * taps, images * pieces)
    fills, empty = _fills(window, rows)
    adds, moved = _bias(inputs, outputs)
    matrix = images * line * window.outputs[0] * item
    split = 2 * outputs[0].nbytes if pieces > 1 else 0  # a product into a part of the result may need a copy
    return Features(
        family="Conv",
        path="columns",
        dtype=inputs[0].dtype,
        counts=(1.0, images, images * pieces, images * pieces * taps, images * fills, images * empty, adds),
        terms=(images * (pieces * (taps + (2 if pieces > 1 else 1)) + fills) + adds, 2 * matrix + split + moved),
        place=(*product.place[:4], log2(taps), log2(max(window.strides)), log2(pieces)),
        product=product,
    )


def _fills(window: Window, rows: int) -> tuple[int, int]:
    """Return how many assignments of zeros meet any element, and how many meet none, over all pieces of an image."""
    full = 0
    count = 0
    for first in range(0, window.outputs[0], rows):
        piece = window.rows(first, min(first + rows, window.outputs[0]))
        for tap in piece.taps():
            for span, size in zip(tap.outputs[1:], piece.outputs, strict=True):
                full += (span.start > 0) + (span.stop < size)
                count += 2
    return full, count - full


def max_pool(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    """Return the features of one fill, and one kernel for each tap."""
    taps, stride = _taps(attributes, inputs)
    moved = outputs[0].nbytes * (1 + 3 * taps)
    place = (log2(outputs[0].nbytes), log2(taps), log2(stride))
    return Features("MaxPool", "", inputs[0].dtype, (1.0, taps), (1.0 + taps, moved), place)


def average_pool(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    """Return the features of one fill, two kernels for each tap (add, and assign) and one for each axis."""
    taps, stride = _taps(attributes, inputs)
    axes = len(inputs[0].shape) - 2
    moved = outputs[0].nbytes * (1 + 5 * taps + 2 * axes)
    place = (log2(outputs[0].nbytes), log2(taps), log2(stride))
    return Features("AveragePool", "", inputs[0].dtype, (1.0, taps), (1.0 + 2 * taps + axes, moved), place)


def _taps(attributes: Attributes, inputs: Specs) -> tuple[int, int]:
    kernel: Any = attributes["kernel_shape"]
    strides: Any = attributes.get("strides", (1,) * len(kernel))
    return math.prod(kernel), max(strides)
