"""The extension `linalg` of the namespace, and the matrix functions of its main part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from simgpu.arrays.arguments import as_arrays, axes, integer, integers, run, run_many, scalar
from simgpu.arrays.array import Array
from simgpu.arrays.dtypes import optional_dtype_name
from simgpu.arrays.views import matrices_transposed
from simgpu.errors import InvalidValue


class EigResult(NamedTuple):
    """What `eig` returns."""

    eigenvalues: Array
    eigenvectors: Array


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Array
    eigenvectors: Array


class QRResult(NamedTuple):
    """What `qr` returns."""

    Q: Array
    R: Array


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Array
    logabsdet: Array


class SVDResult(NamedTuple):
    """What `svd` returns."""

    U: Array
    S: Array
    Vh: Array


def matmul(x1: Array, x2: Array, /) -> Array:
    """Multiply matrices, or stacks of matrices; one dimension counts as a row on the left, a column on the right."""
    return run("matmul", x1, x2)


def matrix_transpose(x: Array, /) -> Array:
    """Return a view with the last two axes exchanged."""
    return matrices_transposed(*as_arrays("matrix_transpose", x))


def tensordot(x1: Array, x2: Array, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Array:
    """Contract the last axes of x1 with the first of x2, or the axes named for each."""
    if isinstance(axes, tuple | list):
        left, right = axes
        return run("tensordot", x1, x2, axes=(integers("axes", left), integers("axes", right)))
    return run("tensordot", x1, x2, axes=integer("axes", axes))


def vecdot(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    """Return the scalar products of vectors along an axis, counted from the end; x1 is conjugated."""
    return run("vecdot", x1, x2, axis=integer("axis", axis))


def cholesky(x: Array, /, *, upper: bool = False) -> Array:
    """Return the lower, or upper, triangular factor of a symmetric positive definite matrix."""
    return run("linalg.cholesky", x, upper=bool(upper))


def cross(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    """Return the cross products of vectors of three elements along an axis."""
    return run("linalg.cross", x1, x2, axis=integer("axis", axis))


def det(x: Array, /) -> Array:
    """Return the determinant of a square matrix."""
    return run("linalg.det", x)


def diagonal(x: Array, /, *, offset: int = 0) -> Array:
    """Return a diagonal of a matrix: above the main one for an offset above 0, below for one below."""
    return run("linalg.diagonal", x, offset=integer("offset", offset))


def eig(x: Array, /) -> EigResult:
    """Return eigenvalues and eigenvectors of a square matrix, always as complex numbers."""
    return EigResult(*run_many("linalg.eig", x))


def eigvals(x: Array, /) -> Array:
    """Return the eigenvalues of a square matrix, always as complex numbers."""
    return run("linalg.eigvals", x)


def eigh(x: Array, /) -> EighResult:
    """Return eigenvalues, in ascending order, and eigenvectors of a symmetric or Hermitian matrix."""
    return EighResult(*run_many("linalg.eigh", x))


def eigvalsh(x: Array, /) -> Array:
    """Return the eigenvalues of a symmetric or Hermitian matrix, in ascending order."""
    return run("linalg.eigvalsh", x)


def inv(x: Array, /) -> Array:
    """Return the inverse of a square matrix."""
    return run("linalg.inv", x)


def matrix_norm(x: Array, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """Return a norm of each matrix: "fro", "nuc", 1, -1, 2, -2, inf or -inf."""
    order = ord if ord is None or isinstance(ord, str) else scalar("matrix_norm", ord)
    return run("linalg.matrix_norm", x, keepdims=bool(keepdims), ord=order)


def matrix_power(x: Array, n: int, /) -> Array:
    """Return a whole power of a square matrix."""
    return run("linalg.matrix_power", x, n=integer("n", n))


def matrix_rank(x: Array, /, *, rtol: Array | float | None = None) -> Array:
    """Return how many singular values are above `rtol` times the largest."""
    return _with_tolerance("linalg.matrix_rank", x, rtol)


def outer(x1: Array, x2: Array, /) -> Array:
    """Return the products of all elements of one vector with all of another."""
    return run("linalg.outer", x1, x2)


def pinv(x: Array, /, *, rtol: Array | float | None = None) -> Array:
    """Return the pseudo-inverse; singular values below `rtol` times the largest count as 0."""
    return _with_tolerance("linalg.pinv", x, rtol)


def qr(x: Array, /, *, mode: Literal["reduced", "complete"] = "reduced") -> QRResult:
    """Return the factors of a matrix: one with orthonormal columns, and an upper triangular one."""
    return QRResult(*run_many("linalg.qr", x, mode=mode))


def slogdet(x: Array, /) -> SlogdetResult:
    """Return sign and logarithm of the absolute value of the determinant."""
    return SlogdetResult(*run_many("linalg.slogdet", x))


def solve(x1: Array, x2: Array, /) -> Array:
    """Solve x1 @ x = x2, for one right-hand side (x2 of one dimension) or a matrix of them."""
    return run("linalg.solve", x1, x2)


def svd(x: Array, /, *, full_matrices: bool = True) -> SVDResult:
    """Return the singular value decomposition: U, the singular values, and the adjoint of V."""
    return SVDResult(*run_many("linalg.svd", x, full_matrices=bool(full_matrices)))


def svdvals(x: Array, /) -> Array:
    """Return the singular values, in descending order."""
    return run("linalg.svdvals", x)


def trace(x: Array, /, *, offset: int = 0, dtype: Any = None) -> Array:
    """Return the sum along a diagonal of each matrix."""
    return run("linalg.trace", x, offset=integer("offset", offset), dtype=optional_dtype_name(dtype))


def vector_norm(
    x: Array, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, ord: float = 2
) -> Array:
    """Return a norm of all elements, or of the vectors along axes. `ord` is any number, inf or -inf."""
    order = scalar("vector_norm", ord)
    return run("linalg.vector_norm", x, axis=axes(axis), keepdims=bool(keepdims), ord=order)


def _with_tolerance(type: str, x: Array, rtol: Any) -> Array:
    if rtol is None:
        return run(type, x)
    if isinstance(rtol, Array):
        return run(type, x, rtol)
    number = scalar(type, rtol, array=True)
    if isinstance(number, complex):
        raise InvalidValue(f"{type}: a tolerance is real, and this is {rtol!r}")
    return run(type, x, rtol=float(number))


MAIN = {function.__name__: function for function in (matmul, matrix_transpose, tensordot, vecdot)}
"""The matrix functions of the main namespace by name."""

FUNCTIONS = MAIN | {
    function.__name__: function
    for function in (
        cholesky, cross, det, diagonal, eig, eigh, eigvals, eigvalsh, inv, matrix_norm, matrix_power, matrix_rank,
        outer, pinv, qr, slogdet, solve, svd, svdvals, trace, vector_norm,
    )
}  # fmt: skip
"""The functions of the extension `linalg` by name."""
