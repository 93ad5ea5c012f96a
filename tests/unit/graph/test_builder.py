import pytest

from simgpu.errors import DeviceNameError, GraphError
from simgpu.graph import GraphBuilder, TensorSpec

SCALAR = TensorSpec((), "float32")


@pytest.fixture
def builder():
    return GraphBuilder()


def refusal(builder):
    with pytest.raises(GraphError) as caught:
        builder.build()
    return str(caught.value)


def chain(builder, *edges):
    """Add operations from texts such as `b a`: operation b reads a."""
    for edge in edges:
        name, *inputs = edge.split()
        builder.add("Add", inputs, name=name, outputs=[SCALAR])
    return builder


def test_a_tensor_is_meant_by_its_handle_its_name_or_its_slot(builder):
    first, second = builder.add("Split", outputs=[SCALAR, SCALAR], name="s")
    builder.add("Concat", [first, second, "s", "s:0", "s:1"], outputs=[SCALAR], name="c")

    assert builder.build().operation("c").inputs == (0, 1, 0, 0, 1)


def test_an_operation_may_read_what_is_added_later(builder):
    graph = chain(builder, "b a", "c b", "a").build()

    assert [operation.inputs for operation in graph] == [(2,), (0,), ()]
    assert list(graph.order) == [2, 0, 1]


def test_operations_without_a_name_are_counted_and_pass_over_names_that_are_taken(builder):
    builder.add("Relu", name="Relu_1")
    for _ in range(3):
        builder.add("Relu")

    assert builder.build().data.names == ["Relu_1", "Relu", "Relu_2", "Relu_3"]


def test_a_name_can_be_used_once(builder):
    builder.add("Relu", name="a")
    with pytest.raises(GraphError) as caught:
        builder.add("Add", name="a")

    assert str(caught.value) == "operation 'a' (Add) is there already; every operation needs a name of its own"


def test_a_refused_name_leaves_the_graph_as_it_was(builder):
    builder.add("Relu", name="a")
    with pytest.raises(GraphError):
        builder.add("Add", name="a")

    assert builder.build().data.types == ["Relu"]


def test_an_input_that_is_not_there_is_refused(builder):
    assert refusal(chain(builder, "b nobody")) == "operation 'b' reads 'nobody', but the graph has no such operation"


def test_a_slot_that_is_not_there_is_refused(builder):
    builder.add("Split", outputs=[SCALAR, SCALAR], name="s")
    chain(builder, "b s:2")

    assert refusal(builder) == "operation 'b' reads output 2 of 's', which has 2 outputs (numbered from 0)"


def test_a_control_input_that_is_not_there_is_refused(builder):
    builder.add("NoOp", name="b", control_inputs=["nobody"])

    assert refusal(builder) == "operation 'b' waits for 'nobody', but the graph has no such operation"


def test_a_fetch_of_what_is_not_there_is_refused(builder):
    builder.fetch("nobody:3")

    assert refusal(builder) == "a fetch reads 'nobody', but the graph has no such operation"


def test_fetches_keep_their_order_and_may_repeat(builder):
    chain(builder, "a", "b a")
    builder.fetch("b", "a")
    builder.fetch("b:0")

    assert builder.build().fetches == (1, 0, 1)


def test_a_cycle_is_told_in_the_order_of_its_edges(builder):
    chain(builder, "source", "a source c", "b a", "c b", "behind c")

    assert refusal(builder) == "the graph has a cycle of 3 operations: b -> c -> a -> b; a graph must be acyclic"


def test_an_operation_that_reads_itself_is_a_cycle(builder):
    assert refusal(chain(builder, "a a")) == "the graph has a cycle of 1 operations: a -> a; a graph must be acyclic"


def test_only_the_first_operations_of_a_long_cycle_are_told(builder):
    chain(builder, "n0 n9", *(f"n{number + 1} n{number}" for number in range(9)))

    assert refusal(builder) == (
        "the graph has a cycle of 10 operations: n1 -> n2 -> n3 -> n4 -> n5 -> n6 -> n7 -> n8 -> ...; "
        "a graph must be acyclic"
    )


