"""The extension `fft` of the namespace, but for the functions that make arrays of frequencies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from simgpu.arrays.arguments import axes as checked_axes
from simgpu.arrays.arguments import integer, integers, run
from simgpu.arrays.array import Array

Norm = Literal["backward", "ortho", "forward"]
_ONE_AXIS = {
    "fft": "the discrete Fourier transform",
    "ifft": "the inverse of `fft`",
    "rfft": "the discrete Fourier transform of real values: its first half",
    "irfft": "the inverse of `rfft`, of n real values",
    "hfft": "the discrete Fourier transform of values with Hermitian symmetry: n real values",
    "ihfft": "the inverse of `hfft`",
}
_MANY_AXES = {
    "fftn": "the discrete Fourier transform",
    "ifftn": "the inverse of `fftn`",
    "rfftn": "the discrete Fourier transform of real values",
    "irfftn": "the inverse of `rfftn`",
}


def _along_one(name: str, what: str) -> Callable[..., Array]:
    def function(x: Array, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
        size = None if n is None else integer("n", n)
        return run(f"fft.{name}", x, n=size, axis=integer("axis", axis), norm=norm)

    return _named(function, name, f"Return {what} along an axis, cut or filled with zeros to n values before.")


def _along_many(name: str, what: str) -> Callable[..., Array]:
    def function(
        x: Array, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: Norm = "backward"
    ) -> Array:
        sizes = None if s is None else integers("s", s)
        along = None if axes is None else integers("axes", axes)
        return run(f"fft.{name}", x, s=sizes, axes=along, norm=norm)

    return _named(function, name, f"Return {what} along axes, cut or filled with zeros to the sizes s before.")


def _named(function: Callable[..., Array], name: str, text: str) -> Callable[..., Array]:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = text
    return function


def fftshift(x: Array, /, *, axes: int | Sequence[int] | None = None) -> Array:
    """Bring the frequency 0 to the middle, along these axes or all."""
    return run("fft.fftshift", x, axes=checked_axes(axes, "axes"))


def ifftshift(x: Array, /, *, axes: int | Sequence[int] | None = None) -> Array:
    """Undo `fftshift`."""
    return run("fft.ifftshift", x, axes=checked_axes(axes, "axes"))


FUNCTIONS: dict[str, Callable[..., Any]] = (
    {name: _along_one(name, what) for name, what in _ONE_AXIS.items()}
    | {name: _along_many(name, what) for name, what in _MANY_AXES.items()}
    | {"fftshift": fftshift, "ifftshift": ifftshift}
)
"""The functions of the extension `fft` by name."""
