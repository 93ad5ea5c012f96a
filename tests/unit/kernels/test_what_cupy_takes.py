"""Array code on a module that takes less than NumPy: CuPy. In its place stands NumPy, without what CuPy lacks."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from simgpu.graph import TensorSpec
from simgpu.kernels import array_dtype, infer, rule
from tests.gpu.test_operations import BY_NAME


class Written(np.ndarray):
    """Takes no values that lie in its own memory."""

    def __setitem__(self, key, value):
        assert not np.shares_memory(self, value)
        super().__setitem__(key, value)


def least(x, axis=None, keepdims=False):
    return np.min(x, axis=axis, keepdims=keepdims)


def counted(start, stop, step, dtype):
    kind = np.dtype(dtype).type
    return np.arange(kind(start), kind(stop), kind(step), dtype)


def spaced(start, stop, num, endpoint):
    return np.linspace(float(start), float(stop), num, endpoint=endpoint)


def solved(a, b):
    assert b.ndim == 1 or a.shape[:-1] == b.shape[:-1]
    return np.linalg.solve(a, b)


def smaller(left, right, out):
    assert not isinstance(right, int) or -(2**7) <= right < 2**7
    return np.less(left, right, out=out)


def multiplied(a, b, out):
    assert a.dtype.kind == b.dtype.kind == out.dtype.kind == "f"
    return np.matmul(a, b, out=out)


LESS = {
    "arange": counted,
    "less": smaller,
    "linalg": SimpleNamespace(solve=solved),
    "linspace": spaced,
    "matmul": multiplied,
    "min": least,
}
CUPY = SimpleNamespace(**{**vars(np), **LESS, "__name__": "cupy"})
X = np.random.default_rng(5).standard_normal((2, 3, 3))


@pytest.mark.parametrize(
    ("name", "inputs", "attributes", "expected"),
    [
        ("min", [X], {"axis": 1, "keepdims": True}, X.min(1, keepdims=True)),
        ("ReduceMin", [X], {"axes": (0,), "keepdims": 0}, X.min(0)),
        ("arange", [], {"start": 5, "stop": 0, "step": -2, "dtype": "uint8"}, np.array([5, 3, 1], np.uint8)),
        ("linspace", [], {"start": 0, "stop": 2 + 4j, "num": 3}, np.array([0, 1 + 2j, 2 + 4j])),
        ("linalg.solve", [X, X[0]], {}, np.linalg.solve(X, X[0])),
        ("linalg.solve", [X[0], X], {}, np.linalg.solve(X[0], X)),
        ("less", [np.array([-128, 127], np.int8)], {"scalar": 128}, np.array([True, True])),
        ("less", [np.array([0, 255], np.uint8)], {"scalar": -1}, np.array([False, False])),
        ("less", [np.array([0, 255], np.uint8)], {"scalar": -1, "side": "left"}, np.array([True, True])),
    ],
)
def test_an_operation_gives_what_it_gives_on_numpy(name, inputs, attributes, expected):
    (spec,) = infer(name, [TensorSpec(x.shape, x.dtype.name) for x in inputs], attributes)
    output = np.empty(spec.shape, array_dtype(spec.dtype))
    rule(name).compute(CUPY, inputs, [output], attributes)

    np.testing.assert_array_equal(output, expected, strict=True)


def test_values_that_lie_where_they_go_are_copied_first():
    x = np.arange(6.0).view(Written)
    rule("setitem").compute(CUPY, [x, x[:-1]], [x], {"key": (("slice", 1, None, None),)})

    np.testing.assert_array_equal(x, [0, 0, 1, 2, 3, 4])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_error_function_of_half_precision_is_computed_in_single_precision(dtype):
    x = np.linspace(-5, 5, 101, dtype=np.float32).astype(array_dtype(dtype))
    expected, found = np.empty_like(x), np.empty_like(x)
    rule("Erf").compute(np, [x], [expected], {})
    rule("Erf").compute(CUPY, [x], [found], {})

    np.testing.assert_array_equal(found, expected)


def test_products_of_bfloat16_are_computed_in_single_precision():
    x = X.astype(array_dtype("bfloat16"))
    expected, found = np.empty_like(x), np.empty_like(x)
    rule("MatMul").compute(np, [x, x], [expected], {})
    rule("MatMul").compute(CUPY, [x, x], [found], {})

    np.testing.assert_array_equal(found, expected)


def told(module, example):
    """Compute an example on what stands for CuPy."""
    row, inputs = rule(example.name), [module.told(x) for x in example.inputs]
    with np.errstate(all="ignore"):
        if row.compute_dynamic is not None:
            row.compute_dynamic(module.xp, inputs, example.attributes)
            return
        specs = infer(example.name, [TensorSpec(x.shape, x.dtype.name) for x in inputs], example.attributes)
        outputs = [module.told(np.empty(spec.shape, array_dtype(spec.dtype))) for spec in specs]
        row.compute(module.xp, inputs, outputs, example.attributes)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_an_operation_asks_cupy_for_nothing_that_it_refuses(name):
    module = pytest.importorskip("tests.cupy_as_told")
    for example in BY_NAME[name]:
        told(module, example)


def test_what_stands_for_cupy_refuses():
    module = pytest.importorskip("tests.cupy_as_told")
    xp, x = module.xp, module.told(np.arange(6.0))
    asked = {
        "there is no cupy.vecdot": lambda: xp.vecdot(x, x),
        "takes its output": lambda: xp.min(x, axis=0, out=x[0]),
        "unexpected keyword": lambda: xp.max(x, initial=0),
        "NumPy's": lambda: xp.add(x, np.arange(6)),
        "knows not all": lambda: xp.add(x, x, where=x > 0),
        "does not go into": lambda: xp.add(x, x, out=module.told(np.empty(6, np.int64))),
        "overlaps": lambda: xp.add(x[1:], 1, out=x[1:]),
        "no loop": lambda: xp.left_shift(x, 1),
    }
    for says, ask in asked.items():
        with pytest.raises(module.Refused, match=says):
            ask()
