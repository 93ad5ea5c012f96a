"""Elementwise arithmetic: the operators of arrays, and the functions of the namespace that do the same.

Each is a closure over the name of its operation. Where operands of these kinds have met before there is a step for
them, which leaves only memory and arithmetic to do; all else goes through `Runtime.apply`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from simgpu.arrays.steps import Step, step_of_one, step_of_two
from simgpu.arrays.views import change
from simgpu.graph import INTEGER_DTYPES
from simgpu.kernels import integer_range, rule

if TYPE_CHECKING:
    from simgpu.arrays.array import Array

SCALARS: tuple[type[Any], ...] = (bool, int, float, complex)
Unary = Callable[["Array"], "Array"]
Binary = Callable[["Array", Any], Any]
_NONE: Mapping[str, Any] = MappingProxyType({})


def plain_scalar(value: Any) -> Any:
    """Return a scalar as exactly bool, int, float or complex; NotImplemented for what is no number of these.

    Scalars of NumPy, such as `numpy.prod(shape)`, count as the number that they hold, and so do enumerations.
    """
    if value.__class__ in SCALARS:
        return value
    if isinstance(value, np.generic) and value.dtype.kind != "m":  # a time span is no number
        value = value.item()  # long doubles stay what they are
    return next((kind(value) for kind in SCALARS if isinstance(value, kind)), NotImplemented)


def unary(type: str) -> Unary:
    """Return the operation on one array."""

    def operator(self: Array, /) -> Array:
        kind, data = self._kind, self._data
        runtime = kind.runtime
        step = runtime.steps.get((type, kind))
        if step is not None and data is not None and not runtime.observers:
            made: Array = step(data)
            return made
        steps = runtime.steps
        made = runtime.apply(type, (self,))[0]
        if step is None and _can_step(type, self, made):
            steps[type, kind] = step_of_one(made, type, rule(type).function)
        return made

    return operator


def binary(type: str) -> Binary:
    """Return the operation on an array and what stands right of it: an array or a scalar, or else NotImplemented."""

    def operator(self: Array, other: Any, /) -> Any:
        kind, left = self._kind, self._data
        runtime = kind.runtime
        if other.__class__ is self.__class__:
            key, right = (type, kind, other._kind), other._data
        else:
            key, right = (type, kind, other.__class__), other
        step = runtime.steps.get(key)
        if step is None or left is None or right is None or runtime.observers:
            return _first(type, key, self, other, "right")
        made = step(left, right)
        return made if made is not None else _first(type, key, self, other, "right")

    return operator


def reflected(type: str) -> Binary:
    """Return the operation on an array and the scalar that stands left of it."""

    def operator(self: Array, other: Any, /) -> Any:
        kind, right = self._kind, self._data
        step = kind.runtime.steps.get((type, other.__class__, kind))
        if step is None or right is None or kind.runtime.observers:
            return _first(type, (type, other.__class__, kind), self, other, "left")
        made = step(other, right)
        return made if made is not None else _first(type, (type, other.__class__, kind), self, other, "left")

    return operator


def in_place(type: str) -> Binary:
    """Return the operation that leaves its result in its left operand, whose shape and dtype stay."""

    def operator(self: Array, other: Any, /) -> Any:
        if isinstance(other, self.__class__):
            change(self, type, (self, other), _NONE)
            return self
        scalar = _scalar(type, other)
        if scalar is NotImplemented:
            return NotImplemented
        change(self, type, (self,), {"scalar": scalar, "side": "right"})
        return self

    return operator


def _scalar(type: str, value: Any) -> Any:
    """Return a plain scalar, or NotImplemented. Raises TypeError for an array of NumPy.

    Left to NumPy, `==` would silently be False, and `+` an error about concatenation.
    """
    if isinstance(value, np.ndarray):
        raise TypeError(
            f"{type} meets an array of NumPy; bring it to the device first: xp.asarray(..., device=x.device)"
        )
    return plain_scalar(value)


def _first(type: str, key: Any, x: Array, other: Any, side: str) -> Any:
    """Run an operation of two operands without a step, and make one for the next time if there can be one.

    There is none for scalars of NumPy: in a step they would meet the array as they are, by other rules of promotion.
    """
    runtime = x._kind.runtime
    steps = runtime.steps
    is_array = isinstance(other, x.__class__)
    if is_array:
        made = runtime.apply(type, (x, other))[0]
    else:
        scalar = _scalar(type, other)
        if scalar is NotImplemented:
            return NotImplemented
        made = runtime.apply(type, (x,), {"scalar": scalar, "side": side})[0]
    if key not in steps and _can_step(type, x, made) and (is_array or other.__class__ in SCALARS):
        step = step_of_two(made, type, rule(type).function)
        steps[key] = step if other.__class__ is not int else _for_integers(step, type, x, side)
    return made


def _can_step(type: str, x: Array, made: Array) -> bool:
    """Tell whether all that this operation does follows from kinds, and one function of the storage computes it."""
    return made._kind.runtime is x._kind.runtime and made._kind.rules.follows_inputs and bool(rule(type).function)


def _for_integers(step: Step, type: str, x: Array, side: str) -> Step:
    """Return a step for Python integers of the size for which the decision holds; it gives None for others."""
    dtype = x._kind.spec.dtype
    low, high = integer_range(dtype) if dtype in INTEGER_DTYPES else (-(2**53), 2**53)
    place = 1 if side == "right" else 0
    if type == "pow" and side == "right":
        low = 0

    def checked(*operands: Any) -> Any:
        return step(*operands) if low <= operands[place] <= high else None

    return checked
