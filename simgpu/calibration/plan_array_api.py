"""Cases of the functions of the array API standard, but for linear algebra, as tables.

Sizes are logarithms to the base of 2 of the number of elements.
"""

from __future__ import annotations

from typing import Any

from simgpu.calibration.plan_rows import PlanRow, Shape
from simgpu.graph import TensorSpec

_REAL = "float16 float64 int64"
_FLOATS = "float16 float64"
_NUMBERS = "float16 float64 int64 int32 complex64"
_FLOATS_OR_COMPLEX = "float16 float64 complex64"
_ANY = "float16 float64 int64 bool"
_MOVED = "float64 int64 bfloat16 complex128"
_REDUCTIONS = "sum prod mean std var max min argmax argmin all any count_nonzero linalg.vector_norm"
_ROWS_OF = 64


def _one(size: int) -> list[Shape]:
    return [_image(size)]


def _two(size: int) -> list[Shape]:
    return [_image(size)] * 2


def _image(size: int) -> Shape:
    """Return the shape of an image with so many elements (a power of 2)."""
    return (2**size,) if size < 6 else (1, 2 ** (size - 6), 8, 8)


def _table(size: int) -> list[Shape]:
    """Return rows of 64 elements."""
    return [_rows(size)]


def _rows(size: int) -> Shape:
    return (max(1, 2**size // _ROWS_OF), _ROWS_OF)


def _columns(size: int) -> list[Shape]:
    """Return rows, and a value for each of their columns."""
    return [_rows(size), (_ROWS_OF,)]


def _index(*shape: int) -> TensorSpec:
    return TensorSpec(shape, "int64")


def _masked(size: int) -> list[Shape | TensorSpec]:
    return [_rows(size), TensorSpec(_rows(size), "bool")]


def _shape(size: int) -> dict[str, Any]:
    return {"shape": _image(size)}


UNARY = (
    PlanRow("abs negative positive sign square", _one, _NUMBERS),
    PlanRow("conj real", _one, "float64 int64 complex64 complex128"),
    PlanRow("imag", _one, "complex128", first="complex64"),
    PlanRow("isfinite isinf isnan", _one, "float16 float64 int64 complex64"),
    PlanRow("ceil floor round trunc", _one, _REAL),
    PlanRow("signbit", _one, _FLOATS),
    PlanRow(
        "exp expm1 log log1p log10 log2 reciprocal sqrt sin cos tan sinh cosh tanh asinh atan",
        _one,
        _FLOATS_OR_COMPLEX,
    ),
    PlanRow("acos acosh asin atanh", _one, _FLOATS_OR_COMPLEX),
    PlanRow("bitwise_invert", _one, "int32 bool", first="int64"),
    PlanRow("logical_not", _one, first="bool"),
    PlanRow("clip", _one, "float64 int32 int64", {"min": 1, "max": 3}),
)
BINARY = (
    PlanRow("add subtract multiply divide pow", _two, _NUMBERS),
    PlanRow("equal not_equal", _two, "float64 int64 bool complex64"),
    PlanRow("maximum minimum greater greater_equal less less_equal floor_divide remainder", _two, _REAL),
    PlanRow("atan2 copysign hypot logaddexp nextafter", _two, _FLOATS),
    PlanRow("bitwise_and bitwise_or bitwise_xor", _two, "int32 bool", first="int64"),
    PlanRow("bitwise_left_shift bitwise_right_shift", _two, "int32", first="int64"),
    PlanRow("logical_and logical_or logical_xor", _two, first="bool"),
    PlanRow(
        "add subtract multiply divide pow equal not_equal maximum minimum greater greater_equal less less_equal"
        " floor_divide remainder atan2 copysign hypot logaddexp nextafter",
        _columns,
        sizes=(20, 12, 16, 24),
        tier=1,
    ),
    PlanRow("add subtract multiply divide pow less greater equal", _one, attributes={"scalar": 2.0}, tier=2),
)
CREATION = (
    PlanRow("empty ones zeros", lambda size: [], "float16 float64 int64 bool complex64", _shape),
    PlanRow("full", lambda size: [], "float64 int64", lambda size: {**_shape(size), "fill_value": 7}),
    PlanRow("arange", lambda size: [], "float64 int64", lambda size: {"start": 0, "stop": 2**size}),
    PlanRow("linspace", lambda size: [], _FLOATS, lambda size: {"start": 0.0, "stop": 1.0, "num": 2**size}),
    PlanRow("eye", lambda size: [], "float64 int64", lambda size: {"n_rows": 2 ** (size // 2)}),
    PlanRow("fft.fftfreq fft.rfftfreq", lambda size: [], "float64", lambda size: {"n": 2**size}),
    PlanRow("asarray from_dlpack empty_like ones_like zeros_like", _one, _ANY),
    PlanRow("full_like", _one, "float16 float64 int64", {"fill_value": 7}),
    PlanRow("astype", _one, "int64 bool", {"dtype": "float64"}),
    PlanRow("astype", _one, "float64 int64 int32 bool float16", {"dtype": "float32"}, first=""),
    PlanRow("tril triu", lambda size: [(2 ** (size // 2), 2 ** (size // 2))], "float64 int64 complex64"),
    PlanRow("meshgrid", lambda size: [(2 ** (size // 2),)] * 2, "float64 int64"),
)
MOVING = (
    PlanRow("broadcast_to", lambda size: [(_rows(size)[0], 1)], _MOVED, lambda size: {"shape": _rows(size)}),
    PlanRow("expand_dims flip", _table, _MOVED, {"axis": 1}),
    PlanRow("squeeze", lambda size: [(1, 2**size)], _MOVED, {"axis": 0}),
    PlanRow("reshape", _table, _MOVED, {"shape": (-1,)}),
    PlanRow("permute_dims", _table, _MOVED, {"axes": (1, 0)}),
    PlanRow("moveaxis", _table, _MOVED, {"source": 0, "destination": 1}),
    PlanRow("matrix_transpose linalg.matrix_transpose", _table, _MOVED),
    PlanRow("roll", _table, _MOVED, {"shift": 3, "axis": 1}),
    PlanRow("tile", lambda size: [_rows(size - 1)], _MOVED, {"repetitions": (2, 1)}),
    PlanRow("repeat", lambda size: [_rows(size - 1)], _MOVED, {"repeats": 2, "axis": 0}),
    PlanRow("unstack", lambda size: [(4, 2 ** (size - 2))], _MOVED, {"axis": 0}),
    PlanRow("broadcast_arrays", _columns, _MOVED),
    PlanRow("concat stack", lambda size: [_rows(size - 1)] * 2, _MOVED, {"axis": 0}),
    PlanRow("concat", lambda size: [_rows(size - 2)] * 4, attributes={"axis": 1}, tier=2),
    PlanRow("take", lambda size: [_rows(size), _index(_rows(size)[0])], _MOVED, {"axis": 0}),
    PlanRow("take_along_axis", lambda size: [_rows(size), _index(*_rows(size))], _MOVED, {"axis": 1}),
    PlanRow("getitem", _table, _MOVED, {"key": (("slice", 1, None, 2),)}),
    PlanRow("getitem", _table, attributes={"key": ("...", ("slice", None, None, -1))}, tier=2),
    PlanRow("getitem_arrays", lambda size: [_rows(size), _index(_rows(size)[0])], _MOVED, {"key": ("array",)}),
    PlanRow("setitem", _table, "float64 int64 complex64", {"key": (("slice", 0, None, 2),), "value": 7}),
    PlanRow("setitem", lambda size: [_rows(size)] * 2, attributes={"key": ("...",)}, tier=2),
    PlanRow("setitem", _masked, attributes={"key": ("mask",), "value": 7}, tier=2),
    PlanRow("where", lambda size: [TensorSpec(_image(size), "bool"), _image(size), _image(size)], _MOVED),
    PlanRow("fft.fftshift fft.ifftshift", _table, "float64 complex64 complex128"),
)
STATISTICS = (
    PlanRow("sum prod", _table, _NUMBERS, {"axis": 1}),
    PlanRow("mean linalg.vector_norm", _table, "float16 float64 complex64", {"axis": 1}),
    PlanRow("std var", _table, _FLOATS, {"axis": 1}),
    PlanRow("max min argmax argmin", _table, _REAL, {"axis": 1}),
    PlanRow("all any count_nonzero", _table, _ANY, {"axis": 1}),
    PlanRow(_REDUCTIONS, _table, sizes=(20, 12, 16, 24), tier=1),
    PlanRow(_REDUCTIONS, _table, attributes={"axis": 0}, sizes=(20, 12, 16, 24), tier=2),
    PlanRow("cumulative_sum cumulative_prod", _table, _NUMBERS, {"axis": 1}),
    PlanRow("diff", _table, _NUMBERS, {"axis": 1}),
)
ORDER = (
    PlanRow("sort argsort", _table, _REAL, {"axis": 1}),
    PlanRow("sort argsort", lambda size: [(2**size,)], "float64 int64", sizes=(18, 12, 15, 22), tier=1),
    PlanRow("searchsorted", lambda size: [(2 ** (size - 2),), (2**size,)], "float64 int64"),
    PlanRow("isin", lambda size: [(2**size,), (256,)], "float64 int64"),
)
ROWS = (*UNARY, *BINARY, *CREATION, *MOVING, *STATISTICS, *ORDER)
