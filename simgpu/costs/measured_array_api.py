"""Features of the functions of the array API standard, which mirror `kernels.array_api`.

What grows faster than bytes has a term for it, with the counts of the operation table: FLOP of linear algebra by Golub
and Van Loan, Matrix Computations, 4th edition (n^3, see `kernels.array_api.decompositions`); comparisons of sorting, as
many as merging takes, n log2 n (Knuth, The Art of Computer Programming, volume 3, 5.2.4); FLOP of Fourier transforms by
the convention of FFTW, 5 n log2 n (see `kernels.array_api.fourier`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from simgpu.costs.measured_shape import Features, Product, first_dtype, log2, product_features, total
from simgpu.graph import ITEM_BYTES
from simgpu.kernels import Attributes, rule
from simgpu.kernels.rules import Specs

Describe = Callable[[Specs, Specs, Attributes], Features]


def _flop(family: str, inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    return rule(family).work(inputs, outputs, attributes).flop


def _length(shape: Sequence[int], axes: Sequence[int]) -> int:
    return math.prod(shape[axis] for axis in axes)


def _axes(rank: int, given: object) -> tuple[int, ...]:
    """Return axes in order from the front: the given one or ones, or all."""
    if given is None:
        return tuple(range(rank))
    each = (given,) if isinstance(given, int) else given
    assert isinstance(each, Sequence), "the operation table has seen to that"
    return tuple(sorted(axis % max(1, rank) for axis in each))


def _which(axes: tuple[int, ...], rank: int) -> str:
    """Name where axes lie: last ones, first ones, or some in the midst."""
    if not axes:
        return "none"
    if axes == tuple(range(rank - len(axes), rank)):
        return "last"
    return "first" if axes == tuple(range(len(axes))) else "midst"


def _copied(family: str) -> Describe:
    """Describe what writes each result once, and reads as many bytes."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        moved, count = 2 * total(outputs), len(outputs)
        place = (log2(moved), log2(count)) if family in _SEVERAL else (log2(moved),)
        return Features(family, "", first_dtype(inputs, outputs), (1.0, count), (count, moved), place)

    return describe


_SEVERAL = ("broadcast_arrays", "meshgrid", "unstack")


