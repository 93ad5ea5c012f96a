"""Pooling: each tap of the window is one shifted view of the images, combined in place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.dtypes import FLOAT
from simgpu.kernels.precision import through_single
from simgpu.kernels.rows import flop_per_input, integers, require, row
from simgpu.kernels.rules import Attributes, Specs
from simgpu.kernels.windows import WINDOW_ATTRIBUTES, Window, slide


def _window(shape: tuple[int, ...], attributes: Attributes) -> Window:
    return slide(shape[2:], integers(require(attributes, "kernel_shape"), "kernel_shape"), attributes)


def _infer(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape, kernel = inputs[0].shape, integers(require(attributes, "kernel_shape"), "kernel_shape")
    if len(kernel) != len(shape) - 2 or not kernel or min(kernel) < 1:
        raise GraphError(f"kernel_shape is {kernel}; it must be {max(1, len(shape) - 2)} integers of 1 or more")
    window = _window(shape, attributes)
    if any(0 in window.counts(axis, padded=False) for axis in range(len(kernel))):
        raise GraphError(f"pads {window.begins} and {window.ends} would leave windows of {kernel} in the padding alone")
    return (TensorSpec((*shape[:2], *window.outputs), inputs[0].dtype),)


def _infer_global(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = inputs[0].shape
    if len(shape) < 3:
        raise GraphError("needs images (N, C, ...) of rank 3 or more")
    return (TensorSpec((*shape[:2], *(1 for _ in shape[2:])), inputs[0].dtype),)


def _flop(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    return outputs[0].size * math.prod(attributes["kernel_shape"])


def _pool_max(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    x, y = inputs[0], outputs[0]
    y.fill(-math.inf)
    for tap in _window(x.shape, attributes).taps():
        largest = y[tap.outputs]
        xp.maximum(largest, x[tap.inputs], out=largest)


def _pool_average(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    x, y = inputs[0], outputs[0]
    window = _window(x.shape, attributes)
    y.fill(0)
    for tap in window.taps():
        sums = y[tap.outputs]
        xp.add(sums, x[tap.inputs], out=sums)
    for axis in range(len(window.kernel)):
        counts = window.counts(axis, padded=bool(attributes.get("count_include_pad", 0)))
        if len(set(counts)) == 1:
            y /= counts[0]
        else:
            y /= xp.asarray(counts, dtype=y.dtype).reshape((-1,) + (1,) * (len(window.kernel) - 1 - axis))


def _average_all(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    xp.mean(inputs[0], axis=tuple(range(2, inputs[0].ndim)), keepdims=True, out=outputs[0])


def _max_all(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    xp.max(inputs[0], axis=tuple(range(2, inputs[0].ndim)), keepdims=True, out=outputs[0])


ROWS = (
    row(
        "MaxPool",
        _infer,
        through_single(_pool_max),
        accepts=(FLOAT,),
        attributes=f"ceil_mode storage_order {WINDOW_ATTRIBUTES}",
        flop=_flop,
        tensorflow="MaxPool",
    ),
    row(
        "AveragePool",
        _infer,
        through_single(_pool_average),
        accepts=(FLOAT,),
        attributes=f"ceil_mode count_include_pad {WINDOW_ATTRIBUTES}",
        flop=_flop,
        tensorflow="AvgPool",
    ),
    row(
        "GlobalAveragePool",
        _infer_global,
        through_single(_average_all),
        accepts=(FLOAT,),
        flop=flop_per_input(1),
        tensorflow="Mean",
    ),
    row(
        "GlobalMaxPool",
        _infer_global,
        through_single(_max_all),
        accepts=(FLOAT,),
        flop=flop_per_input(1),
        tensorflow="Max",
    ),
)
