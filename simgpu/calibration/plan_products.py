"""Cases of matrix products and convolutions: coarse grids first, then sizes drawn from the seed."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from simgpu.calibration.case import Case, case

_LARGEST_FLOP = 2**37
_LARGEST_ITEMS = 2**26

_SIZES = (7, 10, 14, 20, 28, 40, 56, 80, 112, 160, 224)
"""Edges of images: those that halving 224 gives, and one between each two."""
_CHANNELS = (8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256, 320, 384, 512, 640, 768, 1024, 1280, 1536, 2048)
_KERNELS = ((1, 1), (3, 3), (5, 5), (7, 7), (1, 7), (7, 1), (1, 3), (3, 1), (11, 11))
_COLUMNS_OF_KERNELS = (0.12, 0.48, 0.1, 0.08, 0.06, 0.06, 0.04, 0.04, 0.02)


def product_cases(generator: np.random.Generator) -> Iterator[Case]:
    """Yield Gemm and MatMul: of matrices, of stacks of them, and of a stack with one matrix."""
    for rows in (1, 16, 256, 4096):
        for columns in (1, 64, 512, 4096):
            for inner in (1, 64, 512, 4096):
                tier = 0 if min(rows, columns, inner) > 1 or rows == 1 else 2
                yield from _matrices(rows, columns, inner, tier)
    for tier, count in ((0, 40), (1, 80), (2, 120)):
        for _ in range(count):
            rows, columns, inner = (_drawn(generator, 0, 13) for _ in range(3))
            yield from _matrices(rows, columns, inner, tier)
    for rows in (1, 8, 64):
        for columns, inner in ((1024, 16384), (4096, 8192), (4096, 32768), (16384, 4096), (1000, 4096)):
            yield from _matrices(rows, columns, inner, 1)
    for tier, count in ((1, 40), (2, 60)):
        for _ in range(count):
            rows = int(generator.choice((1, 1, 2, 4, 8, 16, 32)))
            yield from _matrices(rows, _drawn(generator, 6, 13), _drawn(generator, 6, 15), tier)
    for tier, count in ((0, 50), (1, 100), (2, 200)):
        for _ in range(count):
            yield from _stacks(generator, tier)
    for dtype, tier in (("float16", 2), ("float64", 3), ("int32", 3)):
        for rows in (1, 64, 512, 4096):
            for edge in (64, 512, 4096):
                yield case("MatMul", (rows, edge), (edge, edge), tier=tier, dtype=dtype)
                yield case("Gemm", (rows, edge), (edge, edge), (edge,), tier=tier, dtype=dtype, transB=1)
                yield case("MatMul", (4, rows, edge // 4), (4, edge // 4, edge), tier=tier, dtype=dtype)


def _drawn(generator: np.random.Generator, low: float, high: float) -> int:
    """Return a size, uniform in its logarithm; a multiple of 8 more often than not."""
    size = round(2 ** generator.uniform(low, high))
    return size if size < 8 or generator.random() < 0.2 else size // 8 * 8


def _fits(rows: int, columns: int, inner: int, batch: int = 1) -> bool:
    items = batch * (rows * inner + inner * columns + rows * columns)
    return items <= 3 * _LARGEST_ITEMS and 2 * batch * rows * columns * inner <= _LARGEST_FLOP * 8


def _matrices(rows: int, columns: int, inner: int, tier: int) -> Iterator[Case]:
    if not _fits(rows, columns, inner):
        return
    yield case("Gemm", (rows, inner), (columns, inner), (columns,), tier=tier, transB=1)
    yield case("MatMul", (rows, inner), (inner, columns), tier=tier)
    yield case("Gemm", (rows, inner), (inner, columns), (columns,), tier=tier + 1)


def _stacks(generator: np.random.Generator, tier: int) -> Iterator[Case]:
    """Yield products as convolutions have them, as attention has them, and of a stack with one matrix."""
    rows, columns, inner = _drawn(generator, 3, 11), _points(generator), _drawn(generator, 4, 13)
    for batch in (1, int(generator.choice((1, 1, 2, 4, 8, 16, 32)))):
        if _fits(rows, columns, inner, batch):
            yield case("MatMul", (batch, rows, inner), (batch, inner, columns), tier=tier)
        rows, columns, inner = _drawn(generator, 3, 11), _points(generator), _drawn(generator, 4, 13)
    heads, length, depth = (2 ** int(generator.integers(low, high)) for low, high in ((0, 8), (4, 11), (4, 8)))
    if heads * length * max(length, depth) <= _LARGEST_ITEMS:
        yield case("MatMul", (1, heads, length, depth), (1, heads, depth, length), tier=tier)
        yield case("MatMul", (1, heads, length, length), (1, heads, length, depth), tier=tier)
    images, rows = (2 ** int(generator.integers(low, high)) for low, high in ((0, 6), (4, 11)))
    inner, columns = (int(generator.choice((2, 3))) * 2 ** int(generator.integers(4, 12)) for _ in range(2))
    if _fits(images * rows, columns, inner):
        yield case("MatMul", (images, rows, inner), (inner, columns), tier=tier)


def _points(generator: np.random.Generator) -> int:
    """Return how many points an image has, or rows of one."""
    edge = int(generator.choice(_SIZES))
    return edge * (edge if generator.random() < 0.7 else max(1, int(edge * generator.random())))


def convolution_cases(generator: np.random.Generator) -> Iterator[Case]:
    """Yield convolutions by points, by columns and depthwise, of images and channels as networks have them."""
    for tier, count in ((0, 120), (1, 300), (2, 600)):
        for _ in range(count):
            found = _convolution(generator, tier)
            if found is not None:
                yield found
    for tier, count in ((0, 20), (1, 40), (2, 60)):
        for _ in range(count):
            found = _depthwise(generator, tier)
            if found is not None:
                yield found
    yield from _first_layers()
    yield from _grid()
    for channels, size in ((32, 56), (64, 28), (256, 14)):
        for kernel in (1, 3):
            for dtype in ("float16", "float64"):
                yield _conv(1, channels, channels, size, (kernel, kernel), tier=3, dtype=dtype)


def _convolution(generator: np.random.Generator, tier: int) -> Case | None:
    size = int(generator.choice(_SIZES))
    channels, results = (int(generator.choice(_CHANNELS)) for _ in range(2))
    is_point = generator.random() < 0.4
    kernel = (1, 1) if is_point else _KERNELS[int(generator.choice(len(_KERNELS), p=_COLUMNS_OF_KERNELS))]
    stride = 1 if is_point or (kernel != (1, 1) and generator.random() < 0.75) else 2
    images = int(generator.choice((1, 1, 1, 1, 2, 4, 8, 16, 32) if is_point else (1, 1, 1, 1, 2, 4, 8, 16)))
    group = int(generator.choice((1, 1, 1, 1, 1, 1, 1, 2, 4, 8)))
    has_bias = bool(generator.random() < 0.5)
    if channels % group or results % group or channels == group or max(kernel) > size:
        return None
    found = _conv(images, channels, results, size, kernel, tier=tier, stride=stride, group=group, has_bias=has_bias)
    return found if _is_moderate(found) else None


def _is_moderate(found: Case) -> bool:
    items = max(spec.size for spec in (*found.inputs, *found.outputs))
    columns = found.inputs[0].size * math.prod(found.inputs[1].shape[2:])
    return items <= _LARGEST_ITEMS // 2 and columns <= 4 * _LARGEST_ITEMS and found.work.flop <= _LARGEST_FLOP


def _depthwise(generator: np.random.Generator, tier: int) -> Case | None:
    size, channels = int(generator.choice(_SIZES)), int(generator.choice(_CHANNELS))
    if size * size * channels > 2**23:
        return None
    kernel, images = int(generator.choice((3, 3, 3, 5))), int(generator.choice((1, 1, 1, 2, 4, 8)))
    stride = int(generator.choice((1, 2)))
    return _conv(images, channels, channels, size, (kernel, kernel), tier=tier, stride=stride, group=channels)


def _grid() -> Iterator[Case]:
    """Yield convolutions of 3 x 3 points and of one, on halvings of 224 and channels of powers of 2."""
    for number, size in enumerate((224, 112, 56, 28, 14, 7, 1)):
        for exponent in range(4, 12):
            channels, tier = 2**exponent, (number + exponent) % 2
            for images in (1, 8):
                later = tier + (images > 1)
                for results in (channels, 2 * channels):
                    found = _conv(images, channels, results, size, (3, 3), tier=later + (results > channels))
                    if exponent < 10 and size > 1 and _is_moderate(found):
                        yield found
                for results in (channels, channels // 4, 4 * channels):
                    found = _conv(images, channels, results, size, (1, 1), tier=later + (results != channels))
                    if results <= 2048 and _is_moderate(found):
                        yield found


def _first_layers() -> Iterator[Case]:
    """Yield convolutions of colour images."""
    for tier, results in ((0, 64), (1, 32), (1, 96), (2, 16)):
        for kernel, stride in ((3, 1), (3, 2), (7, 2), (11, 4), (5, 2)):
            for size in (224, 128):
                for images in (1, 4):
                    yield _conv(images, 3, results, size, (kernel, kernel), tier=tier, stride=stride, has_bias=True)


def _conv(
    images: int,
    channels: int,
    results: int,
    size: int,
    kernel: tuple[int, int],
    *,
    tier: int,
    stride: int = 1,
    group: int = 1,
    has_bias: bool = False,
    dtype: str = "float32",
) -> Case:
    pads = (kernel[0] // 2, kernel[1] // 2) * 2
    bias = ((results,),) if has_bias else ()
    shapes = ((images, channels, size, size), (results, channels // group, *kernel), *bias)
    options = {"strides": (stride, stride), "pads": pads, "group": group}
    return case("Conv", *shapes, tier=tier, dtype=dtype, **options)
