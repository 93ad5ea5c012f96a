import pytest

from simgpu.errors import GraphError
from simgpu.graph import Constant, GraphBuilder, TensorSpec
from simgpu.placement import place
from simgpu.program import CALLER, Buffer, TaskKind, lower
from tests.messages import exactly
from tests.unit.program.settings import Sketch, machine

TWO = machine("2 x 1MiB")
CPU0, GPU0, GPU1 = 0, 1, 2


def tasks_of(program, kind):
    return [(task.name, task.source, task.device) for task in program.tasks if task.kind is kind]


def task(program, kind, name):
    (number,) = (n for n, task in enumerate(program.tasks) if (task.kind, task.name) == (kind, name))
    return number


def waits(program, kind, name):
    numbers = program.tasks[task(program, kind, name)].waits_for
    return [f"{program.tasks[number].kind.value} {program.tasks[number].name}" for number in numbers]


def test_however_many_consumers_wait_there_a_tensor_moves_once_to_each_device():
    sketch = Sketch().add("a", sizes=[8])
    for number in range(4):
        sketch.add(f"on gpu {number}", "a", on="/gpu:1").add(f"on cpu {number}", "a", on="/cpu:0")
    program = lower(sketch.placed(TWO))

    assert tasks_of(program, TaskKind.TRANSFER) == [("a", GPU0, GPU1), ("a", GPU0, CPU0)]


def test_what_is_read_where_it_was_made_does_not_move():
    program = lower(Sketch().add("a", sizes=[8]).add("b", "a", "a").placed(TWO))

    assert tasks_of(program, TaskKind.TRANSFER) == []
    assert waits(program, TaskKind.COMPUTE, "b") == ["compute a"]


def test_a_tensor_that_an_operation_reads_twice_moves_once():
    program = lower(Sketch().add("a", sizes=[8]).add("b", "a", "a", on="/gpu:1").placed(TWO))
    reader = program.tasks[task(program, TaskKind.COMPUTE, "b")]

    assert tasks_of(program, TaskKind.TRANSFER) == [("a", GPU0, GPU1)]
    assert reader.reads[0] == reader.reads[1]
    assert program.reader_counts[reader.reads[0]] == 1
    assert waits(program, TaskKind.COMPUTE, "b") == ["transfer a"]


def test_each_output_of_an_operation_moves_on_its_own():
    sketch = Sketch().add("a", sizes=[8, 16, 24]).add("b", "a:2", "a", on="/gpu:1")

    assert tasks_of(lower(sketch.placed(TWO)), TaskKind.TRANSFER) == [("a:2", GPU0, GPU1), ("a", GPU0, GPU1)]


def test_an_operation_waits_for_the_transfers_and_not_for_their_producers():
    program = lower(Sketch().add("a", sizes=[8]).add("b", sizes=[8], on="/gpu:1").add("c", "b", "a").placed(TWO))

    assert waits(program, TaskKind.COMPUTE, "c") == ["transfer b", "compute a"]
    assert waits(program, TaskKind.TRANSFER, "b") == ["compute b"]


def test_a_control_input_makes_wait_and_moves_nothing():
    program = lower(Sketch().add("a", sizes=[8]).add("b", on="/gpu:1", after=["a"]).placed(TWO))

    assert tasks_of(program, TaskKind.TRANSFER) == []
    assert waits(program, TaskKind.COMPUTE, "b") == ["compute a"]
    assert program.followers[task(program, TaskKind.COMPUTE, "a")] == (task(program, TaskKind.COMPUTE, "b"),)


def test_an_operation_may_come_before_what_it_reads():
    program = lower(Sketch().add("b", "a", on="/gpu:1").add("a", sizes=[8]).placed(TWO))

    assert [task.name for task in program.tasks] == ["a", "b", "a"]
    assert [task.kind.value for task in program.tasks] == ["transfer", "compute", "compute"]
    assert [task.waits_for for task in program.tasks] == [(2,), (0,), ()]
    assert [list(followers) for followers in program.followers] == [[1], [], [0]]


