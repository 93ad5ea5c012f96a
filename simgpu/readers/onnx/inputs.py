"""The shapes of a model's inputs: what the file says, with the batch and the shapes that the caller wants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from simgpu.errors import GraphError, InvalidValue, ModelFileError
from simgpu.graph import TensorSpec
from simgpu.readers.onnx.model import FileInput

LARGEST_BATCH = 2**20
LARGEST_DIM = 2**40

Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class InputShapes:
    """Specs of the inputs by name. `file_batch` is the first dimension in the file, `None` where that is a symbol.

    Both batches are `None` for a model without inputs that have dimensions.
    """

    specs: Mapping[str, TensorSpec]
    file_batch: int | None
    batch: int | None


def check_batch(batch: int | None) -> None:
    """Raise InvalidValue for a batch that is neither `None` nor a whole number from 1 to LARGEST_BATCH."""
    if batch is not None and (type(batch) is not int or not 1 <= batch <= LARGEST_BATCH):
        raise InvalidValue(
            f"batch is {batch!r}; it must be an int from 1 to {LARGEST_BATCH}, or None for the file's own"
        )


def resolve_shapes(inputs: Sequence[FileInput], *, source: str, batch: int | None, shapes: Shapes) -> InputShapes:
    """Return the shapes that the inputs are read with.

    `shapes` gives an input's whole shape; `batch` gives the first dimension of every other input. Raises InvalidValue
    for wishes that do not fit the file and ModelFileError where the file leaves a dimension open.
    """
    check_batch(batch)
    _refuse_unknown_names(inputs, source, shapes)
    specs = {value.name: _spec(value, source, batch, shapes) for value in inputs}
    first = next((value for value in inputs if value.dims), None)
    if first is None:
        return InputShapes(specs, None, None)
    _refuse_several_batches(inputs, source, batch, shapes)
    file_batch = first.dims[0] if isinstance(first.dims[0], int) else None
    return InputShapes(specs, file_batch, specs[first.name].shape[0])


def _spec(value: FileInput, source: str, batch: int | None, shapes: Shapes) -> TensorSpec:
    given = shapes.get(value.name)
    shape = _file_shape(value, source, batch) if given is None else _given_shape(value, source, given)
    try:
        return TensorSpec(shape, value.dtype)
    except GraphError as error:
        raise ModelFileError(f"{source}: input {value.name!r}: {error}") from error


def _refuse_unknown_names(inputs: Sequence[FileInput], source: str, shapes: Shapes) -> None:
    names = [value.name for value in inputs]
    unknown = [name for name in shapes if name not in names]
    if unknown:
        raise InvalidValue(
            f"{source}: shapes names {', '.join(map(repr, unknown))}; the inputs that are read are "
            f"{', '.join(map(repr, names)) or 'none'}"
        )


def _refuse_several_batches(inputs: Sequence[FileInput], source: str, batch: int | None, shapes: Shapes) -> None:
    firsts = {
        value.name: value.dims[0]
        for value in inputs
        if value.dims and value.name not in shapes and value.dims[0] != "?"
    }
    if batch is not None and len(set(firsts.values())) > 1:
        said = ", ".join(f"{name!r} has {dim}" for name, dim in firsts.items())
        raise InvalidValue(
            f"{source}: batch={batch} cannot be meant for inputs with different first dimensions ({said}); "
            "give shapes={name: shape} instead"
        )


def _given_shape(value: FileInput, source: str, shape: Sequence[int]) -> tuple[int, ...]:
    dims = tuple(shape) if isinstance(shape, Iterable) else (None,)
    if not all(type(dim) is int and 1 <= dim <= LARGEST_DIM for dim in dims):
        raise InvalidValue(
            f"{source}: shapes[{value.name!r}] is {shape!r}; it must be a tuple, and every dimension an int of 1 or "
            "more"
        )
    fits = len(dims) == len(value.dims) and all(
        isinstance(said, str) or said == dim for said, dim in zip(value.dims[1:], dims[1:], strict=True)
    )
    if not fits:
        raise InvalidValue(
            f"{source}: shapes[{value.name!r}] is {dims}, but the file says {_show(value.dims)}; only the first "
            "dimension and open ones can be chosen"
        )
    return dims


def _file_shape(value: FileInput, source: str, batch: int | None) -> tuple[int, ...]:
    dims = (batch, *value.dims[1:]) if batch is not None and value.dims else value.dims
    if not all(isinstance(dim, int) for dim in dims):
        wish = "batch=..." if all(isinstance(dim, int) for dim in dims[1:]) else f"shapes={{{value.name!r}: (...)}}"
        raise ModelFileError(
            f"{source}: input {value.name!r} has the shape {_show(value.dims)}, which the file leaves open; give {wish}"
        )
    shape = tuple(int(dim) for dim in dims)
    if max(shape, default=1) > LARGEST_DIM:
        raise ModelFileError(f"{source}: input {value.name!r} has the shape {_show(value.dims)}; is the file damaged?")
    return shape


def _show(dims: Sequence[int | str]) -> str:
    return "(" + ", ".join(map(str, dims)) + ")"
