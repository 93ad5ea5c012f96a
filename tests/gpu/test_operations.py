"""Every operation of the table on a real card, against NumPy: the array code is one, the libraries beneath are not."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from simgpu.graph import TensorSpec
from simgpu.kernels import OPERATIONS, array_api, array_dtype, infer
from simgpu.memory import needed_bytes
from simgpu.units import MiB
from tests.gpu.array_api_examples import EXAMPLES, Example
from tests.unit.kernels.operation_rows import ROWS

TOLERANCES = {
    "float16": 4e-3,
    "bfloat16": 2e-2,
    "float32": 1e-4,
    "complex64": 1e-4,
    "float64": 1e-9,
    "complex128": 1e-9,
}
_BY_PRODUCT = {
    "linalg.eigh": lambda values, vectors: [values, (vectors * values[..., None, :]) @ _adjoint(vectors)],
    "linalg.eig": lambda values, vectors: [_ordered(values), (vectors * values[..., None, :]) @ np.linalg.inv(vectors)],
    "linalg.eigvals": lambda values: [_ordered(values)],
    "linalg.qr": lambda q, r: [q @ r, np.abs(r)],
    "linalg.svd": lambda u, s, vh: [s, (u[..., : s.shape[-1]] * s[..., None, :]) @ vh[..., : s.shape[-1], :]],
}
"""For results that are not the only ones: what is the same in all of them."""


def _adjoint(matrix):
    return np.conj(np.swapaxes(matrix, -1, -2))


def _ordered(values):
    return np.sort_complex(values)


def examples():
    """Return the examples of each operation."""
    found = defaultdict(list)
    rows = [Example(row.type, row.inputs, row.attributes) for row in ROWS]
    for row in (*rows, *half_precision(), *EXAMPLES):
        if all(array.dtype != object for array in row.inputs):  # strings are the CPU's alone
            found[row.name].append(row)
    return found


def half_precision():
    """Return examples of what is computed in more than half precision on the way."""
    x = np.linspace(-5, 5, 24, dtype=np.float32).reshape(4, 6).astype(np.float16)
    ones = np.ones((3, 5000), np.float16)
    brain = np.stack([x, x]).astype(array_dtype("bfloat16"))
    return [
        *(Example(name, (x,), {}) for name in ("Erf", "Softmax")),
        Example("MatMul", (x, x.T), {}),
        Example("MatMul", (brain, brain.swapaxes(-1, -2)), {}),
        Example("Add", (brain, brain), {}),
        *(Example(name, (ones,), {"axes": (1,)}) for name in ("ReduceSum", "ReduceMean")),
        Example("Softmax", (ones,), {"axis": 1}),
        Example("var", (ones * np.float16(100) * x[:3, :1],), {"axis": 0}),
    ]


BY_NAME = examples()


def test_every_operation_has_an_example():
    assert set(BY_NAME) == set(OPERATIONS) - {"Input", "StringLength"}
    assert {row.name for row in array_api.ROWS} == {example.name for example in EXAMPLES}


def specs(arrays):
    return [TensorSpec(array.shape, array.dtype.name) for array in arrays]


def by_numpy(example):
    rule = OPERATIONS[example.name]
    with np.errstate(all="ignore"):
        if rule.compute_dynamic is not None:
            return list(rule.compute_dynamic(np, example.inputs, example.attributes))
        outputs = [
            np.empty(spec.shape, array_dtype(spec.dtype))
            for spec in infer(example.name, specs(example.inputs), example.attributes)
        ]
        rule.compute(np, example.inputs, outputs, example.attributes)
    return outputs


class OnCard:
    """Computes examples in one region of a card. Memory is filled with NaN before it is used."""

    def __init__(self, storage):
        self.storage = storage
        self.region = storage.open(64 * MiB, device="GPU:0")
        self.used_bytes = 0

    def compute(self, example):
        self.used_bytes = 0
        rule, inputs = OPERATIONS[example.name], [self.put(array) for array in example.inputs]
        if rule.compute_dynamic is not None:
            made = self.storage.compute_dynamic(rule, inputs, example.attributes)
            outputs = [self.room(spec) for spec, _ in made]
            for output, (_, value) in zip(outputs, made, strict=True):
                self.storage.write(output, value)
        else:
            outputs = [self.room(spec) for spec in infer(example.name, specs(example.inputs), example.attributes)]
            self.storage.compute(rule, inputs, outputs, example.attributes)
        assert all(self.region.holds(array) for array in (*inputs, *outputs))
        for array, given in zip(inputs, example.inputs, strict=True):
            np.testing.assert_array_equal(self.storage.read(array), given, err_msg="an input was changed")
        return [self.storage.read(output) for output in outputs]

    def put(self, values):
        array = self.room(TensorSpec(values.shape, values.dtype.name))
        self.storage.write(array, values)
        return array

    def room(self, spec):
        array = self.region.arrays(spec)(self.used_bytes)
        self.used_bytes += needed_bytes(spec.nbytes)
        return array


@pytest.fixture(scope="module")
def on_card(card):
    on_card = OnCard(card(poison=True))
    yield on_card
    on_card.region.close()


def difference(example, on_card):
    """Return how the card's results differ from NumPy's, or None."""
    expected = by_numpy(example)
    try:
        found = on_card.compute(example)
        if example.name in _BY_PRODUCT:
            found, expected = (_BY_PRODUCT[example.name](*results) for results in (found, expected))
        for result, answer in zip(found, expected, strict=True):
            tolerance = TOLERANCES.get(answer.dtype.name, 1e-9 if answer.dtype.kind == "c" else 0)
            assert (result.shape, result.dtype) == (answer.shape, answer.dtype)
            if answer.dtype.name == "bfloat16":
                result, answer = result.astype(np.float32), answer.astype(np.float32)
            np.testing.assert_allclose(result, answer, rtol=tolerance, atol=tolerance)
    except Exception as error:  # all differences are told at once
        what = f"{example.name}({', '.join(map(str, specs(example.inputs)))}, {example.attributes})"
        return f"{what}: {type(error).__name__}: {error}"
    return None


@pytest.mark.gpu
@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_an_operation_gives_what_numpy_gives(name, on_card):
    differences = [difference(example, on_card) for example in BY_NAME[name]]
    found = [text for text in differences if text is not None]

    assert not found, f"{len(found)} of {len(differences)} differ:\n" + "\n\n".join(found)