def _indexed(family: str) -> Describe:
    """Describe what an index key takes out or puts in: by slices, arrays or masks."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        key = attributes["key"]
        path = next((entry for entry in ("mask", "array") if entry in key), "slices")
        moved = total(inputs[1:]) + 2 * outputs[0].nbytes
        return Features(family, path, inputs[0].dtype, (1.0,), (1.0, moved), (log2(moved),))

    return describe


def _taken(family: str) -> Describe:
    """Describe what gathers elements by an array of indices."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        moved = 2 * outputs[0].nbytes + inputs[1].nbytes
        place = (log2(moved), log2(outputs[0].nbytes // max(1, inputs[1].size)))
        return Features(family, "", inputs[0].dtype, (1.0,), (1.0, moved), place)

    return describe


def _joined(family: str) -> Describe:
    """Describe concat and stack: one copy for each input, in runs of what lies behind the axis."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        axis = (attributes.get("axis", 0) or 0) % max(1, len(outputs[0].shape))
        run = outputs[0].nbytes // max(1, math.prod(outputs[0].shape[:axis]))
        place = (log2(outputs[0].nbytes), log2(len(inputs)), log2(run))
        moved = 2 * outputs[0].nbytes
        return Features(family, "", first_dtype(inputs, outputs), (1.0, len(inputs)), (len(inputs), moved), place)

    return describe


def _turned(family: str) -> Describe:
    """Describe a change of the order of axes: what lies in rows before and after matters for the access to memory."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        before, after, moved = inputs[0].shape, outputs[0].shape, 2 * outputs[0].nbytes
        place = (log2(moved), log2(before[-1] if before else 1), log2(after[-1] if after else 1))
        path = "rows kept" if before[-1:] == after[-1:] else "rows turned"
        return Features(family, path, inputs[0].dtype, (1.0,), (1.0, moved), place)

    return describe


def _along(family: str) -> Describe:
    """Describe a reduction, or what runs along an axis, by the length and the place of its axes."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        spec, rank = inputs[0], len(inputs[0].shape)
        given = attributes.get("axis", -1 if family == "diff" else None)
        axes = _axes(rank, given)
        moved = spec.nbytes + total(outputs)
        place = (log2(spec.nbytes), log2(_length(spec.shape, axes)))
        return Features(family, _which(axes, rank), spec.dtype, (1.0,), (1.0, moved), place)

    return describe


def _sorted(family: str) -> Describe:
    """Describe sorting along an axis, with its comparisons."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        spec = inputs[0]
        axis = attributes.get("axis", -1)
        path = "last" if axis % max(1, len(spec.shape)) == len(spec.shape) - 1 else "midst"
        terms = (1.0, spec.nbytes + outputs[0].nbytes, _flop(family, inputs, outputs, attributes))
        return Features(family, path, spec.dtype, (1.0,), terms, (log2(spec.nbytes), log2(spec.shape[axis])))

    return describe


def _placed(family: str) -> Describe:
    """Describe what looks up each of many elements among others that are or become sorted."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        terms = (1.0, total(inputs) + outputs[0].nbytes, _flop(family, inputs, outputs, attributes))
        others = inputs[1].size if len(inputs) > 1 else 1
        return Features(family, "", inputs[0].dtype, (1.0,), terms, (log2(inputs[0].size), log2(others)))

    return describe


def _chosen(family: str) -> Describe:
    """Describe results as long as values say: by the bytes that come in and go out."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        given, made = total(inputs), total(outputs)
        return Features(family, "", inputs[0].dtype, (1.0,), (1.0, given, made), (log2(given), log2(made)))

    return describe


def _unique(family: str) -> Describe:
    """Describe unique values: sorting all, and the bytes of what comes out."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        terms = (1.0, total(inputs) + total(outputs), _flop(family, inputs, outputs, attributes))
        return Features(family, "", inputs[0].dtype, (1.0,), terms, (log2(inputs[0].size), log2(outputs[0].size)))

    return describe


def _transformed(family: str) -> Describe:
    """Describe a Fourier transform: by all its elements, and by the length of one transform."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        shape = max((inputs[0].shape, outputs[0].shape), key=math.prod)
        axes = _axes(len(shape), attributes.get("axes") if family.endswith("n") else attributes.get("axis", -1))
        moved = total(inputs) + total(outputs)
        terms = (1.0, moved, _flop(family, inputs, outputs, attributes))
        place = (log2(moved), log2(_length(shape, axes)))
        return Features(family, "", inputs[0].dtype, (1.0,), terms, place)

    return describe


def _decomposed(family: str) -> Describe:
    """Describe linear algebra of a stack of matrices: by its FLOP, the stack and both sizes of a matrix."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        rows, columns = inputs[0].shape[-2:]
        stack = inputs[0].size // max(1, rows * columns)
        terms = (1.0, total(inputs) + total(outputs), stack, _flop(family, inputs, outputs, attributes))
        place = (log2(stack), log2(max(rows, columns)), log2(min(rows, columns)))
        return Features(family, _variant(family, attributes), inputs[0].dtype, (1.0, stack), terms, place)

    return describe


def _variant(family: str, attributes: Attributes) -> str:
    """Name the way of an operation that has several."""
    if family == "linalg.svd":
        return "full" if attributes.get("full_matrices", True) else "thin"
    if family == "linalg.qr":
        return str(attributes.get("mode", "reduced"))
    if family == "linalg.matrix_norm":
        return "singular values" if attributes.get("ord", "fro") in ("nuc", 2, -2) else "elements"
    return "inverted" if family == "linalg.matrix_power" and attributes["n"] < 0 else ""


def _solved(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    """Describe linear systems: as the decomposition, and by the right-hand sides of each."""
    found = _decomposed("linalg.solve")(inputs, outputs, attributes)
    size = inputs[0].shape[-1]
    matrices = outputs[0].size // max(1, size)
    sides = matrices * size * size // max(1, inputs[0].size)
    return replace(found, place=(*found.place[:2], log2(sides)))


def _contracted(family: str) -> Describe:
    """Describe tensordot: one matrix product."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        flop = _flop(family, inputs, outputs, attributes)
        inner = max(1, flop // max(1, outputs[0].size) // (8 if "complex" in outputs[0].dtype else 2))
        rows = inputs[0].size // inner
        product = Product(1, rows, outputs[0].size // max(1, rows), inner)
        return replace(product_features(product, inputs[0].dtype), family=family, path="")

    return describe


def _multiplied_rows(family: str) -> Describe:
    """Describe products of vectors in pairs."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        moved = total(inputs) + total(outputs)
        length = inputs[0].shape[attributes.get("axis", -1)]
        return Features(family, "", inputs[0].dtype, (1.0,), (1.0, moved), (log2(moved), log2(length)))

    return describe


def _diagonal(family: str) -> Describe:
    """Describe what touches the diagonals of matrices alone."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        edge = min(inputs[0].shape[-2:])
        count = inputs[0].size // max(1, math.prod(inputs[0].shape[-2:]))
        moved = ITEM_BYTES[inputs[0].dtype] * edge * count + outputs[0].nbytes
        return Features(family, "", inputs[0].dtype, (1.0,), (1.0, moved), (log2(count), log2(edge)))

    return describe


def _untouched(family: str) -> Describe:
    """Describe what reads and writes no elements, or a handful: it takes as long for any size."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        return Features(family, "", first_dtype(inputs, outputs), (1.0,), (1.0,), (0.0,))

    return describe


_WAYS: Mapping[Callable[[str], Describe], str] = {
    _copied: "broadcast_to expand_dims flip squeeze reshape roll tile repeat tril triu fft.fftshift fft.ifftshift"
    " broadcast_arrays meshgrid unstack",
    _indexed: "getitem getitem_arrays setitem",
    _taken: "take take_along_axis",
    _joined: "concat stack",
    _turned: "permute_dims moveaxis matrix_transpose linalg.matrix_transpose",
    _along: "sum prod mean std var max min all any count_nonzero argmax argmin linalg.vector_norm"
    " cumulative_sum cumulative_prod diff",
    _sorted: "sort argsort",
    _placed: "searchsorted isin",
    _chosen: "nonzero getitem_mask repeat_each",
    _unique: "unique_all unique_counts unique_inverse unique_values",
    _transformed: "fft.fft fft.ifft fft.fftn fft.ifftn fft.rfft fft.ihfft fft.rfftn fft.irfft fft.hfft fft.irfftn",
    _decomposed: "linalg.cholesky linalg.det linalg.eig linalg.eigvals linalg.eigh linalg.eigvalsh linalg.inv"
    " linalg.matrix_power linalg.qr linalg.slogdet linalg.svd linalg.svdvals linalg.matrix_norm linalg.matrix_rank"
    " linalg.pinv",
    _contracted: "tensordot linalg.tensordot",
    _multiplied_rows: "vecdot linalg.vecdot",
    _diagonal: "linalg.diagonal linalg.trace",
    _untouched: "empty empty_like Shape",
}
DESCRIBED: Mapping[str, Describe] = {
    "linalg.solve": _solved,
    **{name: way(name) for way, names in _WAYS.items() for name in names.split()},
}
"""What describes a function, by its name; those that are not here pass once over their bytes."""
