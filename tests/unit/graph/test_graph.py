import time

import pytest

from simgpu.errors import GraphError
from simgpu.graph import GraphBuilder, TensorSpec

SCALAR, PAIR = TensorSpec((), "float32"), TensorSpec((2,), "int32")


@pytest.fixture
def graph():
    builder = GraphBuilder()
    builder.add("Split", outputs=[SCALAR, PAIR], name="s", attributes={"axis": 0})
    builder.add("Add", ["s", "s:1", "s"], outputs=[PAIR], name="a", device="/gpu:0", control_inputs=["s", "n"])
    builder.add("NoOp", name="n")
    builder.add("Relu", ["a"], outputs=[PAIR], name="r", control_inputs=["a"])
    builder.fetch("r")
    return builder.build()


def test_an_operation_tells_all_that_it_was_added_with(graph):
    split, add = graph.operation("s"), graph.operation(1)

    assert (split.index, split.type, split.attributes, list(split.outputs)) == (0, "Split", {"axis": 0}, [0, 1])
    assert (split.device, split.colocation, split.inputs, split.control_inputs) == ("", (), (), ())
    assert (add.name, add.inputs, add.control_inputs, add.device) == ("a", (0, 1, 0), (0, 2), "/device:GPU:0")
    assert (add.input_specs, add.output_specs) == ((SCALAR, PAIR, SCALAR), (PAIR,))
    assert repr(add) == "<Operation 'a' (Add)>"


def test_tensors_are_named_after_their_operation_and_slot(graph):
    assert [graph.tensor_name(tensor) for tensor in range(4)] == ["s", "s:1", "a", "r"]
    assert [graph.producer(tensor) for tensor in range(4)] == [0, 0, 1, 3]
    assert [graph.tensor_spec(tensor) for tensor in range(4)] == [SCALAR, PAIR, PAIR, PAIR]


def test_an_operation_that_reads_a_tensor_twice_is_one_consumer(graph):
    assert [list(graph.consumers(tensor)) for tensor in range(4)] == [[1], [1], [3], []]


def test_predecessors_are_producers_and_control_inputs_each_once(graph):
    assert [graph.predecessors(index) for index in range(4)] == [[], [0, 2], [], [1]]


def test_of_the_operations_that_are_ready_the_lowest_number_comes_first(graph):
    assert list(graph.order) == [0, 2, 1, 3]


def test_a_graph_has_the_length_of_its_operations_and_iterates_over_them(graph):
    assert len(graph) == 4
    assert [operation.name for operation in graph] == ["s", "a", "n", "r"]
    assert repr(graph) == "<Graph of 4 operations and 4 tensors>"


def test_a_name_that_is_not_there_is_refused(graph):
    with pytest.raises(GraphError) as caught:
        graph.operation("nobody")

    assert str(caught.value) == "the graph has no operation named 'nobody'; it has 4 operations"


def test_an_empty_graph_is_a_graph():
    graph = GraphBuilder().build()

    assert (len(graph), list(graph.order), graph.fetches) == (0, [], ())


def test_a_hundred_thousand_operations_are_built_in_seconds():
    builder, started = GraphBuilder(), time.process_time()
    tensors = list(builder.add("Source", outputs=[SCALAR]))
    for number in range(100_000):
        tensors += builder.add("Add", [tensors[number // 2], tensors[-1]], outputs=[SCALAR])
    graph = builder.build()

    assert list(graph.order) == list(range(100_001))
    assert graph.operation("Add_99999").inputs == (49_999, 99_999)
    assert time.process_time() - started < 10