def test_inputs_come_from_the_caller_and_fetches_go_to_the_caller():
    sketch = Sketch().add("x", type="Input", sizes=[8], on="/gpu:1").add("y", "x", sizes=[8]).fetch("y", "x", "y")
    program = lower(sketch.placed(TWO))

    assert [(t.kind.value, t.name, t.source, t.device) for t in program.tasks] == [
        ("feed", "x", CALLER, GPU1),
        ("transfer", "x", GPU1, GPU0),
        ("compute", "y", CALLER, GPU0),
        ("fetch", "y", GPU0, CALLER),
        ("fetch", "x", GPU1, CALLER),
    ]
    assert program.fetch_tasks == (3, 4, 3)


def test_variables_are_residents_and_no_task_makes_them():
    builder = GraphBuilder()
    for name in ("v", "w"):
        builder.add(
            "Variable", name=name, outputs=[TensorSpec((4,), "float32")], attributes={"initializer": Constant(0)}
        )
    builder.add("Add", ["w", "v"], outputs=[TensorSpec((4,), "float32")], name="a", control_inputs=["v"])
    program = lower(place(builder.build(), TWO))

    assert program.residents == (0, 1)
    assert program.buffers[:2] == [Buffer(0, GPU0, 16, "v"), Buffer(1, GPU0, 16, "w")]
    assert [(task.name, task.waits_for, task.reads) for task in program.tasks] == [("a", (), (1, 0))]


def test_copies_carry_the_name_of_their_tensor():
    program = lower(Sketch().add("a", sizes=[8, 600]).add("b", "a:1", on="/gpu:1", sizes=[1]).placed(TWO))

    assert program.buffers == [
        Buffer(0, GPU0, 8, "a"),
        Buffer(1, GPU0, 600, "a:1"),
        Buffer(1, GPU1, 600, "a:1"),
        Buffer(2, GPU1, 1, "b"),
    ]
    assert program.reader_counts == [0, 1, 1, 0]


def test_tensors_that_a_kernel_keeps_in_host_memory_move_from_there():
    builder = GraphBuilder()
    spec = TensorSpec((2, 2), "int32")
    builder.add("Input", outputs=[spec], name="x", device="/gpu:0")
    builder.add("Add", ["x", "x"], outputs=[spec], name="a", device="/gpu:0")
    placement = place(builder.build(), TWO, kernels="tensorflow")
    add = lower(placement).tasks[-1]
    buffers = lower(placement).buffers

    assert (placement.device_of("a")[-5:], add.device) == ("GPU:0", GPU0)
    assert [buffers[number].device for number in (*add.reads, *add.writes)] == [CPU0, CPU0, CPU0]


def test_a_loop_is_refused():
    builder = GraphBuilder()
    scalar = TensorSpec((), "float32")
    builder.add("Input", outputs=[scalar], name="x")
    builder.add("Merge", ["x", "again"], outputs=[scalar], name="merge")
    builder.add("NextIteration", ["merge"], outputs=[scalar], name="again")
    placement = place(builder.build(), TWO, kernels="all")
    with pytest.raises(GraphError) as caught:
        lower(placement)

    assert str(caught.value) == "operation 'again' closes a loop; loops can be placed, but not run"


def test_an_input_waits_for_the_operations_it_is_controlled_by():
    builder = GraphBuilder()
    builder.add("Identity", name="first", outputs=[TensorSpec((8,), "float32")])
    builder.add("Input", name="fed", outputs=[TensorSpec((8,), "float32")], control_inputs=["first"])
    program = lower(place(builder.build(), TWO, kernels="all"))

    assert waits(program, TaskKind.FEED, "fed") == ["compute first"]


def test_an_input_with_two_outputs_is_refused():
    builder = GraphBuilder()
    builder.add("Input", name="fed", outputs=[TensorSpec((8,), "float32")] * 2)

    with pytest.raises(GraphError, match=exactly("input 'fed' has 2 outputs; an Input has exactly one")):
        lower(place(builder.build(), TWO, kernels="all"))


def test_a_variable_with_control_inputs_is_refused():
    builder = GraphBuilder()
    builder.add("Identity", name="first", outputs=[TensorSpec((8,), "float32")])
    attributes = {"initializer": Constant(1)}
    builder.add(
        "Variable", name="v", outputs=[TensorSpec((8,), "float32")], attributes=attributes, control_inputs=["first"]
    )

    with pytest.raises(
        GraphError,
        match=exactly(
            "variable 'v' has control inputs; variables are there before the first operation runs, so let the "
            "operations that read it wait instead"
        ),
    ):
        lower(place(builder.build(), TWO, kernels="all"))
