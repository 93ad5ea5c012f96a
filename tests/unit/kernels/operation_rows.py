"""One row or more for each operation of the table: inputs, attributes, and who says what comes out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from simgpu.graph import Constant, Data, Normal, TensorSpec, Uniform
from simgpu.kernels import array_dtype
from tests.unit.kernels.onnx_answers import Answer, onnx_says


class Row(NamedTuple):
    type: str
    inputs: tuple[np.ndarray, ...]
    attributes: dict[str, Any]
    answer: Answer


def f(*shape: int) -> np.ndarray:
    """Normal float32 values; the same shape has the same values."""
    return np.random.default_rng(shape).standard_normal(shape, dtype=np.float32)


def i(*shape: int, dtype: str = "int64") -> np.ndarray:
    """Integers from -9 to 9 without 0."""
    generator = np.random.default_rng(shape)
    return (generator.integers(1, 10, shape) * generator.choice([-1, 1], shape)).astype(dtype)


def b(*shape: int) -> np.ndarray:
    return f(*shape) > 0


def n(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def s(value: Any) -> np.ndarray:
    return np.array(value, dtype=np.float32)


def onnx(type: str, *inputs: np.ndarray, opset: int = 17, **attributes: Any) -> Row:
    """Return a row for an operation that is in our table as in ONNX."""
    return Row(type, inputs, attributes, onnx_says(type, opset=opset, attributes=attributes))


def resolved(type: str, *inputs: np.ndarray, ask: Answer, **attributes: Any) -> Row:
    """Return a row for an operation that ONNX gives other inputs or attributes."""
    return Row(type, inputs, attributes, ask)


def numpy(type: str, *inputs: np.ndarray, ask: Callable[..., Any], **attributes: Any) -> Row:
    """Return a row whose answer is one NumPy expression."""
    return Row(type, inputs, attributes, lambda *arrays: [np.asarray(ask(*arrays))])


SEED = (2024, 7)


def stream() -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(SEED))


def variable(initializer: Any, dtype: str, answer: Any) -> Row:
    attributes = {"spec": TensorSpec(np.shape(answer), dtype), "initializer": initializer}
    return Row("Variable", (), attributes, lambda: [np.asarray(answer).astype(array_dtype(dtype))])


TALL = (3.0 * f(2, 3, 4), 1.0 + np.abs(f(3, 1)))
IMAGE = f(2, 4, 7, 6)
CHANNELS = (f(4), f(4) + 1, f(4) - 1, np.abs(f(4)) + 0.5)


def sampled(type: str, values: np.ndarray, *, dtype: str = "float32", **attributes: Any) -> Row:
    """A tensor of shape (3, 4) from the stream that SEED names."""
    given = {"shape": (3, 4), "seed": SEED, "dtype": dtype, **attributes}
    return Row(type, (), given, lambda: [values.astype(dtype)])


ROWS = [
    # Activations, also where a naive formula overflows.
    onnx("Relu", f(3, 5)),
    onnx("Relu", i(3, 5, dtype="int32")),
    onnx("LeakyRelu", f(3, 5), alpha=0.3),
    onnx("LeakyRelu", f(3, 5)),
    onnx("Elu", f(3, 5), alpha=1.5),
    onnx("Elu", 1000 * f(3, 5)),
    onnx("Sigmoid", f(3, 5)),
    numpy("Sigmoid", np.array([-1e30, -20, 0, 1e30]), ask=lambda x: [0, math.exp(-20) / (1 + math.exp(-20)), 0.5, 1]),
    onnx("Tanh", f(3, 5)),
    onnx("HardSigmoid", 4 * f(3, 5)),
    onnx("HardSigmoid", 4 * f(3, 5), alpha=0.4, beta=0.3),
    # Convolution.
    onnx("Conv", f(2, 3, 8, 9), f(4, 3, 3, 2)),
    onnx("Conv", f(2, 3, 8, 9), f(4, 3, 3, 2), f(4), strides=(2, 3), pads=(1, 0, 2, 1), dilations=(2, 1)),
    onnx("Conv", f(2, 3, 8, 9), f(4, 3, 3, 2), strides=(2, 2), auto_pad="SAME_UPPER"),
    onnx("Conv", f(2, 3, 8, 9), f(4, 3, 3, 2), strides=(2, 2), auto_pad="SAME_LOWER"),
    onnx("Conv", f(2, 3, 8, 9), f(4, 3, 3, 2), auto_pad="VALID", kernel_shape=(3, 2)),
    onnx("Conv", f(2, 6, 5, 5), f(4, 3, 3, 3), f(4), group=2, pads=(1, 1, 1, 1)),
    onnx("Conv", f(2, 6, 5, 5), f(4, 3, 1, 1), f(4), group=2),
    onnx("Conv", f(2, 6, 5, 5), f(4, 6, 1, 1), strides=(2, 2)),
    onnx("Conv", f(2, 6, 5, 5), f(6, 1, 3, 3), f(6), group=6, pads=(1, 1, 1, 1), strides=(2, 1)),
    onnx("Conv", f(2, 3, 5, 5), f(6, 1, 3, 3), group=3, dilations=(2, 2)),
    onnx("Conv", f(2, 3, 9), f(4, 3, 3), pads=(1, 1), strides=(2,)),
    onnx("Conv", f(1, 2, 5, 4, 6), f(3, 2, 2, 3, 2), f(3), pads=(1, 1, 0, 0, 1, 1)),
    onnx("Conv", f(1, 1, 2, 2), f(1, 1, 5, 5), pads=(4, 4, 4, 4)),
    # Pooling.
    onnx("MaxPool", IMAGE, kernel_shape=(3, 2)),
    onnx("MaxPool", IMAGE, kernel_shape=(3, 3), strides=(2, 2), pads=(1, 1, 1, 1)),
    onnx("MaxPool", IMAGE, kernel_shape=(3, 3), strides=(2, 2), pads=(0, 0, 1, 1), ceil_mode=1),
    onnx("MaxPool", IMAGE, kernel_shape=(2, 2), dilations=(2, 2), strides=(2, 2)),
    onnx("MaxPool", IMAGE, kernel_shape=(3, 3), strides=(2, 2), auto_pad="SAME_UPPER"),
    onnx("AveragePool", IMAGE, kernel_shape=(3, 2)),
    onnx("AveragePool", IMAGE, kernel_shape=(3, 3), strides=(2, 2), pads=(1, 1, 1, 1)),
    onnx("AveragePool", IMAGE, kernel_shape=(3, 3), strides=(2, 2), pads=(1, 1, 1, 1), count_include_pad=1),
    onnx("AveragePool", IMAGE, kernel_shape=(3, 3), strides=(2, 2), ceil_mode=1, opset=19),
    onnx("GlobalAveragePool", IMAGE),
    onnx("GlobalMaxPool", IMAGE),
    # Matrix products.
    onnx("Gemm", f(3, 4), f(4, 5), f(5)),
    onnx("Gemm", f(4, 3), f(5, 4), f(3, 1), transA=1, transB=1, alpha=0.5, beta=2.0),
    onnx("Gemm", f(3, 4), f(4, 5)),
    onnx("MatMul", f(3, 4), f(4, 5)),
    onnx("MatMul", f(2, 1, 3, 4), f(5, 4, 6)),
    onnx("MatMul", f(4), f(2, 4, 5)),
    onnx("MatMul", f(2, 3, 4), f(4)),
    onnx("MatMul", f(4), f(4) + 1),
    onnx("MatMul", i(3, 4), i(4, 5)),
    # Normalisation.
    onnx("BatchNormalization", IMAGE, *CHANNELS),
    onnx("BatchNormalization", f(5, 4), *CHANNELS, epsilon=0.1, momentum=0.8),
    onnx("LRN", f(2, 7, 3, 3), size=5, alpha=0.5, beta=0.6, bias=1.5),
    onnx("LRN", f(2, 7, 3, 3), size=3),
    numpy(
        "LRN", f(1, 2, 1), size=2, alpha=2.0, beta=1.0, ask=lambda x: x / (1 + x**2 + x[:, ::-1] ** 2 * s([[[1], [0]]]))
    ),
    onnx("Softmax", f(2, 3, 4)),
    onnx("Softmax", 1000 * f(2, 3, 4), axis=1),
    resolved("Softmax", f(2, 3, 4), axis=1, flatten=True, ask=onnx_says("Softmax", opset=11, attributes={"axis": 1})),
    onnx("LogSoftmax", f(2, 3, 4), axis=-2),
    resolved("LogSoftmax", f(2, 3), axis=0, flatten=True, ask=onnx_says("LogSoftmax", opset=9, attributes={"axis": 0})),
    onnx("Dropout", f(3, 5)),
    onnx("Dropout", f(3, 5), ratio=0.7, opset=9),
    # Arithmetic.
    onnx("Abs", f(3, 5)),
    onnx("Abs", i(3, 5)),
    onnx("Ceil", 3 * f(3, 5)),
    onnx("Exp", f(3, 5)),
    onnx("Floor", 3 * f(3, 5)),
    onnx("Log", np.abs(f(3, 5))),
    onnx("Neg", f(3, 5)),
    onnx("Neg", i(3, 5)),
    onnx("Reciprocal", f(3, 5)),
    onnx("Sqrt", np.abs(f(3, 5))),
    onnx("Erf", f(30, 5)),
    numpy("Erf", np.linspace(-7, 7, 1001), ask=np.vectorize(math.erf)),
    resolved("Clip", f(3, 5), min=-0.5, max=0.7, ask=onnx_says("Clip", s(-0.5), s(0.7))),
    resolved("Clip", f(3, 5), min=-0.5, ask=onnx_says("Clip", s(-0.5))),
    resolved("Clip", i(3, 5), max=4, ask=lambda x: [np.minimum(x, 4)]),
    resolved("Clip", f(3, 5), ask=onnx_says("Clip")),
    onnx("Add", *TALL),
    onnx("Add", i(3, 5, dtype="int32"), i(5, dtype="int32")),
    onnx("Sub", *TALL),
    onnx("Mul", *TALL),
    onnx("Mul", i(4), i(2, 4)),
    onnx("Div", *TALL),
    onnx("Div", i(40), i(40)[::-1].copy()),
    onnx("Div", np.arange(9, dtype=np.uint8), np.full(9, 4, np.uint8)),
    onnx("Pow", np.abs(f(2, 3, 4)), f(3, 1)),
    onnx("Pow", f(5), np.array(2, np.int64)),
    onnx("Pow", i(5), np.array(2, np.float32)),
    onnx("Max", f(2, 3, 4), f(3, 1), f(4)),
    onnx("Max", f(2)),
    onnx("Min", f(2, 3, 4), f(3, 1), f(4)),
    onnx("Min", i(2, 3), i(3)),
    onnx("Sum", f(2, 3, 4), f(3, 1), f(4)),
    onnx("Sum", f(2)),
    onnx("Mean", f(2, 3, 4), f(3, 1), f(4)),
    # Truth.
    onnx("Equal", i(3, 9), i(9)),
    onnx("Equal", b(3, 9), b(9)),
    onnx("Greater", i(3, 9), i(9)),
    onnx("GreaterOrEqual", i(3, 9), i(9)),
    onnx("Less", f(3, 9), f(9)),
    onnx("LessOrEqual", i(3, 9), i(9)),
    onnx("And", b(3, 9), b(9)),
    onnx("Or", b(3, 9), b(9)),
    onnx("Xor", b(3, 9), b(9)),
    onnx("Not", b(3, 9)),
    onnx("Where", b(3, 1), f(2, 1, 4), f(3, 4)),
    onnx("Where", b(3, 1), i(2, 1, 4), i(3, 4)),
    # Movement.
    numpy("Cast", 9 * f(3, 5), dtype="int32", ask=lambda x: x.astype(np.int32)),
    numpy("Cast", i(3, 5), dtype="bool", ask=lambda x: x != 0),
    numpy("Cast", f(3, 5), dtype="float16", ask=lambda x: x.astype(np.float16)),
    onnx("Identity", f(3, 5)),
    onnx("Identity", np.array(3, np.int64)),
    onnx("Transpose", f(2, 3, 4)),
    onnx("Transpose", f(2, 3, 4, 5), perm=(0, 2, 1, 3)),
    resolved("Slice", f(5, 6), starts=(1, -4), ends=(9, -1), ask=onnx_says("Slice", n(1, -4), n(9, -1))),
    resolved(
        "Slice",
        f(5, 6),
        starts=(4, -1),
        ends=(0, -(2**63)),
        axes=(1, 0),
        steps=(-2, -1),
        ask=onnx_says("Slice", n(4, -1), n(0, -(2**63)), n(1, 0), n(-2, -1)),
    ),
    resolved("Pad", f(2, 3), pads=(1, 0, 0, 2), value=0.5, ask=onnx_says("Pad", n(1, 0, 0, 2), s(0.5))),
    resolved("Pad", f(4, 3), pads=(-1, 0, 2, -2), ask=onnx_says("Pad", n(-1, 0, 2, -2))),
    resolved("Pad", f(4, 3), pads=(-6, 0, 4, 0), ask=lambda x: [np.zeros((2, 3), np.float32)]),
    resolved("Split", f(6, 2), split=(1, 3, 2), ask=onnx_says("Split", n(1, 3, 2), outputs=3)),
    resolved("Split", f(2, 6), axis=-1, num_outputs=2, ask=onnx_says("Split", outputs=2, attributes={"axis": -1})),
    onnx("Split", f(7, 2), num_outputs=3, opset=18)._replace(
        answer=onnx_says("Split", outputs=3, opset=18, attributes={"num_outputs": 3})
    ),
    resolved("Expand", f(3, 1), shape=(2, 1, 4), ask=onnx_says("Expand", n(2, 1, 4))),
    resolved("Tile", f(2, 3), repeats=(3, 2), ask=onnx_says("Tile", n(3, 2))),
    onnx("Concat", f(2, 3), f(2, 1), f(2, 4), axis=-1),
    onnx("Concat", i(2, 3), i(1, 3), axis=0),
    onnx("Gather", f(4, 5), n(3, 0, -1)),
    onnx("Gather", i(4, 5), np.array([[1, 2], [4, 0]], np.int32), axis=1),
    onnx("Gather", f(4, 5), np.array(2, np.int64), axis=-1),
    # Shapes.
    resolved("Reshape", f(2, 3, 4), shape=(0, -1), ask=onnx_says("Reshape", n(0, -1))),
    resolved("Reshape", f(2, 3, 4), shape=(4, 6), ask=onnx_says("Reshape", n(4, 6))),
    resolved("Reshape", f(0, 3), shape=(3, 0), allowzero=1, ask=lambda x: [x.reshape(3, 0)]),
    resolved("Reshape", f(0, 3), shape=(0, 3, -1), ask=lambda x: [x.reshape(0, 3, 0)]),
    onnx("Flatten", f(2, 3, 4)),
    onnx("Flatten", f(2, 3, 4), axis=-1),
    onnx("Flatten", f(2, 3, 4), axis=0),
    onnx("Flatten", f(2, 3, 4), axis=3),
    resolved("Unsqueeze", f(2, 3), axes=(-1, 0), ask=onnx_says("Unsqueeze", n(-1, 0))),
    resolved("Squeeze", f(1, 2, 1, 3), axes=(0, -2), ask=onnx_says("Squeeze", n(0, -2))),
    resolved("Squeeze", f(1, 2, 1, 3), ask=onnx_says("Squeeze")),
    onnx("Shape", f(2, 3, 4)),
    onnx("Shape", f(2, 3, 4), start=-2, end=3),
    # Reductions.
    onnx("ReduceMax", f(2, 3, 4), axes=(1,)),
    onnx("ReduceMean", f(2, 3, 4), axes=(0, -1), keepdims=0),
    onnx("ReduceMean", f(2, 3, 4)),
    onnx("ReduceMean", i(2, 3, 4), axes=(1,), keepdims=0),
    onnx("ReduceMin", f(2, 3, 4), axes=(1, 2), keepdims=0),
    resolved("ReduceSum", f(2, 3, 4), axes=(2,), ask=onnx_says("ReduceSum", n(2))),
    resolved("ReduceSum", i(2, 3, 4), keepdims=0, ask=onnx_says("ReduceSum", attributes={"keepdims": 0})),
    onnx("ReduceSum", f(2, 3, 4), noop_with_empty_axes=1),
    onnx("ArgMax", f(3, 5), axis=-1),
    onnx("ArgMax", f(3, 5), keepdims=0),
    onnx("ArgMax", i(3, 50), axis=1, select_last_index=1),
    # Sources.
    variable(Constant(2.5), "float32", np.full((2, 3), 2.5)),
    variable(Constant(True), "bool", np.ones(4, bool)),
    variable(Data(i(2, 3)), "int64", i(2, 3)),
    variable(Data(f(2, 3)), "float16", f(2, 3)),
    variable(Normal(1.0, 0.5, SEED), "float32", 0.5 * stream().standard_normal((3, 4), np.float32) + 1),
    variable(Normal(1.0, 0.5, SEED), "float64", 0.5 * stream().standard_normal((3, 4)) + 1),
    variable(Normal(1.0, 0.5, SEED), "float32", 0.5 * stream().standard_normal((), np.float32) + 1),
    variable(Normal(1.0, 0.5, SEED), "bfloat16", 0.5 * stream().standard_normal((3, 4), np.float32) + 1),
    variable(Uniform(-2.0, 3.0, SEED), "float32", 5 * stream().random((3, 4), np.float32) - 2),
    variable(Uniform(-9, 9, SEED), "int32", (18 * stream().random((3, 4)) - 9).astype(int)),
    # Random values.
    sampled("RandomUniform", 5 * stream().random((3, 4)) - 2, low=-2.0, high=3.0),
    sampled("RandomUniform", stream().random((3, 4)), dtype="float64"),
    sampled("RandomNormal", 0.5 * stream().standard_normal((3, 4)) + 1, mean=1.0, scale=0.5),
    sampled("RandomUniformInt", stream().integers(0, 5, (3, 4)), high=5, dtype="int32"),
    sampled("RandomUniformInt", stream().integers(-3, 2**40, (3, 4)), low=-3, high=2**40, dtype="int64"),
    # Work that was timed elsewhere.
    Row(
        "Profiled",
        (i(2), f(3)),
        {"outputs": (TensorSpec((2, 3), "float32"), TensorSpec((5,), "bool")), "layer": "a", "duration_ps": 7},
        lambda *_: [np.zeros((2, 3), np.float32), np.zeros(5, bool)],
    ),
    # Strings.
    Row(
        "StringLength",
        (np.array([["a", "\u00e9", b"abc"]], object),),
        {},
        lambda text: [np.array([[1, 2, 3]], "int32")],
    ),
]