def test_control_inputs_close_cycles_too(builder):
    builder.add("NoOp", name="a", control_inputs=["b"])
    builder.add("NoOp", name="b", control_inputs=["a"])

    assert refusal(builder) == "the graph has a cycle of 2 operations: b -> a -> b; a graph must be acyclic"


def test_a_loop_may_go_back_through_next_iteration(builder):
    chain(builder, "start")
    builder.add("Merge", ["start", "next"], outputs=[SCALAR], name="merge")
    builder.add("NextIteration", ["merge"], outputs=[SCALAR], name="next")
    graph = builder.build()

    assert list(graph.order) == [0, 1, 2]
    assert graph.operation("merge").inputs == (0, 2)
    assert graph.predecessors(1) == [0]


def test_device_scopes_merge_from_the_outermost_in(builder):
    with builder.device("/job:worker"), builder.device("/gpu:1"):
        builder.add("Relu", name="in both", device="/task:2")
        builder.add("Relu", name="cpu wins", device="/cpu:0")
    builder.add("Relu", name="outside")

    assert builder.build().data.devices == [
        "/job:worker/task:2/device:GPU:1",
        "/job:worker/device:CPU:0",
        "",
    ]


def test_a_scope_of_none_clears_the_outer_ones(builder):
    with builder.device("/job:worker"):
        with builder.device(None), builder.device("/gpu:1"):
            builder.add("Relu")
        builder.add("Relu")

    assert builder.build().data.devices == ["/device:GPU:1", "/job:worker"]


def test_a_scope_ends_when_an_error_leaves_it(builder):
    with pytest.raises(ZeroDivisionError), builder.device("/gpu:1"):
        raise ZeroDivisionError
    builder.add("Relu")

    assert builder.build().data.devices == [""]


def test_a_scope_that_is_no_device_name_is_refused_at_once(builder):
    with pytest.raises(DeviceNameError), builder.device("/gpu:one"):
        raise AssertionError("the scope was entered")

    builder.add("Relu")
    assert builder.build().data.devices == [""]


def test_colocation_and_control_inputs_name_each_operation_once(builder):
    chain(builder, "a", "b")
    builder.add("Relu", name="c", colocate_with=["b", "a", "b"], control_inputs=["b", "a", "b"])
    operation = builder.build().operation("c")

    assert (operation.colocation, operation.control_inputs) == (("b", "a"), (1, 0))


@pytest.mark.parametrize("name", ["", "\ud800", "a\nb", 7])
def test_a_name_that_cannot_be_printed_is_refused(builder, name):
    with pytest.raises(GraphError, match="a name is printable text and not empty"):
        builder.add("Work", name=name)


def test_a_name_that_is_called_as_the_output_of_another_operation_is_refused(builder):
    builder.add("Split", name="a", outputs=[TensorSpec((1,), "float32")] * 2)
    builder.add("Work", name="a:1")

    assert refusal(builder) == "operation 'a:1' is called as output 1 of 'a'; give it another name"


@pytest.mark.parametrize("keyword", ["colocate_with", "control_inputs"])
def test_text_in_place_of_a_list_of_names_is_refused(builder, keyword):
    with pytest.raises(GraphError) as caught:
        builder.add("Work", name="w", **{keyword: "ab"})

    assert str(caught.value) == f"operation 'w': {keyword} is 'ab'; give a list of names"


def test_fetched_tensors_have_names_of_their_own_or_those_given(builder):
    first, second = builder.add("Split", name="a", outputs=[TensorSpec((1,), "float32")] * 2)
    builder.fetch(first, second, best=second)
    graph = builder.build()

    assert (graph.fetches, graph.fetch_names) == ((0, 1, 1), ("a", "a:1", "best"))
