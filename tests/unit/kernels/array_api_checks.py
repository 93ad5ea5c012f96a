"""How the rows of the array functions are checked: against values that NumPy gives, in place, and as inferred."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simgpu.errors import ExecutionError, GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels import array_dtype, infer, rule

BOOL = ("bool",)
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGER = SIGNED + UNSIGNED
REAL_FLOATING = ("float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
FLOATING = REAL_FLOATING + COMPLEX
REAL = INTEGER + REAL_FLOATING
NUMERIC = REAL + COMPLEX
ALL = BOOL + NUMERIC
GUARD = 64
POISON = 0xA5
NO_VALUES = (
    "the shape of its result depends on the values of its inputs, and there are none here (a graph or the storage "
    "`shape` has none); run it on storage with values"
)


def values(dtype: str, *shape: int, seed: int = 0) -> np.ndarray:
    """Values of any dtype: small, of both signs where the dtype has them, and not 0 but for bool."""
    generator = np.random.default_rng([*shape, seed])
    kind = np.dtype(dtype).kind
    if kind == "b":
        return generator.random(shape) > 0.5
    whole = generator.integers(1, 6, shape) * (1 if kind == "u" else generator.choice([-1, 1], shape))
    if kind in "iu":
        return whole.astype(dtype)
    parts = generator.standard_normal((2, *shape))
    return (parts[0] + 1j * parts[1]).astype(dtype) if kind == "c" else parts[0].astype(dtype)


def specs(arrays) -> list[TensorSpec]:
    return [TensorSpec(array.shape, array.dtype.name) for array in arrays]


def poisoned(spec: TensorSpec) -> tuple[np.ndarray, np.ndarray]:
    """Return an array inside a poisoned slab, and the slab."""
    slab = np.full(spec.nbytes + 2 * GUARD, POISON, np.uint8)
    return slab[GUARD : GUARD + spec.nbytes].view(array_dtype(spec.dtype)).reshape(spec.shape), slab


def computed(name: str, *inputs: np.ndarray, **attributes: Any) -> list[np.ndarray]:
    """Infer, compute into poisoned blocks, and check that nothing beside them and no input was written."""
    hash(tuple(attributes.items()))
    inputs = tuple(np.array(array) for array in inputs)
    for array in inputs:
        array.flags.writeable = False
    blocks = [poisoned(spec) for spec in infer(name, specs(inputs), attributes)]
    outputs = [array for array, _ in blocks]

    rule(name).compute(np, inputs, outputs, attributes)

    assert all((slab[:GUARD] == POISON).all() and (slab[-GUARD:] == POISON).all() for _, slab in blocks)
    return outputs


def check(name: str, inputs, expected, **attributes: Any) -> None:
    """Compare all of the outputs with `expected`, one array or a sequence of them: shapes, dtypes and values."""
    if not isinstance(expected, list | tuple):
        expected = [expected]
    expected = [np.asarray(array) for array in expected]

    outputs = computed(name, *inputs, **attributes)

    assert specs(outputs) == specs(expected)
    for output, array in zip(outputs, expected, strict=True):
        assert_near(output, array)


def assert_near(output, expected) -> None:
    if expected.dtype.kind in "fc":
        tolerance = 20 * np.finfo(expected.dtype).eps
        np.testing.assert_allclose(output, expected, rtol=tolerance, atol=tolerance)
    else:
        np.testing.assert_array_equal(output, expected)


def check_dynamic(name: str, inputs, expected, **attributes: Any) -> None:
    """Check that nothing is inferred, that the shapes can be learned, and that outputs of those are written."""
    expected = [np.asarray(array) for array in expected]
    row = rule(name)
    refused(name, *inputs, says=NO_VALUES, **attributes)

    learned = row.compute_dynamic(np, inputs, attributes)
    outputs = [poisoned(spec)[0] for spec in specs(learned)]
    row.compute(np, inputs, outputs, attributes)

    for results in (learned, outputs):
        assert specs(results) == specs(expected)
        for result, array in zip(results, expected, strict=True):
            assert_near(result, array)
    with pytest.raises(ExecutionError) as caught:
        row.compute(np, inputs, [np.empty((99,)) for _ in expected], attributes)
    assert str(caught.value) == (
        f"{name} gave results of shapes {[spec.shape for spec in specs(learned)]}, but there is room for "
        f"{[(99,)] * len(expected)}; its inputs have other values than those from which the shapes were learned"
    )


def refused(name: str, *inputs, says: str = "", match: str = "", **attributes: Any) -> None:
    """Check that a call is refused before anything is computed. Inputs are arrays or specs.

    `says` is the whole message, without the call that it starts with; `match` is for many calls in a loop.
    """
    given = [array if isinstance(array, TensorSpec) else TensorSpec(array.shape, array.dtype.name) for array in inputs]
    with pytest.raises(GraphError, match=match or None) as caught:
        infer(name, given, attributes)
    assert match or str(caught.value) == f"{name}({', '.join(map(str, given))}): {says}"
