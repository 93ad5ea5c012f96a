"""What decides how long an operation takes: the features by which samples are compared.

They follow from shapes, dtypes and attributes, by formulas that mirror the array code in `simgpu.kernels`:

* `path`: which way the array code takes. Only samples of one path are compared.
* `counts`: what the host does, such as calls of the array module; host time is linear in them.
* `terms`: what the device does, such as kernels and bytes moved; device time is linear in them and in the time of
  `product`, the matrix product inside, if there is one.
* `place`: logarithms to the base of 2 of the sizes that matter; what the linear law leaves is interpolated there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from simgpu.costs.measured_array_api import DESCRIBED as ARRAY_API
from simgpu.costs.measured_shape import Features, Product, first_dtype, log2, product_features, total
from simgpu.costs.measured_windows import average_pool, convolution, max_pool
from simgpu.kernels import Attributes
from simgpu.kernels.rules import Specs

Describe = Callable[[Specs, Specs, Attributes], Features]

FAMILIES: Mapping[str, str] = {
    "Reshape": "Identity",
    "Flatten": "Identity",
    "Unsqueeze": "Identity",
    "Squeeze": "Identity",
    "Dropout": "Identity",
    "matmul": "MatMul",
    "linalg.matmul": "MatMul",
}
"""Types whose array code is that of another type, which is measured in their place."""


def features(type: str, inputs: Specs, outputs: Specs, attributes: Attributes, module: str = "numpy") -> Features:
    """Return the features of an operation as an array module, `numpy` or `cupy`, computes it."""
    family = FAMILIES.get(type, type)
    if family == "Conv":
        return convolution(inputs, outputs, attributes, module)
    describe = _DESCRIBED.get(family)
    if describe is not None:
        return describe(inputs, outputs, attributes)
    return _elements(family, inputs, outputs)


def _elements(family: str, inputs: Specs, outputs: Specs) -> Features:
    """Return the features of anything that passes once over its bytes; inputs that are stretched go another path."""
    shape = outputs[0].shape if outputs else ()
    is_stretched = family != "Identity" and any(spec.shape != shape for spec in inputs)
    moved, dtype = total(inputs) + total(outputs), first_dtype(inputs, outputs)
    if not is_stretched:
        return Features(family, "", dtype, (1.0,), (1.0, moved), (log2(moved),))
    place = (log2(moved), log2(_run([spec.shape for spec in inputs], shape)))
    return Features(family, "stretched", dtype, (1.0,), (1.0, moved), place)


def _run(shapes: Sequence[tuple[int, ...]], result: tuple[int, ...]) -> int:
    """Return how many elements, in the order of memory, come one after the other until another input stretches."""
    rank, run, before = len(result), 1, None
    aligned = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    for axis in reversed(range(rank)):
        if result[axis] == 1:
            continue
        stretched = [len(shape) == rank and shape[axis] == 1 for shape in aligned]
        if before not in (None, stretched):
            break
        run, before = run * result[axis], stretched
    return run


def _matmul(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    """Return the features of a product of matrices, or of stacks of them. A vector is a matrix of one row or column."""
    left, right = inputs[0].shape, inputs[1].shape
    rows, columns = (left[-2] if len(left) > 1 else 1), (right[-1] if len(right) > 1 else 1)
    batch = outputs[0].size // max(1, rows * columns)
    product = Product(batch, rows, columns, left[-1])
    path = "matrices" if len(left) <= 2 and len(right) <= 2 else "stacks"
    if path == "stacks" and len(left) != len(right):
        path = "stack and matrix"
    return replace(product_features(product, inputs[0].dtype), path=path)


def _gemm(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    """Return the features of a product, and of what is done to its result: a factor, a sum."""
    rows, columns = outputs[0].shape
    inner = inputs[0].shape[0 if attributes.get("transA", 0) else 1]
    turned = ("A" if attributes.get("transA", 0) else "") + ("B" if attributes.get("transB", 0) else "")
    extras = (len(inputs) == 3) + (attributes.get("alpha", 1.0) != 1) + 2 * (attributes.get("beta", 1.0) != 1)
    plain = product_features(Product(1, rows, columns, inner), inputs[0].dtype)
    calls, moved, flop = plain.terms
    terms = (calls + extras, moved + 2 * extras * outputs[0].nbytes, flop)
    path = f"turned {turned}" if turned else ""
    return replace(plain, family="Gemm", path=path, counts=(1.0, extras), terms=terms)


def _folded(family: str) -> Describe:
    """Describe an operation that folds its inputs two by two."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        folds = max(1, len(inputs) - 1) + (family == "Mean")
        moved = 3 * folds * outputs[0].nbytes
        return Features(family, "", inputs[0].dtype, (1.0, folds), (folds, moved), (log2(outputs[0].nbytes),))

    return describe


