"""Creation functions of the standard, with the two that belong to Fourier transforms. No arithmetic counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.array_api.forms import assigned, matrix_of
from simgpu.kernels.array_api.promotion import (
    ARRAYS,
    FLOATING,
    NUMBER,
    check_storable,
    default_dtype,
    dtype_rank,
    scalar_rank,
)
from simgpu.kernels.dtypes import COMPLEX, FLOAT
from simgpu.kernels.movement import cast
from simgpu.kernels.rows import choice, integers, require, row
from simgpu.kernels.rules import Attributes, Compute, Infer, OperationRule, Specs
from simgpu.kernels.shapes import same


def _dtype(attributes: Attributes, default: str, allowed: frozenset[str] = ARRAYS) -> str:
    dtype = attributes.get("dtype")
    dtype = default if dtype is None else dtype
    if dtype not in allowed:
        raise GraphError(f"dtype is {dtype!r}; it must be one of {', '.join(sorted(allowed))}")
    return str(dtype)


def _count(attributes: Attributes, key: str, default: int | None = None) -> int:
    value = require(attributes, key) if default is None else attributes.get(key, default)
    if type(value) is not int or value < 0:
        raise GraphError(f"{key} is {value!r}; it must be an integer of 0 or more")
    return value


def _infer_shape(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    return (TensorSpec(integers(require(attributes, "shape"), "shape"), _dtype(attributes, "float64")),)


def _infer_full(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    value = require(attributes, "fill_value")
    dtype = _dtype(attributes, default_dtype(value))
    check_storable(dtype, value)
    return (TensorSpec(integers(require(attributes, "shape"), "shape"), dtype),)


def _infer_like(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    dtype = _dtype(attributes, inputs[0].dtype)
    if "fill_value" in attributes:
        check_storable(dtype, attributes["fill_value"])
    return (TensorSpec(inputs[0].shape, dtype),)


def _infer_full_like(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    require(attributes, "fill_value")
    return _infer_like(inputs, attributes)


def _infer_astype(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    """Complex values have no real form: the standard forbids that cast."""
    dtype = _dtype(attributes, inputs[0].dtype)
    if inputs[0].dtype in COMPLEX and dtype not in COMPLEX | {"bool"}:
        raise GraphError(f"{inputs[0].dtype} cannot become {dtype}; take the real or the imaginary part")
    return (TensorSpec(inputs[0].shape, dtype),)


def _infer_arange(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    start, stop, step = _range(attributes)
    rank = max(map(scalar_rank, (start, stop, step)))
    if rank not in (1, 2) or step == 0:
        raise GraphError(
            f"cannot go from {start!r} to {stop!r} in steps of {step!r}; they must be numbers, the step not 0"
        )
    length = len(range(start, stop, step)) if rank == 1 else max(0, math.ceil((stop - start) / step))
    return (TensorSpec((length,), _dtype(attributes, default_dtype(start, stop, step), NUMBER)),)


def _range(attributes: Attributes) -> tuple[Any, Any, Any]:
    start, stop, step = require(attributes, "start"), attributes.get("stop"), attributes.get("step", 1)
    return (0, start, step) if stop is None else (start, stop, step)


def _arange(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Count down in signed integers: CuPy wants the step, too, to be of the dtype."""
    y, (start, stop, step) = outputs[0], _range(attributes)
    is_down = y.dtype.kind == "u" and step < 0 and xp.__name__ != "numpy"
    xp.copyto(y, xp.arange(start, stop, step, "int64" if is_down else y.dtype)[: y.size], casting="unsafe")


