"""Operations without inputs: what the caller feeds, and variables filled from their recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simgpu.errors import ExecutionError, GraphError
from simgpu.graph import Constant, Data, Initializer, Normal, TensorSpec, Uniform
from simgpu.kernels.rows import require, row
from simgpu.kernels.rules import Attributes, Specs

_REALS = (int, float, np.integer, np.floating)
_NUMBERS = (*_REALS, bool, complex, np.bool_, np.complexfloating)


def _infer(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    spec = require(attributes, "spec")
    if not isinstance(spec, TensorSpec):
        raise GraphError(f"spec is {spec!r}; it must be a TensorSpec")
    return (spec,)


def _infer_variable(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    (spec,) = _infer(inputs, attributes)
    recipe = require(attributes, "initializer")
    if not isinstance(recipe, Initializer):
        raise GraphError(f"initializer is {recipe!r}; it must be a Constant, Normal, Uniform or Data")
    if fault := _fault(recipe):
        raise GraphError(f"initializer is {recipe!r:.80}; {fault}")
    if isinstance(recipe, Data) and tuple(recipe.array.shape) != spec.shape:
        raise GraphError(f"the variable is {spec}, but its data have shape {tuple(recipe.array.shape)}")
    return (spec,)


def _fault(recipe: Initializer) -> str:
    """Say what is wrong with a recipe; nothing if it can be followed."""
    if isinstance(recipe, Data):
        return "" if hasattr(recipe.array, "shape") else "its data must be an array, such as NumPy's"
    if isinstance(recipe, Constant):
        return "" if isinstance(recipe.value, _NUMBERS) else "its value must be a number or a bool"
    figures = (recipe.mean, recipe.std) if isinstance(recipe, Normal) else (recipe.low, recipe.high)
    if not all(isinstance(figure, _REALS) for figure in figures):
        return "its figures must be real numbers"
    is_seed = isinstance(recipe.seed, tuple) and all(isinstance(part, int) and part >= 0 for part in recipe.seed)
    return "" if is_seed and recipe.seed else "its seed must be a tuple of ints of 0 or more"


def _fed(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    raise ExecutionError("an Input is fed by the caller and never computed")


def _initialise(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Random values are made by NumPy on every module, so that they are the same on each."""
    y, recipe = outputs[0], attributes["initializer"]
    if isinstance(recipe, Constant):
        y.fill(recipe.value)
    elif isinstance(recipe, Data):
        y[...] = xp.asarray(recipe.array, dtype=y.dtype)
    else:
        values = _random(recipe, _host_array(y))
        if values is not y:
            y[...] = xp.asarray(values.astype(y.dtype))


def _host_array(y: Any) -> np.ndarray[Any, Any]:
    """Return the array to draw values into: `y` itself where NumPy can, or else a new one.

    Float64, bool and all integers are drawn as float64, the other floats as float32; then they are cast.
    """
    drawn: Any = np.float64 if y.dtype.kind in "iub" or y.dtype == np.float64 else np.float32
    return y if isinstance(y, np.ndarray) and y.dtype == drawn else np.empty(y.shape, drawn)


def _random(recipe: Normal | Uniform, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    generator = np.random.default_rng(np.random.SeedSequence(recipe.seed))
    if isinstance(recipe, Normal):
        generator.standard_normal(out=values, dtype=values.dtype.type)
        scale, shift = recipe.std, recipe.mean
    else:
        generator.random(out=values, dtype=values.dtype.type)
        scale, shift = recipe.high - recipe.low, recipe.low
    values *= scale
    values += shift
    return values


ROWS = (
    row("Input", _infer, _fed, inputs=0, attributes="spec", tensorflow="Placeholder"),
    row("Variable", _infer_variable, _initialise, inputs=0, attributes="spec initializer", tensorflow="VarHandleOp"),
)
