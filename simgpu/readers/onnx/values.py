"""What is known of each tensor while a model is read: its spec always, its value where the file settles it.

A value is a *setting* if nodes may be computed from it while reading: a small integer or boolean tensor, a scalar, or
what was computed from those. Everything else is a *parameter*, and nodes that read one stay operations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from simgpu.graph import INTEGER_DTYPES, TensorSpec
from simgpu.kernels import array_dtype
from simgpu.readers.onnx.model import Array, FileTensor

LARGEST_SETTING = 2**16
"""Elements. Larger tensors are never computed while reading."""

SETTING_DTYPES = INTEGER_DTYPES | {"bool"}


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor whose value is settled. `fill` is the value of all elements, where the file says no more than that.

    `from_shape` marks what was computed from the shape of a tensor, and so follows the batch by itself.
    """

    spec: TensorSpec
    read: Callable[[], Array]
    is_setting: bool
    fill: float | int | bool | None = None
    from_shape: bool = False

    @staticmethod
    def given(tensor: FileTensor) -> Value:
        """Return the value of a tensor that the file spells out."""
        return Value(tensor.spec, tensor.read, _is_setting(tensor.spec))

    @staticmethod
    def filled(spec: TensorSpec, fill: float | int | bool, *, from_shape: bool) -> Value:
        """Return a tensor with one value throughout; it takes no memory until it is read."""

        def read() -> Array:
            return np.full(spec.shape, fill, array_dtype(spec.dtype))

        return Value(spec, read, _is_setting(spec), fill, from_shape)

    @staticmethod
    def computed(array: Array, dtype: str, *, from_shape: bool) -> Value:
        """Return a value that was computed while reading."""
        return Value(TensorSpec(tuple(array.shape), dtype), lambda: array, is_setting=True, from_shape=from_shape)


def _is_setting(spec: TensorSpec) -> bool:
    return (spec.dtype in SETTING_DTYPES or not spec.shape) and spec.size <= LARGEST_SETTING


@dataclass(slots=True)
class Tensors:
    """Everything known so far. `with_batch` names the tensors that depend on a real input."""

    values: dict[str, Value] = field(default_factory=dict)
    specs: dict[str, TensorSpec] = field(default_factory=dict)
    with_batch: set[str] = field(default_factory=set)

    @staticmethod
    def starting_with(tensors: Mapping[str, FileTensor], inputs: Mapping[str, TensorSpec]) -> Tensors:
        """Return what a file says before any node is looked at: its initializers and inputs."""
        known = Tensors()
        for name, tensor in tensors.items():
            known.settle(name, Value.given(tensor))
        known.specs.update(inputs)
        known.with_batch.update(inputs)
        return known

    def settle(self, name: str, value: Value) -> None:
        """Note the value of a tensor."""
        self.values[name] = value
        self.specs[name] = value.spec

    def is_setting(self, name: str) -> bool:
        """Return whether nodes may be computed from this tensor while reading."""
        return name in self.values and self.values[name].is_setting

    def small(self, name: str) -> Array | None:
        """Return the value of a tensor, parameter or not; `None` if it is unknown or too large to be a setting."""
        value = self.values.get(name)
        return None if value is None or value.spec.size > LARGEST_SETTING else value.read()
