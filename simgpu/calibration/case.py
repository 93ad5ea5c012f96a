"""What is measured: one operation on tensors of given shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simgpu.graph import TensorSpec
from simgpu.kernels import Work, infer, rule


@dataclass(frozen=True, slots=True)
class Case:
    """One operation to measure. Those of a lower tier come first: what matters most is of tier 0.

    `results` are given where the shapes of results follow from values.
    """

    type: str
    inputs: tuple[TensorSpec, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tier: int = 0
    kind: str = "GPU"
    results: tuple[TensorSpec, ...] | None = None

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Shapes and dtypes of the results. Raises GraphError for inputs that do not fit."""
        return infer(self.type, self.inputs, self.attributes) if self.results is None else self.results

    @property
    def work(self) -> Work:
        """FLOP and bytes of one execution."""
        return rule(self.type).work(self.inputs, self.outputs, self.attributes)


def case(type: str, *shapes: tuple[int, ...], tier: int = 0, dtype: str = "float32", **attributes: Any) -> Case:
    """Return a case with inputs of one dtype."""
    return Case(type, tuple(TensorSpec(shape, dtype) for shape in shapes), attributes, tier)
