"""The operator `@`: matrix products take arrays only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simgpu.arrays.views import change

if TYPE_CHECKING:
    from simgpu.arrays.array import Array


def matmul(self: Array, other: Any, /) -> Any:
    """Multiply matrices: `self @ other`."""
    if not isinstance(other, self.__class__):
        return NotImplemented
    return self._kind.runtime.apply("matmul", (self, other))[0]


def reflected_matmul(self: Array, other: Any, /) -> Any:
    """Multiply matrices: `other @ self`."""
    return matmul(other, self) if isinstance(other, self.__class__) else NotImplemented


def in_place_matmul(self: Array, other: Any, /) -> Any:
    """Multiply matrices and keep the result: `self @= other`."""
    if not isinstance(other, self.__class__):
        return NotImplemented
    change(self, "matmul", (self, other), {})
    return self
