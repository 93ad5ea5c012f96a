"""What a tensor is before it has bytes: a shape and a dtype."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simgpu.errors import GraphError

ITEM_BYTES = {
    "bool": 1,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "float16": 2,
    "bfloat16": 2,
    "int32": 4,
    "uint32": 4,
    "float32": 4,
    "int64": 8,
    "uint64": 8,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
    "string": 16,
    "resource": 8,
    "variant": 8,
}
"""Bytes of one element. A string counts as its descriptor, a resource or variant as its handle."""

INTEGER_DTYPES = frozenset(name for name in ITEM_BYTES if name.startswith(("int", "uint")))
LARGEST_TENSOR_BYTES = 2**63 - 1


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape and dtype of a tensor. A scalar has the shape `()`."""

    shape: tuple[int, ...]
    dtype: str

    def __post_init__(self) -> None:
        if not isinstance(self.dtype, str) or self.dtype not in ITEM_BYTES:
            raise GraphError(f"a tensor has dtype {self.dtype!r}; known dtypes are {', '.join(ITEM_BYTES)}")
        if type(self.shape) is not tuple or not all(type(dim) is int and dim >= 0 for dim in self.shape):
            raise GraphError(f"a tensor has shape {self.shape!r}; it must be a tuple of ints of 0 or more")
        if self.nbytes > LARGEST_TENSOR_BYTES:
            raise GraphError(f"a tensor of shape {self.shape!r} and dtype {self.dtype} has more than 2**63 - 1 bytes")

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements, without any rounding."""
        return self.size * ITEM_BYTES[self.dtype]

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"
