"""Shape rules that many operations share."""

from __future__ import annotations

from collections.abc import Sequence

from simgpu.errors import AxisError, GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.rows import integers
from simgpu.kernels.rules import Attributes, Specs


def same(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    """Give the result the shape and dtype of the first input."""
    return (inputs[0],)


def broadcast(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    """Give the result the one dtype of the inputs, and the shape that NumPy's broadcasting gives."""
    return (TensorSpec(broadcast_shape([spec.shape for spec in inputs]), one_dtype(inputs)),)


def one_dtype(specs: Specs) -> str:
    """Return the dtype that all tensors share. Raises GraphError if they differ."""
    dtypes = dict.fromkeys(spec.dtype for spec in specs)
    if len(dtypes) > 1:
        raise GraphError(f"its inputs are of {' and '.join(dtypes)}; they must share one dtype, so cast some of them")
    return next(iter(dtypes))


def broadcast_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the shape that NumPy's broadcasting gives: dimensions align at the end, and 1 stretches."""
    rank = max(map(len, shapes))
    aligned = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(_stretch(dims, shapes) for dims in zip(*aligned, strict=True))


def _stretch(dims: tuple[int, ...], shapes: Sequence[tuple[int, ...]]) -> int:
    wide = {dim for dim in dims if dim != 1}
    if len(wide) > 1:
        raise GraphError(f"shapes {' and '.join(map(str, shapes))} do not broadcast: {sorted(wide)} meet in one axis")
    return wide.pop() if wide else 1


def axis_of(attributes: Attributes, default: int | None, rank: int, *, last: int | None = None) -> int:
    """Return the attribute `axis` counted from the front. `last` is the highest that fits, by default `rank - 1`.

    Raises AxisError for others.
    """
    axis = attributes.get("axis", default)
    return normal_axis(axis, rank, last=rank - 1 if last is None else last)


def normal_axis(axis: object, rank: int, *, last: int) -> int:
    """Return an axis counted from the front, from one that may count from the end. Raises AxisError beyond `last`."""
    if not isinstance(axis, int) or not -rank <= axis <= last:
        accepted = f"from {-rank} to {last}" if last >= -rank else "left out"
        raise AxisError(f"axis is {axis!r}; for {rank} dimensions it must be {accepted}")
    return axis + rank if axis < 0 else axis


def axes_of(attributes: Attributes, rank: int) -> tuple[int, ...]:
    """Return the attribute `axes` counted from the front, sorted. Without it, or with None: every axis."""
    given = attributes.get("axes")
    return tuple(range(rank)) if given is None else normal_axes(given, rank)


def normal_axes(given: object, rank: int) -> tuple[int, ...]:
    """Return different axes counted from the front, sorted."""
    axes = sorted(normal_axis(axis, rank, last=rank - 1) for axis in integers(given, "axes"))
    if len(set(axes)) < len(axes):
        raise GraphError(f"axes {given} name one axis twice")
    return tuple(axes)
