from __future__ import annotations

import pickle

import pytest

from simgpu.errors import ScenarioError
from simgpu.graph import Constant, Normal, TensorSpec
from simgpu.scenario import InlineGraph, InlineOperation, scenario_from_text
from simgpu.scenario.inline import InlineGraphError

OPERATIONS = """\
machine: cpu
graph:
  operations:
    - {name: y, op: MatMul, inputs: [x, w], duration: 5us, device: "/gpu:0"}
    - {name: x, op: Input, shape: [2, 3]}
    - {name: w, op: Variable, shape: [3, 4], after: [x], colocate_with: [x]}
    - {name: b, op: Variable, shape: [4], fill: 0.5}
    - {name: z, op: Add, inputs: ["y:0", b]}
    - {name: m, op: ReduceMean, inputs: [y], attributes: {axes: [0, 1], keepdims: 0}}
"""


def graph_of(text: str, seed: int = 3):
    scenario = scenario_from_text(text, "f.yaml")
    assert isinstance(scenario.model, InlineGraph)
    return scenario.model.build(seed)


def refusal(old: str, new: str) -> str:
    assert old in OPERATIONS
    with pytest.raises(ScenarioError) as caught:
        scenario_from_text(OPERATIONS.replace(old, new), "f.yaml")
    return str(caught.value)


def test_operations_may_be_listed_in_any_order():
    graph = graph_of(OPERATIONS)

    assert [
        (operation.name, operation.type, [graph.tensor_name(i) for i in operation.inputs]) for operation in graph
    ] == [
        ("x", "Input", []),
        ("w", "Variable", []),
        ("y", "MatMul", ["x", "w"]),
        ("b", "Variable", []),
        ("z", "Add", ["y", "b"]),
        ("m", "ReduceMean", ["y"]),
    ]


def test_what_is_said_of_an_operation_reaches_the_graph():
    graph = graph_of(OPERATIONS)
    w, y, b, m = (graph.operation(name) for name in "wybm")

    assert w.output_specs == (TensorSpec((3, 4), "float32"),)
    assert w.attributes["initializer"] == Normal(0.0, 0.1, (3, 2))
    assert (w.control_inputs, w.colocation) == ((graph.operation("x").index,), ("x",))
    assert (y.device, y.attributes["duration_ps"]) == ("/device:GPU:0", 5_000_000)
    assert b.attributes["initializer"] == Constant(0.5)
    assert m.attributes == {"axes": (0, 1), "keepdims": 0}


def test_tensors_that_nobody_reads_are_fetched():
    graph = graph_of(OPERATIONS)

    assert [graph.tensor_name(tensor) for tensor in graph.fetches] == ["z", "m"]


def test_named_tensors_are_fetched_in_order():
    graph = graph_of(OPERATIONS + "  fetch: [m, y]\n")

    assert [graph.tensor_name(tensor) for tensor in graph.fetches] == ["m", "y"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[x, w]", "[x, z]", "8:7: graph.operations[4]: the graph has a cycle of 2 operations: z -> y -> z"),
        ("[x, w]", "[x, v]", "4:7: graph.operations[0]: operation 'y' names 'v', which is not there; known are y, x, "
         "w, b, z, m"),
        ("[x, w]", '[x, "w:1"]', "4:7: graph.operations[0]: operation 'y': an input is 'w:1', but no operation has "
         "such an output"),
        ("[3, 4]", "[5, 4]", "4:7: graph.operations[0]: operation 'y': MatMul(float32[2,3], float32[5,4]): cannot "
         "multiply (2, 3) by (5, 4): 3 meets 5"),
        ("name: z", "name: y", "8:7: graph.operations[4]: a second operation is named 'y'; rename one"),
        ("shape: [2, 3]", "shape: [-2, 3]", "5:36: graph.operations[1].shape[0]: must be 0 or more, not -2"),
        (", shape: [2, 3]", "", "5:7: graph.operations[1]: Input 'x' needs a 'shape', such as [8, 64]"),
        ("op: Add", "op: Add, shape: [2]", "8:26: graph.operations[4].shape: 'shape' is for Input and Variable; Add "
         "infers it"),
        ("5us", "5 parsecs", "4:55: graph.operations[0].duration: duration: '5 parsecs' has the unknown unit "
         "'parsecs'; accepted: an int in ps, or text such as '5us', '1.5 ms', '2 min' (units: ps, ns, us, ms, "
         "s, min, h)"),
        ("after: [x]", "after: [u]", "6:7: graph.operations[2]: operation 'w' names 'u', which is not there; known are "
         "y, x, w, b, z, m"),
    ],
)  # fmt: skip
def test_a_fault_is_refused_where_the_operation_stands(old, new, message):
    assert refusal(old, new) == f"f.yaml:{message}"


@pytest.mark.parametrize("new", ["op: Addd", "op: Addd, shape: [2]", "op: Addd, after: [u]"])
def test_an_unknown_operation_is_told_before_other_faults(new):
    assert refusal("op: Add", new).startswith(
        "f.yaml:8:21: graph.operations[4].op: no operation is called 'Addd'; near it: Add"
    )


def test_an_unknown_fetch_is_refused():
    assert refusal("keepdims: 0}}\n", "keepdims: 0}}\n  fetch: [q]\n") == (
        "f.yaml:3:3: graph: fetch is 'q', but no operation has such an output"
    )


def test_an_absurd_shape_is_refused_where_it_stands():
    message = refusal("shape: [2, 3]", "shape: [1000000000000, 1000000000000]")

    assert message.startswith(
        "f.yaml:5:35: graph.operations[1].shape: a tensor of shape (1000000000000, 1000000000000)"
    )


def test_an_operation_may_have_a_name_that_looks_like_an_output():
    graph = InlineGraph(
        (
            InlineOperation("a:1", "Input", spec=TensorSpec((2,), "float32")),
            InlineOperation("b", "Relu", inputs=("a:1",)),
        )
    ).build(0)

    assert graph.data.inputs == [(), (0,)]


def test_the_error_survives_pickling():
    error = pickle.loads(pickle.dumps(InlineGraphError("reason", 3)))

    assert (str(error), error.position) == ("reason", 3)
