"""Cases of what networks use, on dtypes besides float32, and of ONNX's operations that networks seldom use.

Sizes are logarithms to the base of 2 of the number of elements.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from simgpu.calibration.plan_elements import shape_of
from simgpu.calibration.plan_rows import AttributesOf, Inputs, PlanRow, Shape
from simgpu.graph import TensorSpec

_FLOATS = "float16 float64 bfloat16"
_NUMBERS = "float16 float64 bfloat16 int64 int32"
_MOVED = "float16 float64 int64 bfloat16 complex64"
_SIZES = (14, 8, 20)


def _one(size: int) -> list[Shape]:
    return [shape_of(size)]


def _two(size: int) -> list[Shape]:
    return [shape_of(size)] * 2


def _table(size: int) -> list[Shape]:
    return [(max(1, 2**size // 64), 64)]


def _square(size: int) -> list[Shape]:
    return [(2 ** (size // 2), 2 ** (size - size // 2))]


def _image(size: int) -> list[Shape]:
    """Return an image of 8 x 8 points in the last two dimensions."""
    return [(1, 2 ** (size - 6), 8, 8)]


def _normalised(size: int) -> list[Shape]:
    return [*_image(size), *[(2 ** (size - 6),)] * 4]


def _convolved(size: int) -> list[Shape]:
    """Return as many points as channels, squared."""
    channels = 2 ** (size // 2)
    return [(1, channels, 14, 14), (channels, channels, 1, 1)]


def _where(size: int) -> list[Shape | TensorSpec]:
    return [TensorSpec(shape_of(size), "bool"), *_two(size)]


def _gathered(size: int) -> list[Shape | TensorSpec]:
    rows = max(1, 2**size // 64)
    return [(rows, 64), TensorSpec((rows,), "int64")]


def _nothing(size: int) -> list[Shape]:
    return []


def _drawn(size: int) -> dict[str, Any]:
    return {"shape": (2**size,), "seed": (1,)}


def _others(
    types: str, inputs: Inputs, dtypes: str, attributes: AttributesOf = MappingProxyType({}), *, tier: int = 0
) -> PlanRow:
    """Return a row without float32, of which `plan_elements` and `plan_products` have many sizes."""
    return PlanRow(types, inputs, dtypes, attributes, first="", sizes=_SIZES, tier=tier)


_WINDOW = {"kernel_shape": (3, 3), "strides": (2, 2)}

ELEMENTS = (
    _others("Relu Abs Neg", _one, _NUMBERS),
    _others("LeakyRelu Elu Sigmoid Tanh HardSigmoid Ceil Exp Floor Log Reciprocal Sqrt Erf", _one, _FLOATS),
    _others("Clip", _one, _FLOATS, {"min": 0.0, "max": 6.0}),
    _others("Clip", _one, "int64 int32", {"min": 0, "max": 6}),
    _others("Add Sub Mul Div Pow Max Min Sum", _two, _NUMBERS),
    _others("Mean", _two, _FLOATS),
    _others("Equal", _two, _NUMBERS + " bool"),
    _others("Greater GreaterOrEqual Less LessOrEqual", _two, _NUMBERS),
    _others("Where", _where, _MOVED),
    PlanRow("And Or Xor", _two, first="bool"),
    PlanRow("Not", _one, first="bool"),
)
MOVING = (
    PlanRow("Dropout Flatten", _image, _MOVED),
    PlanRow("Reshape", _image, _MOVED, {"shape": (-1,)}),
    PlanRow("Unsqueeze", _image, _MOVED, {"axes": (0,)}),
    PlanRow("Squeeze", _image, _MOVED, {"axes": (0,)}),
    PlanRow("Shape", _image, "int64", sizes=(8, 14, 20)),
    _others("Identity", _one, _MOVED),
    _others("Transpose", _square, _MOVED),
    _others("Slice", _table, _MOVED, {"starts": (1,), "ends": (63,), "axes": (1,)}),
    _others("Pad", _table, _MOVED, {"pads": (0, 1, 0, 1)}),
    _others("Split", _table, _MOVED, {"axis": 1, "num_outputs": 2}),
    _others("Expand", lambda size: [(max(1, 2**size // 64), 1)], _MOVED, lambda size: {"shape": _table(size)[0]}),
    _others("Tile", _table, _MOVED, {"repeats": (1, 2)}),
    _others("Concat", lambda size: _table(size) * 2, _MOVED, {"axis": 0}),
    _others("Gather", _gathered, _MOVED),
    _others("Cast", _one, "float16 int32 int64 bool bfloat16", {"dtype": "float32"}),
    PlanRow("RandomUniform RandomNormal", _nothing, "float64", _drawn, sizes=(8, 14, 20, 17)),
    PlanRow(
        "RandomUniformInt", _nothing, "int32", lambda size: {**_drawn(size), "high": 100}, "int64", (8, 14, 20, 17)
    ),
)
SUMMING = (
    _others("ReduceMax ReduceMean ReduceMin ReduceSum", _table, _NUMBERS, {"axes": (-1,)}),
    _others("ArgMax", _table, _NUMBERS, {"axis": -1}),
    _others("Softmax LogSoftmax", _table, _FLOATS, {"axis": -1}),
    _others("BatchNormalization", _normalised, _FLOATS),
    _others("LRN", _image, _FLOATS, {"size": 5}),
    _others("GlobalAveragePool GlobalMaxPool", _image, _FLOATS),
    _others("MaxPool AveragePool", _image, _FLOATS, _WINDOW),
    _others("Conv", _convolved, _FLOATS, tier=1),
    _others("MatMul Gemm", lambda size: _square(size // 2 * 2) * 2, _FLOATS, tier=1),
)
ROWS = (*ELEMENTS, *MOVING, *SUMMING)
