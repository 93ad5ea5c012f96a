"""Cases of operations that pass over their bytes: elements, copies, reductions, normalisation, pooling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from simgpu.calibration.case import Case, case
from simgpu.graph import TensorSpec

Shape = tuple[int, ...]

_COARSE = (0, 10, 14, 18, 22, 26)
_MIDDLE = (5, 8, 12, 16, 20, 24)
_FINE = (11, 13, 15, 17, 19, 21, 23, 25)
"""Logarithms of the number of elements, in the order of what they tell."""

_OFTEN = ("Relu", "Identity", "Sigmoid", "Clip", "Sqrt", "Exp", "Tanh", "Erf")
_SELDOM = ("LeakyRelu", "Elu", "HardSigmoid", "Abs", "Log", "Neg", "Reciprocal", "Ceil", "Floor")
_BINARY = ("Add", "Mul", "Sub", "Div")
_BINARY_SELDOM = ("Pow", "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual")
_REDUCTIONS = ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin")


def shape_of(exponent: int) -> Shape:
    """Return the shape of an image with so many elements (a power of 2)."""
    return (2**exponent,) if exponent < 6 else (1, 2 ** (exponent - 6), 8, 8)


def _scales(*, often: bool, first_tier: int = 0) -> Iterator[tuple[int, int]]:
    """Yield exponents with their tiers."""
    yield from ((first_tier, exponent) for exponent in _COARSE)
    yield from ((first_tier + 1, exponent) for exponent in _MIDDLE)
    if often:
        yield from ((first_tier + 2, exponent) for exponent in _FINE)


def element_cases() -> Iterator[Case]:
    """Yield arithmetic of elements, in one shape and with stretched inputs, on the dtypes that occur."""
    for type in (*_OFTEN, *_SELDOM):
        for tier, exponent in _scales(often=type in _OFTEN, first_tier=0 if type in _OFTEN else 1):
            yield _with_attributes(case(type, shape_of(exponent), tier=tier))
    for type in (*_BINARY, *_BINARY_SELDOM):
        for tier, exponent in _scales(often=type in _BINARY, first_tier=0 if type in _BINARY else 1):
            yield case(type, shape_of(exponent), shape_of(exponent), tier=tier)
            for shapes in _stretched(exponent):
                yield case(type, *shapes, tier=tier)
    for type in ("Sum", "Max", "Min", "Mean"):
        for tier, exponent in _scales(often=type == "Sum", first_tier=0 if type == "Sum" else 1):
            for count in (2, 3) if type == "Sum" else (2,):
                yield case(type, *[shape_of(exponent)] * count, tier=tier)
    yield from _other_dtypes()
    yield from _chosen()


def _with_attributes(found: Case) -> Case:
    return replace(found, attributes={"min": 0.0, "max": 6.0}) if found.type == "Clip" else found


def _stretched(exponent: int) -> Iterator[tuple[Shape, Shape]]:
    """Yield an image and one value for each channel, rows and one value for each column, or for each row."""
    if exponent < 6:
        yield (2**exponent, 1), (1, 1)
        return
    edge = 2 ** min(8, exponent // 3)
    channels = max(1, 2**exponent // edge**2)
    yield (1, channels, edge, edge), (channels, 1, 1)
    columns = 2 ** min(12, exponent // 2)
    rows = 2**exponent // columns
    yield (1, rows, columns), ((columns,) if exponent % 4 else (rows, 1))
    yield (2**exponent,), (1,)


def _other_dtypes() -> Iterator[Case]:
    for dtype in ("float16", "float64", "int64", "int32"):
        for type in ("Add", "Identity", "Mul") if dtype != "float16" else ("Add", "Identity", "Mul", "Relu", "Sub"):
            for exponent in _COARSE[:-1]:
                shapes = [shape_of(exponent)] * (1 if type in ("Identity", "Relu") else 2)
                yield case(type, *shapes, tier=2, dtype=dtype)
        for exponent in _COARSE[:-1]:
            for pair in _stretched(exponent):
                yield case("Add", *pair, tier=2, dtype=dtype)
    for source, target in (("float32", "float16"), ("float16", "float32"), ("int64", "float32"), ("float32", "int64")):
        for exponent in _COARSE[:-1]:
            yield Case("Cast", (TensorSpec(shape_of(exponent), source),), {"dtype": target}, 2)


def _chosen() -> Iterator[Case]:
    for tier, exponent in _scales(often=False, first_tier=1):
        spec = TensorSpec(shape_of(exponent), "float32")
        yield Case("Where", (TensorSpec(spec.shape, "bool"), spec, spec), {}, tier)
        yield Case("Cast", (spec,), {"dtype": "float32"}, tier)


def moving_cases() -> Iterator[Case]:
    """Yield what only moves bytes."""
    for tier, exponent in _scales(often=True):
        shape = shape_of(exponent)
        axis = 1 if len(shape) > 1 else 0
        for count in (2, 4):
            yield case("Concat", *[shape] * count, tier=tier, axis=axis)
            if exponent > 8:
                yield case("Concat", *[(8, 2 ** (exponent - 9), 8, 8)] * count, tier=tier + 1, axis=1)
        if len(shape) > 1:
            yield from _cut(shape, exponent, tier)
    for tier, exponent in _scales(often=False, first_tier=1):
        for columns in (64, 1024):
            yield _gathered(max(1, 2**exponent // columns), columns, tier)
        yield case("Concat", shape_of(exponent), shape_of(exponent), tier=tier, axis=-1)


def _cut(shape: Shape, exponent: int, tier: int) -> Iterator[Case]:
    channels = shape[1]
    if channels > 1:
        yield case("Split", shape, tier=tier + 1, axis=1, num_outputs=2)
        yield case("Slice", shape, tier=tier + 1, starts=(0,), ends=(channels // 2,), axes=(1,))
    if channels > 3:
        yield case("Split", shape, tier=tier + 1, axis=1, num_outputs=4)
        yield case("Transpose", (1, 4, channels // 4, 8, 8), tier=tier, perm=(0, 2, 1, 3, 4))
    yield case("Pad", shape, tier=tier + 1, pads=(0, 0, 1, 1, 0, 0, 1, 1))
    yield case("Expand", (channels, 1), tier=tier + 1, shape=(channels, 64))
    yield case("Tile", (channels, 16), tier=tier + 1, repeats=(1, 4))
    rows = 2 ** (exponent // 2)
    yield case("Transpose", (rows, 2**exponent // rows), tier=tier)
    if exponent >= 10:
        yield case("Transpose", (1, 2 ** (exponent - 10), 16, 64), tier=tier, perm=(0, 2, 1, 3))
        yield case("Transpose", (1, 16, 2 ** (exponent - 10), 64), tier=tier + 1, perm=(0, 1, 3, 2))


def _gathered(rows: int, columns: int, tier: int) -> Case:
    table = TensorSpec((max(16, min(rows, 32768)), columns), "float32")
    return Case("Gather", (table, TensorSpec((rows,), "int64")), {}, tier)


def summing_cases() -> Iterator[Case]:
    """Yield reductions and what normalises."""
    for type in _REDUCTIONS:
        first = 0 if type == "ReduceMean" else 1
        for tier, exponent in _scales(often=type == "ReduceMean", first_tier=first):
            yield from _reduced(type, exponent, tier)
    for type in ("Softmax", "LogSoftmax"):
        for tier, exponent in _scales(often=type == "Softmax", first_tier=0 if type == "Softmax" else 1):
            for length in (16, 128, 1024):
                if 2**exponent >= length:
                    yield case(type, (2**exponent // length, length), tier=tier, axis=-1)
    for tier, exponent in _scales(often=True):
        yield from _images(exponent, tier)
    for tier, exponent in _scales(often=False, first_tier=1):
        yield case("ArgMax", (max(1, 2**exponent // 128), 128), tier=tier, axis=-1)


def _reduced(type: str, exponent: int, tier: int) -> Iterator[Case]:
    for length in (8, 64, 512):
        if 2**exponent >= length:
            rows = 2**exponent // length
            yield case(type, (rows, length), tier=tier, axes=(-1,))
            yield case(type, (length, rows), tier=tier + 1, axes=(0,))
    yield case(type, (2**exponent,), tier=tier + 1)


def _images(exponent: int, tier: int) -> Iterator[Case]:
    """Yield what takes images: sizes of 7 to 112, and as many channels as make so many elements."""
    if exponent < 8:
        return
    for size in (7, 14, 28, 56, 112)[exponent % 2 :: 2]:
        channels = max(1, 2**exponent // size**2)
        if channels <= 4096:
            shape = (1, channels, size, size)
            yield case("BatchNormalization", shape, *[(channels,)] * 4, tier=tier)
            yield case("LRN", shape, tier=tier, size=5)
            yield case("GlobalAveragePool", shape, tier=tier)
            yield case("GlobalMaxPool", shape, tier=tier + 2)


def pooling_cases() -> Iterator[Case]:
    """Yield windows of 2 to 7 points over images of 7 to 224."""
    sizes: Sequence[int] = (7, 14, 28, 56, 112, 224)
    for number, size in enumerate(sizes):
        for kernel, stride, pad in ((3, 2, 0), (2, 2, 0), (3, 1, 1), (3, 2, 1), (7, 1, 0), (5, 2, 0)):
            for channels in (8, 60, 240, 1000):
                if size < kernel or size * size * channels > 2**24:
                    continue
                tier = (number + kernel + channels.bit_length()) % 3 if kernel <= 3 else 2
                options: dict[str, Any] = {
                    "kernel_shape": (kernel, kernel),
                    "strides": (stride, stride),
                    "pads": (pad,) * 4,
                }
                for type in ("MaxPool", "AveragePool"):
                    yield case(type, (1, channels, size, size), tier=tier, **options)
                if channels == 60:
                    yield case("MaxPool", (8, channels, size, size), tier=tier, **options)
