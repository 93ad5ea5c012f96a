"""How a change of a view becomes a change of the array that it shows.

In a graph nothing changes in place: whoever writes into a view makes a new tensor for the view, and from it, a new one
for the array behind. For each operation that may make a view there is one that puts the view back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from simgpu.graph import TensorSpec

Attributes = Mapping[str, Any]


class PuttingBack(NamedTuple):
    """The operation that makes the array anew from its view, and before that from its old value if `needs_source`."""

    type: str
    attributes: Attributes
    needs_source: bool = False


def putting_back(type: str, attributes: Attributes, source: TensorSpec) -> PuttingBack | None:
    """Return what undoes a view of an array of shape and dtype `source`; None for a view that cannot be written to."""
    if type in _RESHAPING:
        return PuttingBack("reshape", {"shape": source.shape})
    undo = _UNDOING.get(type)
    return undo(attributes) if undo else None


def _permuted_back(attributes: Attributes) -> PuttingBack:
    axes = [axis % len(attributes["axes"]) for axis in attributes["axes"]]
    return PuttingBack("permute_dims", {"axes": tuple(axes.index(axis) for axis in range(len(axes)))})


def _moved_back(attributes: Attributes) -> PuttingBack:
    return PuttingBack("moveaxis", {"source": attributes["destination"], "destination": attributes["source"]})


_RESHAPING = frozenset({"reshape", "expand_dims", "squeeze", "Reshape", "Flatten", "Unsqueeze", "Squeeze"})
_UNDOING: Mapping[str, Callable[[Attributes], PuttingBack]] = {
    "getitem": lambda attributes: PuttingBack("setitem", attributes, needs_source=True),
    "permute_dims": _permuted_back,
    "moveaxis": _moved_back,
    "flip": lambda attributes: PuttingBack("flip", attributes),
    "matrix_transpose": lambda attributes: PuttingBack("matrix_transpose", attributes),
    "linalg.matrix_transpose": lambda attributes: PuttingBack("matrix_transpose", attributes),
    "Identity": lambda attributes: PuttingBack("Identity", attributes),
}
