"""Strategies for whole programs: a graph with requests, on a machine, to be placed by some rules."""

from dataclasses import dataclass

import hypothesis.strategies as st

from simgpu.graph import Constant, Graph, GraphBuilder, TensorSpec, Uniform
from simgpu.kernels import add_operation
from simgpu.machine import Machine

FLOATS = ("float32", "float64")
INTEGERS = ("int32", "int64")
DTYPES = (*FLOATS, *INTEGERS)
MISSING = ("/gpu:7", "/cpu:9", "/device:XPU:0", "/task:7", "/job:w/gpu:0")
CARDS = ("4 KiB", "32 KiB", "1 MiB")

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


@dataclass(frozen=True)
class Case:
    """One program, before it is placed."""

    graph: Graph
    machine: Machine
    kernels: str
    soft: bool


@st.composite
def graphs(draw, requests=("",), max_operations=12):
    """A graph of small square matrices of several dtypes; some operations have requests, partners or control inputs."""
    builder, size = GraphBuilder(), draw(st.sampled_from((0, 1, 4, 16)))
    square = {dtype: TensorSpec((size, size), dtype) for dtype in DTYPES}
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


def _source(draw, builder, number, square):
    spec = square[draw(st.sampled_from(DTYPES))]
    if draw(st.booleans()):
        return builder.add("Input", outputs=[spec], name=f"input{number}")[0]
    recipe = draw(st.sampled_from((Constant(2), Uniform(0, 9, (number,)))))
    return add_operation(builder, "Variable", name=f"variable{number}", spec=spec, initializer=recipe)[0]


def _constraints(draw, names, requests):
    extra = draw(st.integers(0, 9))
    return {
        "device": draw(st.sampled_from(requests)),
        "colocate_with": [draw(st.sampled_from(names))] if extra == 0 else [],
        "control_inputs": [draw(st.sampled_from(names))] if extra == 1 else [],
    }


def _operation(draw, builder, name, tensors, extras):
    first = draw(st.sampled_from(tensors))
    partners = [tensor for tensor in tensors if tensor.spec == first.spec]
    table = UNARY if draw(st.booleans()) else BINARY
    type = draw(st.sampled_from([type for type, dtypes in table.items() if first.spec.dtype in dtypes]))
    inputs = [first] if table is UNARY else [first, draw(st.sampled_from(partners))]
    attributes = {
        "Cast": {"dtype": draw(st.sampled_from(DTYPES))},
        "Split": {"axis": 0, "split": (first.spec.shape[0] // 2, first.spec.shape[0] - first.spec.shape[0] // 2)},
        "ReduceSum": {"axes": (0,), "keepdims": True},
        "Concat": {"axis": 0},
    }.get(type, {})
    return add_operation(builder, type, inputs, name=name, **extras, **attributes)


@st.composite
def machines(draw):
    """One or two hosts with up to three cards each, whole or cut, sharing their compute units or not."""
    card, count = draw(st.sampled_from(CARDS)), draw(st.integers(0, 3))
    gpus = {"gpus": f"{count} x {card}" if count else "cpu"}
    machine = {"compute": draw(st.sampled_from(("shared", "exclusive")))}
    if draw(st.integers(0, 3)) == 0:
        machine["hosts"] = [{"job": "localhost", **gpus} for _ in range(2)]
    else:
        machine |= gpus
        if count and draw(st.booleans()):
            machine["split"] = {"GPU:0": draw(st.integers(1, 3))}
    return Machine(machine)


@st.composite
def cases(draw):
    """A program of everything. Most requests can be met; in one program of eight some name what is not there."""
    machine = draw(machines())
    requests = ["", "", "/cpu:0", *(device.name for device in machine.devices)]
    requests += MISSING if draw(st.integers(0, 7)) == 0 else ()
    soft = draw(st.integers(0, 3)) > 0
    kernels = draw(st.sampled_from(("float-only", "tensorflow", "all")))
    return Case(draw(graphs(requests)), machine, kernels, soft)
