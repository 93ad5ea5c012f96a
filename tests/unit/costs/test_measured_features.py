from collections import Counter

import numpy as np
import pytest

from simgpu.calibration.case import case
from simgpu.costs.measured_features import features
from simgpu.kernels import rule

KERNELS = ("add", "copyto", "divide", "matmul", "maximum", "multiply", "zeros")


class Counting:
    """NumPy under a name, which counts the calls that would launch kernels."""

    def __init__(self, name):
        self.__name__ = name
        self.calls = Counter()

    def __getattr__(self, name):
        function = getattr(np, name)
        if name not in KERNELS:
            return function

        def counted(*arguments, **options):
            self.calls[name] += 1
            return function(*arguments, **options)

        return counted


def launched(found, module):
    xp = Counting(module)
    inputs = [np.ones(spec.shape, spec.dtype) for spec in found.inputs]
    outputs = [np.empty(spec.shape, spec.dtype) for spec in found.outputs]
    rule(found.type).compute(xp, inputs, outputs, found.attributes)
    return sum(xp.calls.values())


def described(found, module="numpy"):
    return features(found.type, found.inputs, found.outputs, found.attributes, module)


@pytest.mark.parametrize("module", ["numpy", "cupy"])
@pytest.mark.parametrize(
    ("found", "path"),
    [
        (case("Conv", (2, 8, 9, 9), (4, 8, 1, 1)), "points"),
        (case("Conv", (2, 8, 9, 9), (4, 8, 1, 1), (4,)), "points"),
        (case("Conv", (2, 8, 9, 9), (4, 2, 1, 1), group=4), "points"),
        (case("Conv", (2, 8, 9, 9), (4, 8, 3, 3)), "columns"),
        (case("Conv", (2, 8, 9, 9), (4, 8, 3, 3), (4,), pads=(1, 1, 1, 1)), "columns"),
        (case("Conv", (1, 8, 9, 9), (8, 4, 3, 3), group=2, strides=(2, 2)), "columns"),
        (case("Conv", (40, 16, 64, 64), (4, 16, 3, 3), pads=(1, 1, 1, 1)), "columns"),
    ],
)
def test_a_convolution_launches_as_many_kernels_as_its_features_say(found, path, module):
    told = described(found, module)

    assert told.path == path
    assert told.terms[0] == launched(found, module)


@pytest.mark.parametrize(
    ("found", "fills"),
    [
        (case("MaxPool", (2, 4, 9, 9), kernel_shape=(3, 3), strides=(2, 2)), 1),
        (case("AveragePool", (2, 4, 9, 9), kernel_shape=(2, 3)), 3),
        (case("Conv", (3, 8, 9, 9), (8, 1, 3, 3), group=8), 3),
    ],
)
def test_windows_launch_what_their_features_say_beside_what_they_do_in_place(found, fills):
    assert described(found).terms[0] == launched(found, "numpy") + fills


@pytest.mark.parametrize(
    ("found", "key", "place"),
    [
        (case("abs", (64,), dtype="complex64"), ("abs", "", "complex64"), (np.log2(512 + 256),)),
        (case("divide", (64,), (64,), dtype="int64"), ("divide", "", "int64"), (np.log2(3 * 512),)),
        (case("sum", (4, 8, 2), axis=(0, 1)), ("sum", "first", "float32"), (8.0, 5.0)),
        (case("argmax", (4, 8)), ("argmax", "last", "float32"), (7.0, 5.0)),
        (case("cumulative_sum", (4, 8), axis=0), ("cumulative_sum", "first", "float32"), (7.0, 2.0)),
        (case("sort", (4, 8)), ("sort", "last", "float32"), (7.0, 3.0)),
        (case("searchsorted", (16,), (64,)), ("searchsorted", "", "float32"), (4.0, 6.0)),
        (case("fft.rfft", (4, 64)), ("fft.rfft", "", "float32"), (np.log2(1024 + 4 * 33 * 8), 6.0)),
        (case("linalg.eigh", (8, 32, 32)), ("linalg.eigh", "", "float32"), (3.0, 5.0, 5.0)),
        (case("linalg.svd", (64, 32)), ("linalg.svd", "full", "float32"), (0.0, 6.0, 5.0)),
        (case("linalg.solve", (2, 32, 32), (2, 32, 4)), ("linalg.solve", "", "float32"), (1.0, 5.0, 2.0)),
        (case("linalg.solve", (32, 32), (32,)), ("linalg.solve", "", "float32"), (0.0, 5.0, 0.0)),
        (
            case("linalg.matrix_norm", (32, 32), ord=2),
            ("linalg.matrix_norm", "singular values", "float32"),
            (0.0, 5.0, 5.0),
        ),
        (case("tensordot", (4, 32), (32, 8), axes=1), ("tensordot", "", "float32"), (0.0, 2.0, 3.0, 5.0, 3.0)),
        (case("permute_dims", (4, 8), axes=(1, 0)), ("permute_dims", "rows turned", "float32"), (8.0, 3.0, 2.0)),
        (case("stack", (4, 8), (4, 8), axis=1), ("stack", "", "float32"), (8.0, 1.0, 6.0)),
        (case("unstack", (4, 8)), ("unstack", "", "float32"), (8.0, 2.0)),
        (case("linalg.trace", (4, 8, 8)), ("linalg.trace", "", "float32"), (2.0, 3.0)),
        (case("Add", (4, 8), (4, 8)), ("Add", "", "float32"), (np.log2(3 * 128),)),
        (case("Add", (4, 8), (8,)), ("Add", "stretched", "float32"), (np.log2(2 * 128 + 32), 3.0)),
        (case("Add", (2, 4, 4, 2), (4, 1, 1)), ("Add", "stretched", "float32"), (np.log2(2 * 256 + 16), 3.0)),
        (case("Reshape", (4, 8), shape=(32,)), ("Identity", "", "float32"), (8.0,)),
        (case("ReduceSum", (4, 8), axes=(-1,)), ("ReduceSum", "last", "float32"), (7.0, 3.0)),
        (case("ReduceSum", (4, 8), axes=(0,)), ("ReduceSum", "first", "float32"), (7.0, 2.0)),
        (case("Softmax", (4, 8), axis=0), ("Softmax", "midst", "float32"), (8.0, 2.0)),
        (case("Transpose", (4, 8)), ("Transpose", "rows turned", "float32"), (8.0, 3.0, 2.0)),
        (case("MatMul", (4, 8), (8, 2)), ("MatMul", "matrices", "float32"), (0.0, 2.0, 1.0, 3.0, 1.0)),
        (case("MatMul", (2, 4, 8), (2, 8, 2)), ("MatMul", "stacks", "float32"), (1.0, 2.0, 1.0, 3.0, 1.0)),
        (case("MatMul", (2, 4, 8), (8, 2)), ("MatMul", "stack and matrix", "float32"), (1.0, 2.0, 1.0, 3.0, 1.0)),
        (case("Gemm", (4, 8), (2, 8), transB=1), ("Gemm", "turned B", "float32"), (0.0, 2.0, 1.0, 3.0, 1.0)),
    ],
)
def test_a_path_and_the_sizes_that_matter_follow_from_shapes_and_attributes(found, key, place):
    told = described(found)

    assert (told.key, told.place) == (key, pytest.approx(place))


def test_a_type_of_the_array_api_with_the_same_code_is_compared_with_the_samples_of_its_twin():
    assert described(case("matmul", (4, 8), (8, 2))) == described(case("MatMul", (4, 8), (8, 2)))
