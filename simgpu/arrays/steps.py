"""The shortest way through an elementwise operation: what is left once everything about it has been decided.

A step is a closure over what the decision gave: the memory and the kind of the result, and the function of the storage
that computes it. It allocates, computes and wraps; it checks nothing that its caller knows from the kinds of operands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simgpu.arrays.kind import Kind

if TYPE_CHECKING:
    from simgpu.arrays.array import Array

Step = Callable[..., Any]
_MOST_ARRAYS = 256  # for each kind; they hold no bytes of their own
_new = object.__new__


def step_of_one(made: Array, type: str, function: str) -> Callable[[Any], Array]:
    """Return the step that does to another operand of the same kind what gave `made`."""
    own, kind, array_class = made._kind.arrays, made._kind, made.__class__
    allocate, size_bytes, array_at = kind.memory.allocate, kind.size_bytes, kind.array_at
    compute, quiet = _function(kind, function)

    def step(x: Any) -> Array:
        buffer = allocate(size_bytes, type)
        offset = buffer.block[0]
        data = own.get(offset)
        if data is None:
            data = _remembered(own, offset, array_at)
        if compute is not None:
            try:
                quiet.run(compute, x, data)
            except RuntimeError:
                quiet.call(compute, x, data)
        array = _new(array_class)
        array._data = data
        array._buffer = buffer
        array._kind = kind
        return array

    return step


def step_of_two(made: Array, type: str, function: str) -> Callable[[Any, Any], Array]:
    """Return the step that does to two other operands of the same kinds what gave `made`."""
    own, kind, array_class = made._kind.arrays, made._kind, made.__class__
    allocate, size_bytes, array_at = kind.memory.allocate, kind.size_bytes, kind.array_at
    compute, quiet = _function(kind, function)

    def step(left: Any, right: Any) -> Array:
        buffer = allocate(size_bytes, type)
        offset = buffer.block[0]
        data = own.get(offset)
        if data is None:
            data = _remembered(own, offset, array_at)
        if compute is not None:
            try:
                quiet.run(compute, left, right, data)
            except RuntimeError:
                quiet.call(compute, left, right, data)
        array = _new(array_class)
        array._data = data
        array._buffer = buffer
        array._kind = kind
        return array

    return step


def _function(kind: Kind, name: str) -> tuple[Callable[..., Any] | None, Any]:
    storage = kind.runtime.storage
    return storage.function(name), storage.quiet


def _remembered(own: dict[int, Any], offset: int, array_at: Callable[[int], Any]) -> Any:
    """Make the storage's array at an offset, and keep it for the next array there."""
    if len(own) >= _MOST_ARRAYS:
        own.clear()
    data = own[offset] = array_at(offset)
    return data
