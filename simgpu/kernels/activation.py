"""Activation functions. None of them overflows, whatever the size of its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simgpu.kernels.dtypes import FLOAT, SIGNED
from simgpu.kernels.elementwise import by_ufunc
from simgpu.kernels.precision import through_single
from simgpu.kernels.rows import flop_per_output, row
from simgpu.kernels.rules import Attributes, Compute, OperationRule
from simgpu.kernels.shapes import same


def _relu(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    xp.maximum(inputs[0], 0, out=outputs[0])


def _leaky_relu(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    x, y = inputs[0], outputs[0]
    xp.multiply(x, attributes.get("alpha", 0.01), out=y)
    xp.copyto(y, x, where=x >= 0)


def _elu(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    x, y = inputs[0], outputs[0]
    xp.minimum(x, 0, out=y)
    xp.expm1(y, out=y)
    xp.multiply(y, attributes.get("alpha", 1.0), out=y)
    xp.copyto(y, x, where=x >= 0)


def _sigmoid(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """1 / (1 + e) for x >= 0 and e / (1 + e) below, where e = exp(-|x|) is at most 1."""
    x, y = inputs[0], outputs[0]
    xp.absolute(x, out=y)
    xp.negative(y, out=y)
    xp.exp(y, out=y)
    below = y + 1
    xp.copyto(y, 1, where=x >= 0)
    xp.divide(y, below, out=y)


def _hard_sigmoid(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    y = outputs[0]
    xp.multiply(inputs[0], attributes.get("alpha", 0.2), out=y)
    xp.add(y, attributes.get("beta", 0.5), out=y)
    xp.clip(y, 0, 1, out=y)


def _activation(
    name: str,
    compute: Compute,
    *,
    flop: int,
    attributes: str = "",
    accepts: frozenset[str] = FLOAT,
    tensorflow: str = "",
) -> OperationRule:
    return row(
        name,
        same,
        through_single(compute),
        accepts=(accepts,),
        attributes=attributes,
        flop=flop_per_output(flop),
        tensorflow=tensorflow or name,
    )


ROWS = (
    _activation("Relu", _relu, flop=1, accepts=FLOAT | SIGNED),
    _activation("LeakyRelu", _leaky_relu, flop=2, attributes="alpha"),
    _activation("Elu", _elu, flop=3, attributes="alpha"),
    _activation("Sigmoid", _sigmoid, flop=4),
    _activation("Tanh", by_ufunc("tanh"), flop=1),
    _activation("HardSigmoid", _hard_sigmoid, flop=4, attributes="alpha beta", tensorflow="Minimum"),
)
