"""An ONNX model as plain data: what the rest of the reader sees of a file.

Nothing here knows how a file is decoded, and nothing here depends on the package `onnx`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simgpu.graph import TensorSpec

Array = NDArray[Any]


A_GRAPH = "a graph"


@dataclass(frozen=True, slots=True)
class Unread:
    """Stands for an attribute that simgpu does not look into; `what` says what it holds, such as A_GRAPH."""

    what: str


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the file. An input or output named "" is left out; a foreign `type` starts with its domain."""

    name: str
    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    @property
    def label(self) -> str:
        """How errors speak of the node: its type, and its name or else what it makes."""
        made = next((name for name in self.outputs if name), "?")
        return f"{self.type} node {self.name!r}" if self.name else f"the {self.type} node that makes {made!r}"


@dataclass(frozen=True, slots=True)
class FileTensor:
    """A tensor whose value the file gives. `read` decodes it, and raises ModelFileError where that cannot be done."""

    name: str
    spec: TensorSpec
    read: Callable[[], Array]

    @staticmethod
    def of(name: str, array: Array, dtype: str) -> FileTensor:
        """Wrap an array that is there already."""
        return FileTensor(name, TensorSpec(tuple(array.shape), dtype), lambda: array)


@dataclass(frozen=True, slots=True)
class FileInput:
    """A graph input. A dimension is a number, the name of a symbol, or "?" where the file says nothing."""

    name: str
    dims: tuple[int | str, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Model:
    """A decoded model. `tensors` are its initializers; inputs that have an initializer are not among `inputs`.

    `functions` are the types of nodes that the file itself defines.
    """

    source: str
    opset: int
    nodes: tuple[Node, ...]
    inputs: tuple[FileInput, ...]
    tensors: Mapping[str, FileTensor]
    outputs: tuple[str, ...]
    functions: frozenset[str] = frozenset()


def scalar(array: Array) -> Any:
    """Return the only element of an array as a Python value. Raises ValueError if there are more or none."""
    return np.asarray(array).reshape(-1).item()
