"""FLOP and bytes of operations, against counts by hand and published figures."""

from __future__ import annotations

import pytest

from simgpu.graph import TensorSpec
from simgpu.kernels import Work, infer, rule


def t(*shape, dtype="float32"):
    return TensorSpec(shape, dtype)


def flop(type, inputs, **attributes):
    return rule(type).work(inputs, infer(type, inputs, attributes), attributes).flop


COUNTS = [
    # 2 FLOP for each multiply-add, and 1 for each bias.
    ("Conv", [t(2, 3, 8, 8), t(5, 3, 3, 3)], {}, 2 * (2 * 5 * 6 * 6) * (3 * 3 * 3)),
    ("Conv", [t(2, 3, 8, 8), t(5, 3, 3, 3), t(5)], {}, 2 * (2 * 5 * 6 * 6) * (3 * 3 * 3) + 2 * 5 * 6 * 6),
    ("Conv", [t(1, 8, 4, 4), t(8, 1, 3, 3)], {"group": 8, "pads": (1,) * 4}, 2 * 8 * 16 * 9),
    ("Gemm", [t(3, 4), t(5, 4), t(5)], {"transB": 1}, 2 * 3 * 4 * 5 + 3 * 5),
    ("Gemm", [t(4, 3), t(4, 5)], {"transA": 1}, 2 * 3 * 4 * 5),
    ("MatMul", [t(7, 3, 4), t(4, 5)], {}, 7 * 2 * 3 * 4 * 5),
    ("MatMul", [t(4), t(4)], {}, 2 * 4),
    # An operation, comparison or elementary function of each element.
    ("Relu", [t(3, 4)], {}, 12),
    ("Sigmoid", [t(3, 4)], {}, 4 * 12),
    ("Softmax", [t(3, 4)], {}, 5 * 12),
    ("BatchNormalization", [t(2, 3, 4), *[t(3)] * 4], {}, 2 * 24),
    ("LRN", [t(2, 3, 4)], {"size": 5}, (5 + 4) * 24),
    ("Add", [t(3, 1), t(4)], {}, 12),
    ("Sum", [t(3)] * 4, {}, 3 * 3),
    ("Mean", [t(3)] * 4, {}, 4 * 3),
    ("Max", [t(3)], {}, 0),
    ("Equal", [t(3), t(3)], {}, 3),
    ("MaxPool", [t(1, 2, 6, 6)], {"kernel_shape": (3, 2), "strides": (2, 2)}, 2 * 2 * 3 * 6),
    ("GlobalAveragePool", [t(1, 2, 6, 6)], {}, 72),
    ("ReduceMean", [t(3, 4)], {"axes": (0,)}, 12),
    ("ArgMax", [t(3, 4)], {}, 12),
    # Moving bytes is no arithmetic.
    ("Reshape", [t(3, 4)], {"shape": (12,)}, 0),
    ("Concat", [t(3), t(4)], {"axis": 0}, 0),
    ("Cast", [t(3)], {"dtype": "int32"}, 0),
    ("Dropout", [t(3)], {}, 0),
    ("Input", [], {"spec": t(3)}, 0),
]


@pytest.mark.parametrize(("type", "inputs", "attributes", "expected"), COUNTS)
def test_flop_are_counted_by_a_stated_formula(type, inputs, attributes, expected):
    assert flop(type, inputs, **attributes) == expected


def test_bytes_are_those_of_all_inputs_and_outputs():
    inputs = [t(2, 3, dtype="float16"), t(3, 4, dtype="float16")]

    assert rule("MatMul").work(inputs, infer("MatMul", inputs, {}), {}) == Work(flop=48, bytes=2 * (6 + 12 + 8))


def test_the_layers_of_vgg19_add_up_to_the_published_count():
    size, channels, total = 224, 3, 0
    for width, depth in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
        for _ in range(depth):
            total += flop("Conv", [t(1, channels, size, size), t(width, channels, 3, 3)], pads=(1, 1, 1, 1))
            channels = width
        size //= 2
    for inner, outer in ((25088, 4096), (4096, 4096), (4096, 1000)):
        total += flop("Gemm", [t(1, inner), t(outer, inner)], transB=1)

    assert total == 2 * 19_632_062_464  # multiply-adds of VGG-19 at 224 x 224
