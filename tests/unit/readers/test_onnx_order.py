"""Order and names: operations come in the order of the file, and each has a name of its own."""

from __future__ import annotations

import pytest

from simgpu.errors import ModelFileError
from simgpu.readers import read_onnx
from tests.unit.readers.onnx_files import node


def refusal(path):
    """Return what is said of a file, behind its name."""
    with pytest.raises(ModelFileError) as caught:
        read_onnx(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    return text.removeprefix(str(path)).lstrip()


def test_a_sorted_file_keeps_its_order(write):
    nodes = [node("Relu", "x", "b"), node("Neg", "x", "a"), node("Add", "a b")]

    assert read_onnx(write(nodes)).data.names == ["x", "b", "a", "y"]


def test_an_unsorted_file_is_sorted(write):
    nodes = [node("Add", "a b"), node("Neg", "b", "a"), node("Relu", "x", "b")]

    assert read_onnx(write(nodes)).data.names == ["x", "b", "a", "y"]


def test_a_cycle_is_refused_by_its_nodes(write):
    nodes = [node("Add", "x b", "a", name="first"), node("Relu", "a", "b", name="second"), node("Relu", "b")]

    assert refusal(write(nodes)) == ("has a cycle: Relu node 'second' -> Add node 'first'; a model must be acyclic")


def test_a_tensor_that_nothing_makes_is_refused_by_its_reader(write):
    text = refusal(write([node("Relu", "lost", name="last")]))

    assert text == ": 'lost' is read by Relu node 'last', but nothing makes it"


def test_an_output_that_nothing_makes_is_refused(write):
    text = refusal(write([node("Relu", "x")], outputs="y lost"))

    assert text == ": 'lost' is read by the graph as an output, but nothing makes it"


@pytest.mark.parametrize(
    ("again", "first"),
    [
        ("x", "the graph's inputs or initializers"),
        ("w", "the graph's inputs or initializers"),
        ("y", "the Relu node that makes 'y'"),
    ],
)
def test_a_tensor_that_is_made_twice_is_refused(write, again, first):
    text = refusal(write([node("Relu", "x"), node("Relu", "x", again)], tensors={"w": [1.0]}))

    assert text == f": tensor '{again}' is made twice: by {first} and by the Relu node that makes '{again}'"


def test_names_of_nodes_are_kept_with_their_slashes(write):
    nodes = [node("Relu", "x", "a", name="block/one"), node("Relu", "a", name="block/two")]

    assert read_onnx(write(nodes)).data.names == ["x", "block/one", "block/two"]


def test_a_name_that_something_else_has_gives_way_to_the_name_of_the_output(write):
    nodes = [
        node("Add", "x w", "a", name="x"),
        node("Relu", "a", "b", name="twice"),
        node("Relu", "b", "c", name="twice"),
        node("Relu", "c", "d", name="b"),
        node("Relu", "d", name="w"),
    ]

    names = read_onnx(write(nodes, tensors={"w": [1.0] * 4}, inputs={"x": (4,)}, dtype=11), weights="given").data.names

    assert names == ["x", "w", "a", "b_1", "c", "b", "y"]


def test_fetches_are_the_outputs_in_order_whatever_makes_them(write):
    graph = read_onnx(write([node("Relu", "x")], outputs="w y x y", tensors={"w": [1, 2]}))

    assert [graph.tensor_name(tensor) for tensor in graph.fetches] == ["w", "y", "x", "y"]
