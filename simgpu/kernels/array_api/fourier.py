"""The extension `fft` of the standard. Sample frequencies are among the creation functions.

A transform of N complex elements counts 5 N log2 N FLOP, of real ones half of it: the convention of FFTW's benchmarks
(www.fftw.org/speed/method.html).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.array_api.forms import Expression, assigned, axes_in_order
from simgpu.kernels.array_api.promotion import COMPLEX_FORM, FLOATING, REAL_PART
from simgpu.kernels.dtypes import COMPLEX
from simgpu.kernels.rows import choice, integers, row
from simgpu.kernels.rules import Attributes, OperationRule, Specs
from simgpu.kernels.shapes import same

_REAL = frozenset(COMPLEX_FORM)
_NORMS = ("backward", "ortho", "forward")
_TO_HALF = ("rfft", "ihfft", "rfftn")
"""Transforms of real elements: of the last axis, only the first half and one are kept."""
_FROM_HALF = ("irfft", "hfft", "irfftn")
"""Transforms to real elements, from such a half."""


def _axes(name: str, rank: int, attributes: Attributes) -> tuple[int, ...]:
    """Return the axes to transform, the one that may be halved last."""
    if not name.endswith("n"):
        return axes_in_order((attributes.get("axis", -1),), rank)
    sizes, axes = attributes.get("s"), attributes.get("axes")
    if axes is None and sizes is not None:
        return axes_in_order(tuple(range(-len(sizes), 0)), rank)
    return axes_in_order(axes, rank)


def _sizes(name: str, shape: tuple[int, ...], attributes: Attributes) -> tuple[int, ...]:
    """Return how many elements each transformed axis has where it is whole: those given, or those there."""
    axes = _axes(name, len(shape), attributes)
    if not axes:
        raise GraphError("needs an axis to transform")
    given = attributes.get("s" if name.endswith("n") else "n")
    there = [shape[axis] for axis in axes]
    if name in _FROM_HALF:
        there[-1] = 2 * (there[-1] - 1)
    sizes = tuple(there) if given is None else (given,) if type(given) is int else integers(given, "s")
    if len(sizes) != len(axes) or min(sizes) < 1:
        raise GraphError(f"sizes {sizes} do not fit axes {axes}: each axis needs one of 1 or more")
    return sizes


def _infer(name: str, inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    choice(attributes, "norm", _NORMS)
    x = inputs[0]
    sizes = list(_sizes(name, x.shape, attributes))
    if name in _TO_HALF:
        sizes[-1] = sizes[-1] // 2 + 1
    shape = list(x.shape)
    for axis, size in zip(_axes(name, len(shape), attributes), sizes, strict=True):
        shape[axis] = size
    dtype = REAL_PART[x.dtype] if name in _FROM_HALF else COMPLEX_FORM.get(x.dtype, x.dtype)
    return (TensorSpec(tuple(shape), dtype),)


def _transform(name: str) -> Expression:
    def expression(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
        x = inputs[0]
        axes, sizes = _axes(name, x.ndim, attributes), _sizes(name, x.shape, attributes)
        function, norm = getattr(xp.fft, name), attributes.get("norm", "backward")
        if name.endswith("n"):
            return function(x, s=sizes, axes=axes, norm=norm)
        return function(x, n=sizes[0], axis=axes[0], norm=norm)

    return expression


def _flop(name: str, inputs: Specs, attributes: Attributes) -> int:
    shape = inputs[0].shape
    sizes = _sizes(name, shape, attributes)
    axes = _axes(name, len(shape), attributes)
    stack = math.prod(dim for axis, dim in enumerate(shape) if axis not in axes)
    elements = math.prod(sizes)
    factor = 2.5 if name in _TO_HALF + _FROM_HALF else 5
    return math.ceil(stack * factor * elements * math.log2(elements))


def _fourier(name: str) -> OperationRule:
    return row(
        f"fft.{name}",
        lambda inputs, attributes: _infer(name, inputs, attributes),
        assigned(_transform(name)),
        accepts=(_REAL if name in _TO_HALF else COMPLEX,),
        attributes="s axes norm" if name.endswith("n") else "n axis norm",
        flop=lambda inputs, outputs, attributes: _flop(name, inputs, attributes),
        tensorflow="Sqrt" if name in _TO_HALF else "FFT",
    )


def _shift(name: str) -> OperationRule:
    def infer(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
        axes_in_order(attributes.get("axes"), len(inputs[0].shape))
        return same(inputs, attributes)

    def expression(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
        return getattr(xp.fft, name)(inputs[0], axes=attributes.get("axes"))

    accepts = (FLOATING,)
    return row(f"fft.{name}", infer, assigned(expression), accepts=accepts, attributes="axes", tensorflow="Roll")


ROWS = (
    *map(_fourier, ("fft", "ifft", "fftn", "ifftn", *_TO_HALF, *_FROM_HALF)),
    _shift("fftshift"),
    _shift("ifftshift"),
)
