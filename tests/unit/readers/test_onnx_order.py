"""Order and names: operations come in the order of the file, and each has a name of its own."""

from __future__ import annotations

import pytest

from simgpu.errors import ModelFileError
from simgpu.readers import read_onnx
from tests.unit.readers.onnx_files import node


def test_a_sorted_file_keeps_its_order(write):
    nodes = [node("Relu", "x", "b"), node("Neg", "x", "a"), node("Add", "a b")]

    assert read_onnx(write(nodes)).data.names == ["x", "b", "a", "y"]


def test_an_unsorted_file_is_sorted(write):
    nodes = [node("Add", "a b"), node("Neg", "b", "a"), node("Relu", "x", "b")]

    assert read_onnx(write(nodes)).data.names == ["x", "b", "a", "y"]


def test_a_cycle_is_refused_by_its_nodes(write):
    nodes = [node("Add", "x b", "a", name="first"), node("Relu", "a", "b", name="second"), node("Relu", "b")]

    with pytest.raises(ModelFileError) as refusal:
        read_onnx(write(nodes))

    assert "has a cycle: " in str(refusal.value)
    assert "Add node 'first'" in str(refusal.value)
    assert "Relu node 'second'" in str(refusal.value)


def test_a_tensor_that_nothing_makes_is_refused_by_its_reader(write):
    with pytest.raises(ModelFileError, match="'lost' is read by Relu node 'last', but nothing makes it"):
        read_onnx(write([node("Relu", "lost", name="last")]))


def test_an_output_that_nothing_makes_is_refused(write):
    with pytest.raises(ModelFileError, match="'lost' is read by the graph as an output"):
        read_onnx(write([node("Relu", "x")], outputs="y lost"))


@pytest.mark.parametrize("again", ["x", "w", "y"])
def test_a_tensor_that_is_made_twice_is_refused(write, again):
    path = write([node("Relu", "x"), node("Relu", "x", again)], tensors={"w": [1.0]})

    with pytest.raises(ModelFileError, match=f"tensor '{again}' is made twice: by "):
        read_onnx(path)


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
