"""Random tensors: the same attributes give the same values, on every path and platform.

`RandomUniform` and `RandomNormal` are ONNX's, `RandomUniformInt` is TensorFlow's. `seed` is a tuple of ints, entropy of
`numpy.random.SeedSequence`; there is no hidden state, so a program that wants other values gives another seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.dtypes import FLOAT
from simgpu.kernels.rows import integers, require, row
from simgpu.kernels.rules import Attributes, Compute, Infer, Specs

INDEX_DTYPES = frozenset({"int32", "int64"})
Draw = Callable[[np.random.Generator, tuple[int, ...], Attributes], Any]


def _infer(dtypes: frozenset[str], default: str) -> Infer:
    def infer(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
        integers(require(attributes, "seed"), "seed")
        dtype = attributes.get("dtype", default)
        if dtype not in dtypes:
            raise GraphError(f"dtype is {dtype!r}; it can be {', '.join(sorted(dtypes))}")
        return (TensorSpec(integers(require(attributes, "shape"), "shape"), dtype),)

    return infer


def _drawn(draw: Draw) -> Compute:
    """Draw with NumPy on every module, so that the values are the same on each."""

    def compute(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        y = outputs[0]
        generator = np.random.default_rng(np.random.SeedSequence(attributes["seed"]))
        y[...] = xp.asarray(draw(generator, y.shape, attributes).astype(y.dtype))

    return compute


def _uniform(generator: np.random.Generator, shape: tuple[int, ...], given: Attributes) -> Any:
    low, high = given.get("low", 0.0), given.get("high", 1.0)
    return generator.random(shape) * (high - low) + low


def _normal(generator: np.random.Generator, shape: tuple[int, ...], given: Attributes) -> Any:
    return generator.standard_normal(shape) * given.get("scale", 1.0) + given.get("mean", 0.0)


def _integers(generator: np.random.Generator, shape: tuple[int, ...], given: Attributes) -> Any:
    return generator.integers(given.get("low", 0), given["high"], shape)


def _infer_integers(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    low, high = attributes.get("low", 0), require(attributes, "high")
    if type(low) is not int or type(high) is not int or low >= high:
        raise GraphError(f"low is {low!r} and high is {high!r}; they must be ints, and high the larger one")
    return _infer(INDEX_DTYPES, "int32")(inputs, attributes)


ROWS = (
    row(
        "RandomUniform",
        _infer(FLOAT, "float32"),
        _drawn(_uniform),
        inputs=0,
        attributes="shape dtype low high seed",
        tensorflow="RandomUniform",
    ),
    row(
        "RandomNormal",
        _infer(FLOAT, "float32"),
        _drawn(_normal),
        inputs=0,
        attributes="shape dtype mean scale seed",
        tensorflow="RandomStandardNormal",
    ),
    row(
        "RandomUniformInt",
        _infer_integers,
        _drawn(_integers),
        inputs=0,
        attributes="shape dtype low high seed",
        tensorflow="RandomUniformInt",
    ),
)
