"""Normalisation: over a batch's running statistics, over neighbouring channels, and softmax."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.dtypes import FLOAT
from simgpu.kernels.precision import through_single
from simgpu.kernels.rows import flop_per_output, row
from simgpu.kernels.rules import Attributes, Specs
from simgpu.kernels.shapes import axis_of, same


def _infer_batch(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    shape = inputs[0].shape
    if len(shape) < 2:
        raise GraphError("needs images (N, C, ...) of rank 2 or more")
    for name, spec in zip(("scale", "bias", "mean", "variance"), inputs[1:], strict=True):
        if spec.shape != shape[1:2]:
            raise GraphError(f"the {name} has shape {spec.shape}; it must be {shape[1:2]}, one for each channel")
    if attributes.get("training_mode", 0):
        raise GraphError("only inference is known; training_mode must be 0")
    return (inputs[0],)


def _normalise_batch(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    x, scale, bias, mean, variance = inputs
    factor = scale / xp.sqrt(variance + attributes.get("epsilon", 1e-5))
    shift = bias - mean * factor
    shape = (-1,) + (1,) * (x.ndim - 2)
    xp.multiply(x, factor.reshape(shape), out=outputs[0])
    xp.add(outputs[0], shift.reshape(shape), out=outputs[0])


def _infer_lrn(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    size = attributes.get("size")
    if type(size) is not int or size < 1:
        raise GraphError(f"size is {size!r}; it must be an integer of 1 or more")
    if len(inputs[0].shape) < 2:
        raise GraphError("needs images (N, C, ...) of rank 2 or more")
    return (inputs[0],)


def _flop_lrn(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    return outputs[0].size * (int(attributes["size"]) + 4)


def _normalise_channels(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    x, y = inputs[0], outputs[0]
    size, channels = attributes["size"], x.shape[1]
    squares = xp.multiply(x, x)
    y.fill(0)
    for offset in range(-((size - 1) // 2), size // 2 + 1):
        low, high = max(0, -offset), min(channels, channels - offset)
        if low < high:
            sums = y[:, low:high]
            xp.add(sums, squares[:, low + offset : high + offset], out=sums)
    y *= attributes.get("alpha", 1e-4) / size
    y += attributes.get("bias", 1.0)
    xp.power(y, -attributes.get("beta", 0.75), out=y)
    xp.multiply(x, y, out=y)


def _infer_softmax(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    rank = len(inputs[0].shape)
    axis_of(attributes, -1, rank, last=rank if attributes.get("flatten") else rank - 1)
    return (inputs[0],)


def _rows(arrays: Sequence[Any], attributes: Attributes) -> tuple[list[Any], int]:
    """Return views of the arrays, and the axis to sum over. `flatten` makes matrices of them, split at `axis`."""
    shape = arrays[0].shape
    axis = axis_of(attributes, -1, len(shape), last=len(shape))
    if not attributes.get("flatten"):
        return list(arrays), axis
    matrix = (math.prod(shape[:axis]), math.prod(shape[axis:]))
    return [array.reshape(matrix) for array in arrays], 1


def _softmax(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    (x, y), axis = _rows((inputs[0], outputs[0]), attributes)
    xp.subtract(x, xp.max(x, axis=axis, keepdims=True), out=y)
    xp.exp(y, out=y)
    y /= _sum(xp, y, axis)


def _log_softmax(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    (x, y), axis = _rows((inputs[0], outputs[0]), attributes)
    xp.subtract(x, xp.max(x, axis=axis, keepdims=True), out=y)
    y -= xp.log(_sum(xp, xp.exp(y), axis))


def _sum(xp: Any, x: Any, axis: int) -> Any:
    """Add in float32 at least: half precision comes to a stop at 2048."""
    return xp.sum(x, axis=axis, keepdims=True, dtype=xp.float32 if x.dtype.itemsize == 2 else None)


ROWS = (
    row(
        "BatchNormalization",
        _infer_batch,
        through_single(_normalise_batch),
        inputs=5,
        accepts=(FLOAT,),
        attributes="epsilon momentum spatial training_mode",
        flop=flop_per_output(2),
        tensorflow="FusedBatchNormV3",
    ),
    row(
        "LRN",
        _infer_lrn,
        through_single(_normalise_channels),
        accepts=(FLOAT,),
        attributes="alpha beta bias size",
        flop=_flop_lrn,
        tensorflow="LRN",
    ),
    row(
        "Softmax",
        _infer_softmax,
        through_single(_softmax),
        accepts=(FLOAT,),
        attributes="axis flatten",
        flop=flop_per_output(5),
        tensorflow="Softmax",
    ),
    row(
        "LogSoftmax",
        _infer_softmax,
        through_single(_log_softmax),
        accepts=(FLOAT,),
        attributes="axis flatten",
        flop=flop_per_output(5),
        tensorflow="LogSoftmax",
    ),
    row("Dropout", same, lambda xp, i, o, a: xp.copyto(o[0], i[0]), attributes="ratio seed", tensorflow="Identity"),
)
