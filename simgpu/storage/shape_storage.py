"""Shape storage: arrays that know shape, dtype and place, and hold no bytes.

So eight devices of 80 GiB fit on a laptop: caps, offsets, placement and transfers are real, values are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

import numpy as np

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels import Attributes, OperationRule, array_dtype
from simgpu.storage.storage import Opening, Show
from simgpu.units import PS_PER_NS

_NOTHING = np.zeros(16, np.uint8)


@dataclass(frozen=True, slots=True)
class ShapeArray:
    """An array without bytes. `strides` are those of a view, in bytes; None if the elements lie in order."""

    region: ShapeRegion
    offset: int
    spec: TensorSpec
    strides: tuple[int, ...] | None = None
    is_writable: bool = True

    def layout(self) -> np.ndarray[Any, Any]:
        """Return a NumPy array with the shape and strides of this one. Its elements must never be touched."""
        dtype = array_dtype(self.spec.dtype)
        first = _NOTHING[: dtype.itemsize].view(dtype)
        strides = _in_order(self.spec.shape, dtype.itemsize) if self.strides is None else self.strides
        return np.lib.stride_tricks.as_strided(first, self.spec.shape, strides, writeable=self.is_writable)


def _in_order(shape: tuple[int, ...], step: int) -> tuple[int, ...]:
    strides = []
    for dim in reversed(shape):
        strides.append(step)
        step *= max(1, dim)
    return tuple(reversed(strides))


@dataclass(frozen=True, slots=True, eq=False)
class ShapeRegion:
    """Memory of a device that is only counted."""

    limit_bytes: int

    def arrays(self, spec: TensorSpec) -> Callable[[int], ShapeArray]:
        """Return what makes arrays that say where their bytes would be."""
        return lambda offset: ShapeArray(self, offset, spec)

    def holds(self, array: ShapeArray) -> bool:
        """Tell whether an array is of this region and inside it."""
        if array.strides is None or array.spec.size == 0:
            start, size = array.offset, array.spec.nbytes
        else:
            layout = array.layout()
            low, high = np.lib.array_utils.byte_bounds(layout)
            start, size = array.offset + low - layout.ctypes.data, high - low
        return array.region is self and 0 <= start <= self.limit_bytes - size

    def grow(self, size_bytes: int) -> None:
        """Do nothing: there are no bytes."""

    def mark(self) -> int:
        """Return this moment, in nanoseconds."""
        return perf_counter_ns()

    def hold(self) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing: everything is done."""

    def close(self) -> None:
        """Do nothing: nothing is held."""


class ShapeStorage:
    """Storage that holds nothing and computes nothing."""

    name = "shape"
    is_asynchronous = False
    quiet = None

    def function(self, name: str) -> None:
        """Return None: nothing is computed."""

    def enter_thread(self) -> None:
        """Do nothing."""

    def check_start(self, openings: Sequence[Opening]) -> None:
        """Do nothing: nothing is taken."""

    def open(self, limit_bytes: int, kind: str = "GPU", *, device: str = "GPU", grows: bool = False) -> ShapeRegion:
        """Make the memory of one logical device."""
        return ShapeRegion(limit_bytes)

    def look(self, *, now: bool = False) -> None:
        """Return None: there is no card."""

    def between_ps(self, earlier: int, later: int) -> int:
        """Return the time between two marks."""
        return (later - earlier) * PS_PER_NS

    def is_launched(self, *arrays: Any) -> bool:
        """Return False: nothing is left to be done."""
        return False

    def compute(
        self, rule: OperationRule, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes
    ) -> None:
        """Do nothing: the shapes of the outputs are known already."""

    def compute_dynamic(
        self, rule: OperationRule, inputs: Sequence[Any], attributes: Attributes
    ) -> list[tuple[TensorSpec, Any]]:
        """Refuse: shapes that follow from values cannot be known without values."""
        raise GraphError(
            f"the result shapes of {rule.name} follow from values, and `shape` storage holds none; run it on `numpy` "
            "storage"
        )

    def write(self, target: ShapeArray, value: Any) -> None:
        """Do nothing."""

    def copy(self, source: ShapeArray, target: ShapeArray) -> None:
        """Do nothing."""

    def read(self, source: ShapeArray) -> TensorSpec:
        """Return shape and dtype in place of values."""
        return source.spec

    def view(self, source: ShapeArray, show: Show) -> tuple[ShapeArray, TensorSpec]:
        """Return where the bytes of a view would be: `show` is applied to an array that only has the same layout."""
        before = source.layout()
        after = show(before)
        spec = TensorSpec(after.shape, after.dtype.name)
        moved: int = after.ctypes.data - before.ctypes.data
        made = ShapeArray(source.region, source.offset + moved, spec, after.strides, bool(after.flags.writeable))
        return made, spec

    def is_writable(self, array: ShapeArray) -> bool:
        """Tell what NumPy knows of an array with these strides."""
        return array.is_writable
