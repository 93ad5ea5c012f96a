"""Shape storage: arrays that know shape, dtype and place, and hold no bytes.

So eight devices of 80 GiB fit on a laptop: caps, offsets, placement and transfers are real, values are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simgpu.graph import TensorSpec
from simgpu.kernels import Attributes, OperationRule


@dataclass(frozen=True, slots=True)
class ShapeArray:
    """An array without bytes."""

    region: ShapeRegion
    offset: int
    spec: TensorSpec


@dataclass(frozen=True, slots=True, eq=False)
class ShapeRegion:
    """Memory of a device that is only counted."""

    limit_bytes: int

    def array(self, offset: int, spec: TensorSpec) -> ShapeArray:
        """Return an array that says where its bytes would be."""
        return ShapeArray(self, offset, spec)

    def holds(self, array: ShapeArray) -> bool:
        """Tell whether an array is of this region and inside it."""
        return array.region is self and 0 <= array.offset <= self.limit_bytes - array.spec.nbytes


class ShapeStorage:
    """Storage that holds nothing and computes nothing."""

    name = "shape"

    def open(self, limit_bytes: int) -> ShapeRegion:
        """Make the memory of one logical device."""
        return ShapeRegion(limit_bytes)

    def compute(
        self, rule: OperationRule, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes
    ) -> None:
        """Do nothing: the shapes of the outputs are known already."""

    def write(self, target: ShapeArray, value: Any) -> None:
        """Do nothing."""

    def copy(self, source: ShapeArray, target: ShapeArray) -> None:
        """Do nothing."""

    def read(self, source: ShapeArray) -> TensorSpec:
        """Return shape and dtype in place of values."""
        return source.spec
