"""Graphs: small programs of square matrices that run on any machine, if it has the memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st

from simgpu.graph import Constant, Graph, GraphBuilder, Tensor, TensorSpec, Uniform
from simgpu.kernels import add_operation

FLOATS = ("float32", "float64")
INTEGERS = ("int32", "int64")
DTYPES = (*FLOATS, *INTEGERS)
SIDES = (0, 1, 4, 16)

UNARY = {
    "Relu": DTYPES,
    "Identity": DTYPES,
    "Neg": DTYPES,
    "Exp": FLOATS,
    "Cast": DTYPES,
    "Split": DTYPES,
    "ReduceSum": DTYPES,
}
BINARY = {"Add": DTYPES, "Mul": DTYPES, "MatMul": DTYPES, "Concat": DTYPES, "Less": DTYPES}


@st.composite
def graphs(draw: st.DrawFn, *, requests: Sequence[str] = ("",), max_operations: int = 12) -> Graph:
    """Graphs of small square matrices of several dtypes, with inputs, variables and up to `max_operations` operations.

    Each operation asks for one of the devices in `requests`, where `""` asks for none. Some have a colocation partner,
    some a control input, and some results are fetched.
    """
    builder, side = GraphBuilder(), draw(st.sampled_from(SIDES))
    square = {dtype: TensorSpec((side, side), dtype) for dtype in DTYPES}
    tensors = [_source(draw, builder, number, square) for number in range(draw(st.integers(1, 3)))]
    names = [tensor.operation for tensor in tensors]
    for number in range(draw(st.integers(1, max_operations))):
        extras = _constraints(draw, names, requests)
        made = _operation(draw, builder, f"op{number}", tensors, extras)
        names.append(made[0].operation)
        tensors += [tensor for tensor in made if tensor.spec in square.values()]
        if draw(st.booleans()):
            builder.fetch(made[-1])
    return builder.build()


def _source(draw: st.DrawFn, builder: GraphBuilder, number: int, square: dict[str, TensorSpec]) -> Tensor:
    spec = square[draw(st.sampled_from(DTYPES))]
    if draw(st.booleans()):
        return builder.add("Input", outputs=[spec], name=f"input{number}")[0]
    recipe = draw(st.sampled_from((Constant(2), Uniform(0, 9, (number,)))))
    return add_operation(builder, "Variable", name=f"variable{number}", spec=spec, initializer=recipe)[0]


def _constraints(draw: st.DrawFn, names: list[str], requests: Sequence[str]) -> dict[str, Any]:
    extra = draw(st.integers(0, 9))
    return {
        "device": draw(st.sampled_from(requests)),
        "colocate_with": [draw(st.sampled_from(names))] if extra == 0 else [],
        "control_inputs": [draw(st.sampled_from(names))] if extra == 1 else [],
    }


def _operation(
    draw: st.DrawFn, builder: GraphBuilder, name: str, tensors: list[Tensor], extras: dict[str, Any]
) -> tuple[Tensor, ...]:
    first = draw(st.sampled_from(tensors))
    partners = [tensor for tensor in tensors if tensor.spec == first.spec]
    table = UNARY if draw(st.booleans()) else BINARY
    type = draw(st.sampled_from([type for type, dtypes in table.items() if first.spec.dtype in dtypes]))
    inputs = [first] if table is UNARY else [first, draw(st.sampled_from(partners))]
    attributes: dict[str, dict[str, Any]] = {
        "Cast": {"dtype": draw(st.sampled_from(DTYPES))},
        "Split": {"axis": 0, "split": (first.spec.shape[0] // 2, first.spec.shape[0] - first.spec.shape[0] // 2)},
        "ReduceSum": {"axes": (0,), "keepdims": True},
        "Concat": {"axis": 0},
    }
    return add_operation(builder, type, inputs, name=name, **extras, **attributes.get(type, {}))
