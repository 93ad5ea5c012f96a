"""Work that was timed elsewhere: its results have given sizes, its duration is given, its values are not known.

Readers of profiles make such operations. Executed, they hold their memory, and their results are zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.rows import require, row
from simgpu.kernels.rules import Attributes, Specs


def _infer(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    specs = require(attributes, "outputs")
    if not isinstance(specs, tuple) or not all(isinstance(spec, TensorSpec) for spec in specs):
        raise GraphError(f"outputs is {specs!r}; it must be a tuple of TensorSpecs")
    return specs


def _zeros(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    for y in outputs:
        y.fill(0)


ROWS = (
    row(
        "Profiled",
        _infer,
        _zeros,
        inputs=(0, None),
        attributes="outputs duration_ps layer memory_bytes is_backward",
        tensorflow="Identity",
    ),
)
"""`layer` says what was timed. It goes where an Identity of its first tensor would."""
