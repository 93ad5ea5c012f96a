"""One call or more for each array function: inputs and attributes, in few dtypes, as each new kernel is compiled."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Example(NamedTuple):
    name: str
    inputs: tuple[np.ndarray, ...]
    attributes: dict[str, Any]


def call(name: str, *inputs: np.ndarray, **attributes: Any) -> Example:
    return Example(name, inputs, attributes)


def f(*shape: int) -> np.ndarray:
    """Normal float32 values."""
    return np.random.default_rng([*shape, 1]).standard_normal(shape, dtype=np.float32)


def i(*shape: int) -> np.ndarray:
    """Integers from 1 to 9, of both signs."""
    generator = np.random.default_rng([*shape, 2])
    return (generator.integers(1, 10, shape) * generator.choice([-1, 1], shape)).astype(np.int64)


def b(*shape: int) -> np.ndarray:
    return f(*shape) > 0


def c(*shape: int) -> np.ndarray:
    return (f(*shape) + 1j * f(*shape)[::-1]).astype(np.complex64)


def half(rows: int, columns: int) -> np.ndarray:
    """Return what real values give when they are transformed along both axes, or the last: one half of it."""
    symmetric = f(rows, columns) + np.roll(f(rows, columns)[::-1], 1, axis=0)  # then each row is real behind the first
    return np.fft.rfftn(symmetric).astype(np.complex64)


def between(low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, 12, dtype=np.float32).reshape(3, 4)


def definite(n: int) -> np.ndarray:
    """A positive definite matrix."""
    return f(n, n) @ f(n, n).T + n * np.eye(n, dtype=np.float32)


def at(*places: int) -> np.ndarray:
    return np.array(places, np.int64)


X, Y = f(3, 4), np.abs(f(4)) + 0.5
WHOLE, OTHER = i(3, 4), np.abs(i(4))
MATRIX, STACK = definite(3), np.stack([definite(3), 2 * definite(3)])
SLICE = ("slice", 1, None, None)

CREATION = [
    call("arange", start=1, stop=9, step=3),
    call("arange", start=0.0, stop=2.0, step=0.25),
    call("arange", start=9, stop=0, step=-2, dtype="uint8"),
    call("empty", shape=(0, 3)),
    call("eye", n_rows=3, n_cols=5, k=1),
    call("full", shape=(2, 3), fill_value=2.5, dtype="float32"),
    call("full", shape=(), fill_value=7),
    call("linspace", start=-1, stop=2.5, num=7, endpoint=True),
    call("linspace", start=0, stop=3, num=4, endpoint=False, dtype="float32"),
    call("linspace", start=0, stop=2 + 4j, num=5),
    call("ones", shape=(2, 3), dtype="float32"),
    call("zeros", shape=(2, 3), dtype="int64"),
    call("fft.fftfreq", n=7, d=0.5, dtype="float64"),
    call("fft.rfftfreq", n=8, d=0.5, dtype="float64"),
    call("asarray", WHOLE, dtype="float32"),
    call("astype", 3 * X, dtype="int64"),
    call("astype", X, dtype="bool"),
    call("astype", b(3, 4), dtype="float32"),
    call("astype", X, dtype="complex64"),
    call("from_dlpack", X),
    call("empty_like", f(0, 2)),
    call("full_like", X, fill_value=3.0),
    call("ones_like", X),
    call("zeros_like", WHOLE),
    call("tril", X, k=1),
    call("triu", WHOLE, k=-1),
    call("meshgrid", f(3), f(4), indexing="xy"),
    call("meshgrid", f(3), f(4), indexing="ij"),
]
DECOMPOSITIONS = [
    call("linalg.cholesky", STACK),
    call("linalg.cholesky", MATRIX, upper=True),
    call("linalg.det", STACK),
    call("linalg.slogdet", STACK),
    call("linalg.eig", MATRIX),
    call("linalg.eigvals", MATRIX),
    call("linalg.eigh", STACK),
    call("linalg.eigvalsh", STACK),
    call("linalg.inv", STACK),
    *(call("linalg.matrix_power", MATRIX, n=n) for n in (0, 1, 3, -2)),
    call("linalg.qr", f(4, 3), mode="reduced"),
    call("linalg.qr", f(4, 3), mode="complete"),
    call("linalg.svd", f(4, 3), full_matrices=True),
    call("linalg.svd", f(2, 4, 3), full_matrices=False),
    call("linalg.svdvals", f(4, 3)),
    call("linalg.pinv", f(4, 3)),
    call("linalg.pinv", f(4, 3), rtol=0.5),
    call("linalg.matrix_rank", STACK),
    call("linalg.solve", STACK, f(2, 3, 2)),
    call("linalg.solve", MATRIX, f(3)),
    call("linalg.solve", MATRIX, f(2, 3, 2)),
    call("linalg.solve", STACK, f(3, 2)),
    *(call("linalg.matrix_norm", f(2, 3, 4), ord=ord) for ord in (1, -1, np.inf, "fro", "nuc", 2)),
    *(call("linalg.vector_norm", X, ord=ord, axis=1) for ord in (0, 1, 2, 3.5, np.inf, -np.inf)),
    call("linalg.vector_norm", X),
]
UNARY = [
    *(
        call(name, X)
        for name in (
            *("abs", "atan", "asinh", "ceil", "cos", "cosh", "exp", "expm1", "floor", "isfinite", "isinf", "isnan"),
            *("negative", "positive", "reciprocal", "round", "sign", "signbit", "sin", "sinh", "square", "tan", "tanh"),
            *("trunc", "conj", "real"),
        )
    ),
    *(call(name, between(-0.9, 0.9)) for name in ("acos", "asin", "atanh")),
    call("acosh", between(1, 5)),
    *(call(name, between(0.1, 5)) for name in ("log", "log10", "log1p", "log2", "sqrt")),
    *(call(name, WHOLE) for name in ("abs", "bitwise_invert", "negative", "sign", "square", "ceil", "floor", "round")),
    *(call(name, c(3, 4)) for name in ("abs", "conj", "real", "imag", "exp", "isfinite", "sign")),
    call("bitwise_invert", b(5)),
    call("logical_not", b(5)),
]
BINARY = [
    *(
        call(name, X, Y)
        for name in (
            *("add", "atan2", "copysign", "divide", "equal", "floor_divide", "greater", "greater_equal", "hypot"),
            *("less", "less_equal", "logaddexp", "maximum", "minimum", "multiply", "nextafter", "not_equal"),
            *("remainder", "subtract"),
        )
    ),
    *(
        call(name, WHOLE, OTHER)
        for name in (
            *("add", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor"),
            *("equal", "floor_divide", "maximum", "multiply", "remainder", "subtract", "pow"),
        )
    ),
    *(call(name, b(3, 4), b(4)) for name in ("logical_and", "logical_or", "logical_xor", "bitwise_and", "equal")),
    call("pow", np.abs(X), Y),
    call("divide", WHOLE, OTHER),
    call("add", WHOLE.astype(np.int32), OTHER),
    call("add", X, scalar=2.0),
    call("subtract", X, scalar=2.0, side="left"),
    call("multiply", WHOLE, scalar=3),
    call("pow", X, scalar=2),
    call("less", X, scalar=0.5),
    call("less", WHOLE, scalar=2**64),
    call("clip", X, np.float32([-0.5, -1, 0, 0]), Y, min="array", max="array"),
    call("clip", X, min=-0.5, max=0.5),
    call("clip", WHOLE, max=4),
]
FOURIER = [
    *(call(f"fft.{name}", c(3, 8), n=n, axis=-1, norm="backward") for name in ("fft", "ifft") for n in (8, 6)),
    *(call(f"fft.{name}", f(3, 8), norm="ortho") for name in ("rfft", "ihfft")),
    *(call("fft.hfft", half(3, n), n=n, norm="backward") for n in (8, 7)),  # of real values: CUDA asks for no less
    *(call(f"fft.{name}", half(3, 8), norm="forward") for name in ("irfft", "irfftn")),
    *(call(f"fft.{name}", c(3, 8), norm="backward") for name in ("fftn", "ifftn")),
    call("fft.rfftn", f(3, 8), norm="backward"),
    call("fft.fftshift", f(3, 5)),
    call("fft.ifftshift", f(3, 5), axes=(1,)),
]
INDEXING = [
    call("take", X, at(2, 0, -1), axis=0),
    call("take", f(9), at(8, 1)),
    call("take_along_axis", X, at(2, 0, 1, 1)[None], axis=0),
    call("getitem", X, key=(SLICE, ("slice", None, None, -2))),
    call("getitem", f(2, 3, 4), key=(1, None, ("slice", 0, 2, None))),
    call("getitem_arrays", X, at(2, 0, 1), key=("array",)),
    call("getitem_arrays", X, at(2, 0, 1), at(1, 1, 3), key=("array", "array")),
    call("getitem_mask", X, X > 0, key=("mask",)),
    call("setitem", X, key=(SLICE, 2), value=7.5),
    call("setitem", X, f(2, 4), key=(SLICE,)),
    call("setitem", X, at(2, 0), f(2, 4), key=("array",)),
    call("setitem", X, X > 0, key=("mask",), value=0.0),
]
MANIPULATION = [
    call("broadcast_to", f(3, 1), shape=(2, 3, 4)),
    call("expand_dims", X, axis=1),
    call("flip", X),
    call("flip", X, axis=1),
    call("moveaxis", f(2, 3, 4), source=0, destination=-1),
    call("permute_dims", f(2, 3, 4), axes=(2, 0, 1)),
    call("squeeze", f(1, 3, 1), axis=(0, 2)),
    call("reshape", X, shape=(2, 6)),
    call("roll", X, shift=2),
    call("roll", X, shift=(1, -1), axis=(0, 1)),
    call("tile", X, repetitions=(2, 2)),
    call("repeat", X, repeats=2, axis=1),
    call("unstack", X, axis=1),
    call("broadcast_arrays", X, f(4)),
    call("concat", X, f(2, 4)),
    call("concat", X, WHOLE, axis=1),
    call("stack", X, f(3, 4), axis=-1),
    call("repeat_each", X, at(2, 0, 1), axis=0),
]
PRODUCTS = [
    *(
        example
        for prefix in ("", "linalg.")
        for example in (
            call(f"{prefix}matmul", X, f(4, 5)),
            call(f"{prefix}matmul", f(2, 3, 4), f(4)),
            call(f"{prefix}matmul", WHOLE, i(4, 2)),
            call(f"{prefix}tensordot", X, f(4, 5), axes=1),
            call(f"{prefix}tensordot", f(2, 3, 4), f(3, 4, 2), axes=((1, 2), (0, 1))),
            call(f"{prefix}vecdot", X, f(4)),
            call(f"{prefix}vecdot", c(3, 4), c(4)),
            call(f"{prefix}matrix_transpose", f(2, 3, 4)),
        )
    ),
    call("matmul", X.astype(np.float16), f(4, 5).astype(np.float16)),
    call("matmul", c(3, 4), c(4, 2)),
    call("linalg.cross", f(2, 3), f(3)),
    call("linalg.outer", f(3), f(4)),
    call("linalg.diagonal", X, offset=1),
    call("linalg.trace", X),
]
SEARCHING = [
    call("argmax", X),
    call("argmax", X, axis=1, keepdims=True),
    call("argmin", WHOLE, axis=0),
    call("argsort", X),
    call("argsort", X, axis=0, descending=True),
    call("sort", X),
    call("sort", WHOLE, axis=0, descending=True),
    call("searchsorted", np.sort(f(9)), f(4), side="left"),
    call("searchsorted", np.sort(f(9)), f(4), side="right"),
    call("where", X > 0, X, f(4)),
    call("where", X > 0, X, scalar=2.0),
    call("isin", WHOLE, at(1, 3, 5)),
    call("nonzero", np.where(X > 0, X, 0)),
    *(call(f"unique_{what}", at(3, 1, 3, 2, 1)) for what in ("all", "counts", "inverse", "values")),
]
STATISTICS = [
    *(call(name, X) for name in ("max", "mean", "min", "prod", "std", "sum", "var")),
    *(call(name, X, axis=1, keepdims=True) for name in ("max", "mean", "min", "prod", "std", "sum", "var")),
    *(call(name, X > 0, axis=0) for name in ("all", "any", "count_nonzero")),
    *(call(name, WHOLE, axis=0) for name in ("max", "sum", "prod")),
    call("var", X, axis=0, correction=1.0),
    call("sum", X.astype(np.float16)),
    call("cumulative_sum", X, axis=1),
    call("cumulative_sum", X, axis=0, include_initial=True),
    call("cumulative_prod", X, axis=1),
    call("diff", X),
    call("diff", X, axis=0, n=2),
]
EXAMPLES = [
    *CREATION,
    *DECOMPOSITIONS,
    *UNARY,
    *BINARY,
    *FOURIER,
    *INDEXING,
    *MANIPULATION,
    *PRODUCTS,
    *SEARCHING,
    *STATISTICS,
]
