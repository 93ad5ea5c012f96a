"""Gives a class that holds an array the operators of that array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_BOTH_SIDES = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift"
_ONE_SIDE = "neg pos abs invert eq ne lt le gt ge getitem len bool int float complex index"
OPERATORS = (
    *(f"__{side}{name}__" for name in _BOTH_SIDES.split() for side in ("", "r")),
    *(f"__{name}__" for name in _ONE_SIDE.split()),
)


def forward_operators(holder: type, *, to: str) -> None:
    """Let the operators of a class work on the array in its attribute `to`, and on those of other operands alike."""
    for name in OPERATORS:
        setattr(holder, name, _forwarded(holder, name, to))
    setattr(holder, "__hash__", object.__hash__)  # noqa: B010


def _forwarded(holder: type, name: str, to: str) -> Callable[..., Any]:
    def operator(self: Any, *operands: Any) -> Any:
        arrays = [getattr(operand, to) if isinstance(operand, holder) else operand for operand in operands]
        return getattr(getattr(self, to), name)(*arrays)

    operator.__name__ = name
    operator.__doc__ = f"Apply `{name}` to the array that is held now."
    return operator
