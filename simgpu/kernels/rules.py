"""The form of one row of the operation table: result shapes, work, and array code.

A row knows nothing of devices: which kind of device has a kernel for it stands in the kernel sets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simgpu.graph import TensorSpec

Attributes = Mapping[str, Any]
Specs = Sequence[TensorSpec]
Infer = Callable[[Specs, Attributes], tuple[TensorSpec, ...]]
"""Result shapes and dtypes from those of the inputs. Raises GraphError where they do not fit."""
Compute = Callable[[Any, Sequence[Any], Sequence[Any], Attributes], None]
"""(array module, inputs, outputs, attributes): writes into the outputs, which are preallocated and contiguous."""
ComputeDynamic = Callable[[Any, Sequence[Any], Attributes], tuple[Any, ...]]
"""(array module, inputs, attributes): returns new arrays, for results whose shapes depend on values."""


@dataclass(frozen=True, slots=True)
class Work:
    """What an operation costs on any device: floating-point operations, and bytes moved to and from its memory.

    A multiply-add counts as 2 FLOP. Bytes are those of all inputs and outputs, each once.
    """

    flop: int
    bytes: int


@dataclass(frozen=True, slots=True)
class OperationRule:
    """All that the library knows of one operation type.

    `tensorflow` names the TensorFlow operation whose kernels decide where this one can run on the kernel set
    `tensorflow`. `count_flop` gives FLOP; bytes follow from the shapes.

    Where shapes depend on values, `compute_dynamic` gives the results as new arrays, `infer` always raises GraphError,
    and `compute` writes into outputs of the shapes that came out before. `function` names the function of the array
    module that is all of the array code, if one is: it takes the inputs and then the output.
    """

    name: str
    infer: Infer
    count_flop: Callable[[Specs, Specs, Attributes], int]
    compute: Compute
    tensorflow: str
    compute_dynamic: ComputeDynamic | None = None
    function: str = ""

    def work(self, inputs: Specs, outputs: Specs, attributes: Attributes) -> Work:
        """Return FLOP and bytes of one execution."""
        moved = sum(spec.nbytes for spec in inputs) + sum(spec.nbytes for spec in outputs)
        return Work(self.count_flop(inputs, outputs, attributes), moved)
