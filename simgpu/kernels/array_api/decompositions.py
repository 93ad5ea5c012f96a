"""Matrix decompositions of the extension `linalg`, and what is computed by one.

FLOP are those of Golub and Van Loan, Matrix Computations, 4th edition, for a matrix of m rows and n columns (m >= n;
otherwise of its transpose), the lower-order terms left out: LU 2n^3/3 (3.2), Cholesky n^3/3 (4.2), QR with its Q
4mn^2 - 4n^3/3 (5.2), eigenvalues 10n^3, with vectors 25n^3 (7.5), symmetric 4n^3/3 and 9n^3 (8.3), singular values
4mn^2 - 4n^3/3, with thin vectors 14mn^2 + 8n^3, with all vectors 4m^2n + 8mn^2 + 9n^3 (8.6). Complex counts fourfold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.array_api.forms import Expression, assigned, matrix_of
from simgpu.kernels.array_api.products import multiply_add_flop
from simgpu.kernels.array_api.promotion import COMPLEX_FORM, LAPACK, REAL_PART
from simgpu.kernels.rows import CountFlop, choice, require, row
from simgpu.kernels.rules import Attributes, OperationRule, Specs

Results = Callable[[TensorSpec, Attributes], tuple[TensorSpec, ...]]
Count = Callable[[int, int, Attributes], int]
"""(more, fewer of rows and columns, attributes): FLOP of one real matrix."""


def square_of(spec: TensorSpec) -> tuple[tuple[int, ...], int]:
    """Return leading dimensions and size of a stack of square matrices. Raises GraphError for others."""
    batch, rows, columns = matrix_of(spec)
    if rows != columns:
        raise GraphError(f"{spec} is not square")
    return batch, rows


def real_dtype(dtype: str) -> str:
    """Return the dtype of the real part."""
    return REAL_PART.get(dtype, dtype)


def _complex(dtype: str) -> str:
    return COMPLEX_FORM.get(dtype, dtype)


def _same_square(x: TensorSpec, attributes: Attributes) -> tuple[TensorSpec, ...]:
    square_of(x)
    return (x,)


def _one_each(x: TensorSpec, attributes: Attributes) -> tuple[TensorSpec, ...]:
    return (TensorSpec(square_of(x)[0], x.dtype),)


def _sign_and_log(x: TensorSpec, attributes: Attributes) -> tuple[TensorSpec, ...]:
    batch, _ = square_of(x)
    return TensorSpec(batch, x.dtype), TensorSpec(batch, real_dtype(x.dtype))


def _eig(x: TensorSpec, attributes: Attributes) -> tuple[TensorSpec, ...]:
    batch, size = square_of(x)
    return TensorSpec((*batch, size), _complex(x.dtype)), TensorSpec(x.shape, _complex(x.dtype))


def _eigh(x: TensorSpec, attributes: Attributes) -> tuple[TensorSpec, ...]:
    batch, size = square_of(x)
    return TensorSpec((*batch, size), real_dtype(x.dtype)), x


def _svd(x: TensorSpec, attributes: Attributes) -> tuple[TensorSpec, ...]:
    batch, rows, columns = matrix_of(x)
    short = min(rows, columns)
    is_full = attributes.get("full_matrices", True)
    return (
        TensorSpec((*batch, rows, rows if is_full else short), x.dtype),
        TensorSpec((*batch, short), real_dtype(x.dtype)),
        TensorSpec((*batch, columns if is_full else short, columns), x.dtype),
    )


def _qr(x: TensorSpec, attributes: Attributes) -> tuple[TensorSpec, ...]:
    batch, rows, columns = matrix_of(x)
    inner = rows if choice(attributes, "mode", ("reduced", "complete")) == "complete" else min(rows, columns)
    return TensorSpec((*batch, rows, inner), x.dtype), TensorSpec((*batch, inner, columns), x.dtype)


def _power(x: TensorSpec, attributes: Attributes) -> tuple[TensorSpec, ...]:
    if type(require(attributes, "n")) is not int:
        raise GraphError(f"n is {attributes['n']!r}; it must be an integer")
    return _same_square(x, attributes)


def _flop_power(m: int, n: int, attributes: Attributes) -> int:
    """Count squarings and products of binary powering, and an inversion for a negative power."""
    exponent: int = attributes["n"]
    power = abs(exponent)
    products = max(0, power.bit_length() + power.bit_count() - 2)
    return 2 * n**3 * (products + (exponent < 0))


def _flop_svd(m: int, n: int, attributes: Attributes) -> int:
    if attributes.get("full_matrices", True):
        return 4 * m * m * n + 8 * m * n * n + 9 * n**3
    return 14 * m * n * n + 8 * n**3


def flop_singular_values(m: int, n: int, attributes: Attributes) -> int:
    """Count the singular values without vectors."""
    return 4 * m * n * n - 4 * n**3 // 3


def flop_of_matrices(count: Count) -> CountFlop:
    """Return the cost of the first input, a stack of matrices."""

    def flop(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
        x = inputs[0]
        _, rows, columns = matrix_of(x)
        matrices = x.size // max(1, rows * columns)
        return matrices * multiply_add_flop(x) // 2 * count(max(rows, columns), min(rows, columns), attributes)

    return flop


def flop_lu(m: int, n: int, attributes: Attributes) -> int:
    """Count the LU decomposition of a square matrix."""
    return 2 * n**3 // 3


def _cholesky(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    lower = xp.linalg.cholesky(inputs[0])
    return xp.conj(xp.swapaxes(lower, -1, -2)) if attributes.get("upper", False) else lower


def _by(function: str, *names: str, **fixed: Any) -> Expression:
    """Return a call of a function of `linalg`, with the attributes of these names where they are given."""

    def expression(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
        given = {name: attributes[name] for name in names if name in attributes}
        return getattr(xp.linalg, function)(*inputs, **given, **fixed)

    return expression


def singular_values(xp: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
    """Return the singular values, largest first."""
    return xp.linalg.svd(inputs[0], compute_uv=False)


def _decomposition(
    name: str, results: Results, expression: Expression, count: Count, *, attributes: str = "", tensorflow: str
) -> OperationRule:
    def infer(inputs: Specs, given: Attributes) -> tuple[TensorSpec, ...]:
        return results(inputs[0], given)

    return row(
        f"linalg.{name}",
        infer,
        assigned(expression),
        accepts=(LAPACK,),
        attributes=attributes,
        flop=flop_of_matrices(count),
        tensorflow=tensorflow,
    )


def _values_of(results: Results) -> Results:
    return lambda x, attributes: results(x, attributes)[:1]


def _singular(x: TensorSpec, attributes: Attributes) -> tuple[TensorSpec, ...]:
    return _svd(x, {})[1:2]


ROWS = (
    _decomposition(
        "cholesky", _same_square, _cholesky, lambda m, n, a: n**3 // 3, attributes="upper", tensorflow="Cholesky"
    ),
    _decomposition("det", _one_each, _by("det"), flop_lu, tensorflow="MatrixDeterminant"),
    _decomposition("eig", _eig, _by("eig"), lambda m, n, a: 25 * n**3, tensorflow="SelfAdjointEigV2"),
    _decomposition(
        "eigvals", _values_of(_eig), _by("eigvals"), lambda m, n, a: 10 * n**3, tensorflow="SelfAdjointEigV2"
    ),
    _decomposition("eigh", _eigh, _by("eigh"), lambda m, n, a: 9 * n**3, tensorflow="SelfAdjointEigV2"),
    _decomposition(
        "eigvalsh", _values_of(_eigh), _by("eigvalsh"), lambda m, n, a: 4 * n**3 // 3, tensorflow="SelfAdjointEigV2"
    ),
    _decomposition("inv", _same_square, _by("inv"), lambda m, n, a: 2 * n**3, tensorflow="MatrixInverse"),
    _decomposition(
        "matrix_power", _power, _by("matrix_power", "n"), _flop_power, attributes="n", tensorflow="BatchMatMulV2"
    ),
    _decomposition(
        "qr",
        _qr,
        _by("qr", "mode"),
        lambda m, n, a: 4 * m * n * n - 4 * n**3 // 3,
        attributes="mode",
        tensorflow="Qr",
    ),
    _decomposition("slogdet", _sign_and_log, _by("slogdet"), flop_lu, tensorflow="MatrixDeterminant"),
    _decomposition("svd", _svd, _by("svd", "full_matrices"), _flop_svd, attributes="full_matrices", tensorflow="Svd"),
    _decomposition("svdvals", _singular, singular_values, flop_singular_values, tensorflow="Svd"),
)
