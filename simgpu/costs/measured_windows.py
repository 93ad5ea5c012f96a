"""Features of convolution and pooling, which mirror `kernels.convolution` and `kernels.pooling` call by call."""

from __future__ import annotations

import math
from typing import Any

from simgpu.costs.measured_shape import Features, Product, log2
from simgpu.graph import ITEM_BYTES
from simgpu.kernels.convolution import scratch_bytes
from simgpu.kernels.rules import Attributes, Specs
from simgpu.kernels.windows import Window, slide


def convolution(inputs: Specs, outputs: Specs, attributes: Attributes, module: str = "numpy") -> Features:
    """Return the features of a Conv by an array module: by points, depthwise, or by columns."""
    image, weights = inputs[0].shape, inputs[1].shape
    window = slide(image[2:], weights[2:], attributes)
    if weights[1] == 1 and image[1] > 1:
        return _depthwise(inputs, outputs, window, module)
    if window.is_pointwise:
        return _points(inputs, outputs, attributes)
    return _columns(inputs, outputs, window, module)


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


def _depthwise(inputs: Specs, outputs: Specs, window: Window, module: str) -> Features:
    """Return the features of one fill for each piece, and two kernels for each of its taps: multiply, and add."""
    images, taps = inputs[0].shape[0], math.prod(window.kernel)
    adds, moved = _bias(inputs, outputs)
    result = outputs[0].nbytes // max(1, images)
    pieces = images if module == "numpy" else _pieces(module, result, images)
    return Features(
        family="Conv",
        path="depthwise",
        dtype=inputs[0].dtype,
        counts=(1.0, pieces, pieces * taps, adds),
        terms=(pieces * (1 + 2 * taps) + adds, outputs[0].nbytes * (1 + 5 * taps) + moved),
        place=(log2(outputs[0].nbytes // max(1, pieces)), log2(taps), log2(max(window.strides))),
    )


def _columns(inputs: Specs, outputs: Specs, window: Window, module: str) -> Features:
    """Return the features of pieces, of images or of rows of one: padding, a copy, and a product for each."""
    images, channels = inputs[0].shape[:2]
    depth, taps, width = inputs[1].shape[1], math.prod(window.kernel), math.prod(window.outputs[1:])
    group, item = channels // depth, ITEM_BYTES[inputs[0].dtype]
    line = channels * taps * width
    wide = max(4, item)  # half precision is multiplied as float32
    cuts = _pieces(module, line * wide, window.outputs[0])
    batches = _pieces(module, line * window.outputs[0] * wide, images)
    pieces, stack = cuts * batches, -(-images // batches)
    product = Product(
        group * stack, inputs[1].shape[0] // group, -(-window.outputs[0] // cuts) * width, depth * taps, pieces
    )
    is_padded = any(window.begins) or any(window.ends)
    adds, moved = _bias(inputs, outputs)
    matrix = images * line * window.outputs[0] * item
    split = 2 * outputs[0].nbytes if cuts > 1 else 0  # a product into a part of the result may need a copy
    pad = 3 * inputs[0].nbytes if is_padded else 0
    return Features(
        family="Conv",
        path="columns",
        dtype=inputs[0].dtype,
        counts=(1.0, batches, pieces, batches * is_padded, adds),
        terms=(2 * batches * is_padded + pieces * (3 if cuts > 1 else 2) + adds, 2 * matrix + split + pad + moved),
        place=(*product.place[:4], log2(taps), log2(max(window.strides)), log2(cuts)),
        product=product,
    )


def _pieces(module: str, item_bytes: int, count: int) -> int:
    """Return into how many pieces `kernels.convolution` cuts so many items, by the scratch memory that it uses."""
    fitting = max(1, min(count, scratch_bytes(module) // max(1, item_bytes)))
    return -(-count // fitting)


def max_pool(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    """Return the features of one fill, and one kernel for each tap."""
    taps, stride = _taps(attributes, inputs)
    moved = outputs[0].nbytes * (1 + 3 * taps)
    place = (log2(outputs[0].nbytes), log2(taps), log2(stride))
    return Features("MaxPool", "", inputs[0].dtype, (1.0, taps), (1.0 + taps, moved), place)


def average_pool(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    """Return the features of one fill, a kernel for each tap and one for each axis."""
    taps, stride = _taps(attributes, inputs)
    axes = len(inputs[0].shape) - 2
    moved = outputs[0].nbytes * (1 + 3 * taps + 2 * axes)
    place = (log2(outputs[0].nbytes), log2(taps), log2(stride))
    return Features("AveragePool", "", inputs[0].dtype, (1.0, taps), (1.0 + taps + axes, moved), place)


def _taps(attributes: Attributes, inputs: Specs) -> tuple[int, int]:
    kernel: Any = attributes["kernel_shape"]
    strides: Any = attributes.get("strides", (1,) * len(kernel))
    return math.prod(kernel), max(strides)
