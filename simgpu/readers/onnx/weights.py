"""The first values of a model's variables: as the file gives them, or random ones that keep activations in range.

What a random weight should look like follows from what reads it, also through operations that only reshape it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from simgpu.graph import Constant, Data, Initializer, Normal, Uniform
from simgpu.readers.onnx.translate import Step, Translation
from simgpu.readers.onnx.values import Value

FACTORS = frozenset(
    {
        ("BatchNormalization", 1),
        ("BatchNormalization", 4),
        ("Div", 0),
        ("Div", 1),
        ("Log", 0),
        ("Mul", 0),
        ("Mul", 1),
        ("Reciprocal", 0),
        ("Sqrt", 0),
    }
)
"""Where a weight scales, divides, or must be positive: it is drawn around 1."""

SHIFTS = frozenset({"Add", "Sub", "Sum"})
"""Where a weight of any rank is added: it is drawn around 0."""

AS_GIVEN = frozenset({("Pow", 1)})
PASSED_ON = frozenset({"Cast", "Expand", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
FLOATS = frozenset({"bfloat16", "float16", "float32", "float64"})
SHIFT_STD = 0.1

RESIDUAL_GAIN = 0.3
"""Factor on the weights of what is added to a shortcut. Without it a residual network doubles its activations in each
block, and after fifty layers softmax sees nothing but the largest."""


@dataclass(frozen=True, slots=True)
class Use:
    """One place where a weight is read, after any reshaping: the step, the slot, and the shape it has there."""

    step: Step
    slot: int
    shape: tuple[int, ...]


def given_initializer(value: Value) -> Initializer:
    """Return the initializer that the file gives."""
    return Data(value.read()) if value.fill is None else Constant(value.fill)


def initializers(translation: Translation, names: Sequence[str], *, seed: int | None) -> dict[str, Initializer]:
    """Return the initializers of the named tensors. Without a seed they are those of the file.

    With one, float tensors other than settings get recipes; the seed of each comes from `seed` and its name, so it
    depends neither on the other tensors nor on their order.
    """
    values = translation.values
    if seed is None:
        return {name: given_initializer(values[name]) for name in names}
    readers = _Readers.of(translation)
    return {
        name: _random_initializer(values[name], list(readers.uses(name)), readers, weight_seed(name, seed))
        if _is_weight(values[name])
        else given_initializer(values[name])
        for name in names
    }


def weight_seed(name: str, seed: int) -> tuple[int, int]:
    """Return the entropy of a weight's random stream; the same on every platform."""
    return seed, int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def _is_weight(value: Value) -> bool:
    return value.spec.dtype in FLOATS and not value.is_setting and not value.from_shape


@dataclass(frozen=True, slots=True)
class _Readers:
    """Who reads each tensor, and in which slot."""

    translation: Translation
    by_name: Mapping[str, list[tuple[Step, int]]]

    @staticmethod
    def of(translation: Translation) -> _Readers:
        by_name: dict[str, list[tuple[Step, int]]] = {}
        for step in translation.steps:
            for slot, name in enumerate(step.inputs):
                by_name.setdefault(name, []).append((step, slot))
        return _Readers(translation, by_name)

    def uses(self, name: str) -> Iterator[Use]:
        names = [name]
        for name in names:
            for step, slot in self.by_name.get(name, ()):
                if step.type in PASSED_ON:
                    names.append(step.outputs[0])
                else:
                    yield Use(step, slot, self.translation.specs[name].shape)

    def is_residual(self, use: Use) -> bool:
        """Return whether what the step makes is added to another tensor made at run time."""
        joins = (step for step, _ in self.by_name.get(use.step.outputs[0], ()) if step.type in ("Add", "Sum"))
        return any(len(step.inputs) > 1 and self.translation.with_batch.issuperset(step.inputs) for step in joins)


def _random_initializer(value: Value, uses: list[Use], readers: _Readers, entropy: tuple[int, ...]) -> Initializer:
    places = {(use.step.type, use.slot) for use in uses}
    if places & AS_GIVEN:
        return given_initializer(value)
    gain = RESIDUAL_GAIN if any(use.slot == 1 and readers.is_residual(use) for use in uses) else 1.0
    if places & FACTORS:
        return Uniform(0.5 * gain, 1.5 * gain, entropy)
    if len(value.spec.shape) < 2 or any(use.step.type in SHIFTS for use in uses):
        return Normal(0.0, SHIFT_STD, entropy)
    fan_in = max((_fan_in(use) for use in uses), default=math.prod(value.spec.shape[1:]))
    return Normal(0.0, gain * math.sqrt(2 / max(1, fan_in)), entropy)


def _fan_in(use: Use) -> int:
    """Return how many products are summed into one element of what the step makes."""
    shape, attributes = use.shape, use.step.attributes
    if use.step.type == "Gemm" and use.slot == 1:
        return shape[1] if attributes.get("transB", 0) else shape[0]
    if use.step.type == "MatMul" and use.slot == 1 and len(shape) > 1:
        return shape[-2]
    if use.step.type == "MatMul":
        return shape[-1]
    return math.prod(shape[1:])