def _joined(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    """Return the features of Concat: one copy for each input, in runs of what lies behind the axis."""
    axis = attributes.get("axis", 0) % max(1, len(outputs[0].shape))
    run = outputs[0].nbytes // max(1, math.prod(outputs[0].shape[:axis]))
    place = (log2(outputs[0].nbytes), log2(len(inputs)), log2(run))
    return Features("Concat", "", inputs[0].dtype, (1.0, len(inputs)), (len(inputs), 2 * outputs[0].nbytes), place)


def _cut(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    """Return the features of Split: one copy for each output."""
    moved, pieces = total(outputs), len(outputs)
    return Features("Split", "", inputs[0].dtype, (1.0, pieces), (pieces, 2 * moved), (log2(moved), log2(pieces)))


def _sliced(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    moved = 2 * outputs[0].nbytes
    return Features("Slice", "", inputs[0].dtype, (1.0,), (1.0, moved), (log2(moved),))


def _gathered(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    moved = 2 * outputs[0].nbytes + inputs[1].nbytes
    place = (log2(moved), log2(outputs[0].nbytes // max(1, inputs[1].size)))
    return Features("Gather", "", inputs[0].dtype, (1.0,), (1.0, moved), place)


def _turned(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    """Return the features of Transpose: what lies in rows before and after matters for the access to memory."""
    shape, moved = inputs[0].shape, 2 * outputs[0].nbytes
    order = attributes.get("perm", tuple(reversed(range(len(shape)))))
    path = "rows kept" if not shape or order[-1] == len(shape) - 1 else "rows turned"
    place = (log2(moved), log2(shape[-1] if shape else 1), log2(outputs[0].shape[-1] if shape else 1))
    return Features("Transpose", path, inputs[0].dtype, (1.0,), (1.0, moved), place)


def _cast(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    moved = inputs[0].nbytes + outputs[0].nbytes
    return Features("Cast", f"to {outputs[0].dtype}", inputs[0].dtype, (1.0,), (1.0, moved), (log2(moved),))


def _reduced(family: str) -> Describe:
    """Describe a reduction: over the last axes, over the first ones, or over some in the midst."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        spec, rank = inputs[0], len(inputs[0].shape)
        axes = _axes(family, rank, attributes)
        if not axes:
            path = "none"
        elif axes == tuple(range(rank - len(axes), rank)):
            path = "last"
        else:
            path = "first" if axes == tuple(range(len(axes))) else "midst"
        length = math.prod(spec.shape[axis] for axis in axes)
        place = (log2(spec.nbytes), log2(length))
        return Features(family, path, spec.dtype, (1.0,), (1.0, spec.nbytes), place)

    return describe


def _axes(family: str, rank: int, attributes: Attributes) -> tuple[int, ...]:
    if family.startswith("Global"):
        return tuple(range(2, rank))
    if family == "ArgMax":
        return (attributes.get("axis", 0) % max(1, rank),)
    if not attributes.get("axes"):
        return () if attributes.get("noop_with_empty_axes", 0) else tuple(range(rank))
    return tuple(sorted(axis % rank for axis in attributes["axes"]))


def _softmax(family: str) -> Describe:
    """Describe a softmax by the length of the axis that it sums over."""

    def describe(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
        shape, rank = inputs[0].shape, len(inputs[0].shape)
        axis = attributes.get("axis", -1)
        axis += rank if axis < 0 else 0
        is_flat = bool(attributes.get("flatten"))
        length = math.prod(shape[axis:]) if is_flat else shape[axis]
        path = "last" if is_flat or axis == rank - 1 else "midst"
        moved = 2 * inputs[0].nbytes
        return Features(family, path, inputs[0].dtype, (1.0,), (1.0, moved), (log2(moved), log2(length)))

    return describe


def _normalised_batch(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    moved = 4 * outputs[0].nbytes
    place = (log2(moved), log2(math.prod(inputs[0].shape[2:])))
    return Features("BatchNormalization", "", inputs[0].dtype, (1.0,), (1.0, moved), place)


def _normalised_channels(inputs: Specs, outputs: Specs, attributes: Attributes) -> Features:
    """Return the features of LRN: two kernels for each neighbour, and six more."""
    size = attributes["size"]
    terms = (2.0 * size + 6, outputs[0].nbytes * (5 * size + 11))
    return Features("LRN", "", inputs[0].dtype, (1.0, size), terms, (log2(outputs[0].nbytes), log2(size)))


_DESCRIBED: Mapping[str, Describe] = {
    **ARRAY_API,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Concat": _joined,
    "Split": _cut,
    "Slice": _sliced,
    "Gather": _gathered,
    "Transpose": _turned,
    "Cast": _cast,
    "BatchNormalization": _normalised_batch,
    "LRN": _normalised_channels,
    **{name: _folded(name) for name in ("Max", "Min", "Sum", "Mean")},
    **{name: _reduced(name) for name in ("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "ArgMax")},
    **{name: _reduced(name) for name in ("GlobalAveragePool", "GlobalMaxPool")},
    **{name: _softmax(name) for name in ("Softmax", "LogSoftmax")},
}