def _infer_eye(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    rows = _count(attributes, "n_rows")
    columns = rows if attributes.get("n_cols") is None else _count(attributes, "n_cols")
    _diagonal(attributes)
    return (TensorSpec((rows, columns), _dtype(attributes, "float64")),)


def _diagonal(attributes: Attributes) -> int:
    k = attributes.get("k", 0)
    if type(k) is not int:
        raise GraphError(f"k is {k!r}; it must be an integer, the diagonal counted from the main one")
    return k


def _eye(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    y, k = outputs[0], _diagonal(attributes)
    y.fill(0)
    length = min(y.shape[0] + min(k, 0), y.shape[1] - max(k, 0))
    if length > 0:
        place = xp.arange(length)
        y[place - min(k, 0), place + max(k, 0)] = 1


def _within(x: Any, attributes: Attributes) -> int:
    """Return the diagonal, or the first one outside of the matrix in its place."""
    rows, columns = x.shape[-2:]
    return int(min(max(_diagonal(attributes), -rows), columns))


def _infer_triangle(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    matrix_of(inputs[0])
    _diagonal(attributes)
    return (inputs[0],)


def _infer_linspace(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    ends = require(attributes, "start"), require(attributes, "stop")
    dtype = _dtype(attributes, default_dtype(0.0, *ends), FLOATING)
    if max(map(scalar_rank, ends)) > dtype_rank(dtype):
        raise GraphError(f"from {ends[0]!r} to {ends[1]!r} does not fit into {dtype}")
    return (TensorSpec((_count(attributes, "num"),), dtype),)


def _linspace(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    """Go along the real and the imaginary axis one after the other: CuPy knows no complex ends."""
    ends = attributes["start"], attributes["stop"]

    def between(start: float, stop: float) -> Any:
        return xp.linspace(start, stop, attributes["num"], endpoint=attributes.get("endpoint", True))

    if not any(isinstance(end, complex) for end in ends):
        return between(*ends)
    return between(*(end.real for end in ends)) + 1j * between(*(end.imag for end in ends))


def _infer_meshgrid(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    if any(len(spec.shape) > 1 for spec in inputs):
        raise GraphError("its inputs must have one dimension each")
    shape = [spec.size for spec in inputs]
    if _swaps(len(inputs), attributes):
        shape[:2] = shape[1::-1]
    return tuple(TensorSpec(tuple(shape), spec.dtype) for spec in inputs)


def _swaps(count: int, attributes: Attributes) -> bool:
    return choice(attributes, "indexing", ("xy", "ij")) == "xy" and count > 1


def _meshgrid(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    swaps = _swaps(len(inputs), attributes)
    for place, (x, y) in enumerate(zip(inputs, outputs, strict=True)):
        axis = 1 - place if swaps and place < 2 else place
        xp.copyto(y, x.reshape([-1 if other == axis else 1 for other in range(y.ndim)]))


def _infer_frequencies(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    return (TensorSpec((_positive(attributes),), _dtype(attributes, "float64", FLOAT)),)


def _infer_real_frequencies(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    return (TensorSpec((_positive(attributes) // 2 + 1,), _dtype(attributes, "float64", FLOAT)),)


def _positive(attributes: Attributes) -> int:
    count = _count(attributes, "n")
    if not count or attributes.get("d", 1.0) == 0:
        raise GraphError("neither n nor d may be 0")
    return count


def _frequencies(name: str) -> Compute:
    return assigned(lambda xp, inputs, attributes: getattr(xp.fft, name)(attributes["n"], attributes.get("d", 1.0)))


def _untouched(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Leave the values as they are: the standard does not say what they shall be."""


def _filled(value: int) -> Compute:
    def compute(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
        outputs[0].fill(value)

    return compute


def _full(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    outputs[0].fill(attributes["fill_value"])


def _new(name: str, infer: Infer, compute: Compute, attributes: str, tensorflow: str = "Fill") -> OperationRule:
    return row(name, infer, compute, inputs=0, attributes=attributes, tensorflow=tensorflow)


def _of_one(
    name: str, infer: Infer, compute: Compute, attributes: str, tensorflow: str, accepts: frozenset[str] = ARRAYS
) -> OperationRule:
    return row(name, infer, compute, accepts=(accepts,), attributes=attributes, tensorflow=tensorflow)


ROWS = (
    _new("arange", _infer_arange, _arange, "start stop step dtype", "Range"),
    _new("empty", _infer_shape, _untouched, "shape dtype"),
    _new("eye", _infer_eye, _eye, "n_rows n_cols k dtype"),
    _new("full", _infer_full, _full, "shape fill_value dtype"),
    _new("linspace", _infer_linspace, assigned(_linspace), "start stop num endpoint dtype", "LinSpace"),
    _new("ones", _infer_shape, _filled(1), "shape dtype"),
    _new("zeros", _infer_shape, _filled(0), "shape dtype"),
    _new("fft.fftfreq", _infer_frequencies, _frequencies("fftfreq"), "n d dtype", "Range"),
    _new("fft.rfftfreq", _infer_real_frequencies, _frequencies("rfftfreq"), "n d dtype", "Range"),
    _of_one("asarray", _infer_astype, cast, "dtype", "Cast"),
    _of_one("astype", _infer_astype, cast, "dtype", "Cast"),
    _of_one("from_dlpack", same, cast, "", "Identity"),
    _of_one("empty_like", _infer_like, _untouched, "dtype", "ZerosLike"),
    _of_one("full_like", _infer_full_like, _full, "fill_value dtype", "ZerosLike"),
    _of_one("ones_like", _infer_like, _filled(1), "dtype", "OnesLike"),
    _of_one("zeros_like", _infer_like, _filled(0), "dtype", "ZerosLike"),
    _of_one("tril", _infer_triangle, assigned(lambda xp, x, a: xp.tril(x[0], _within(x[0], a))), "k", "MatrixBandPart"),
    _of_one("triu", _infer_triangle, assigned(lambda xp, x, a: xp.triu(x[0], _within(x[0], a))), "k", "MatrixBandPart"),
    row(
        "meshgrid",
        _infer_meshgrid,
        _meshgrid,
        inputs=(1, None),
        accepts=(ARRAYS,),
        attributes="indexing",
        tensorflow="BroadcastTo",
    ),
)
