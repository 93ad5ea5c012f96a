"""The features of an operation, as data: see `measured_features`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from simgpu.graph import ITEM_BYTES
from simgpu.kernels.rules import Specs


class Product(NamedTuple):
    """`repeats` times a stack of `batch` matrix products (rows, inner) x (inner, columns)."""

    batch: int
    rows: int
    columns: int
    inner: int
    repeats: int = 1

    @property
    def flop(self) -> int:
        """A multiply-add counts as 2 FLOP."""
        return 2 * self.batch * self.rows * self.columns * self.inner

    @property
    def items(self) -> int:
        """Elements of both operands and the result."""
        inner = self.inner * (self.rows + self.columns)
        return self.batch * (inner + self.rows * self.columns)

    @property
    def place(self) -> tuple[float, ...]:
        """Logarithms of the sizes; of the columns also by which power of 2 they divide, up to 8: loads are aligned."""
        aligned = math.gcd(self.columns, 8)
        return (log2(self.batch), log2(self.rows), log2(self.columns), log2(self.inner), log2(aligned))


@dataclass(frozen=True, slots=True)
class Features:
    """What decides how long an operation takes. Only samples with the same `key` are compared.

    The first of `terms` is kernels, the second bytes; what touches no bytes has kernels alone.
    """

    family: str
    path: str
    dtype: str
    counts: tuple[float, ...]
    terms: tuple[float, ...]
    place: tuple[float, ...]
    product: Product | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Family, path and dtype."""
        return self.family, self.path, self.dtype


def log2(value: float) -> float:
    """Return the logarithm to the base of 2, of 1 for anything less."""
    return math.log2(max(1.0, value))


def total(specs: Specs) -> int:
    """Return the bytes of some tensors together."""
    return sum(spec.nbytes for spec in specs)


def first_dtype(inputs: Specs, outputs: Specs) -> str:
    """Return the dtype by which samples are told apart: that of the first floating or complex input.

    Without one, that of the first input that is no truth value; without inputs, that of the first result.
    """
    dtypes = [spec.dtype for spec in inputs or outputs]
    floating = (dtype for dtype in dtypes if "float" in dtype or "complex" in dtype)
    others = (dtype for dtype in dtypes if dtype != "bool")
    return next(floating, None) or next(others, None) or (dtypes[0] if dtypes else "float32")


def product_features(product: Product, dtype: str) -> Features:
    """Return the features of a stack of products as MatMul computes it."""
    moved = ITEM_BYTES[dtype] * product.items
    return Features("MatMul", "stacks", dtype, (1.0,), (1.0, moved, product.flop), product.place)
