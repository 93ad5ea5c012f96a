import os
import threading
import time

import numpy as np
import pytest

from simgpu.errors import InvalidValue
from simgpu.execution import execute
from simgpu.graph import Constant, Data, GraphBuilder, Normal, TensorSpec, Uniform
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.trace import critical_chain
from simgpu.units import PS_PER_S
from tests.unit.program.settings import AsTold, Sketch, machine

PATIENCE_S = 20
PAIR = TensorSpec((2,), "float32")


def fill(value):
    return lambda inputs, outputs: outputs[0].fill(value)


def together(barrier):
    return lambda inputs, outputs: barrier.wait(PATIENCE_S)


class Crowd:
    """Counts how many operations are under way at the same time."""

    def __init__(self):
        self.lock, self.now, self.most = threading.Lock(), 0, 0

    def visit(self, inputs, outputs):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.002)
        with self.lock:
            self.now -= 1


def test_values_go_through_operations_and_devices():
    builder = GraphBuilder()
    x = add_operation(builder, "Input", spec=PAIR, name="x", device="/cpu:0")
    doubled = add_operation(builder, "Add", [*x, *x], name="doubled", device="/gpu:0")
    squared = add_operation(builder, "Mul", [*doubled, *doubled], name="squared", device="/gpu:1")
    builder.fetch(*squared, *x)
    outputs, trace = execute(place(builder.build(), Machine("2 x 1MiB")), {"x": np.float32([1, 3])})

    assert {name: value.tolist() for name, value in outputs.items()} == {"squared": [4, 36], "x": [1, 3]}
    assert (trace.engine, trace.clock) == ("execute", "real")
    assert [(span.kind, span.name) for span in critical_chain(trace)][:4] == [
        *(("transfer", "x"), ("transfer", "x"), ("compute", "doubled"), ("transfer", "doubled")),
    ]


def test_two_gpus_compute_at_the_same_time():
    barrier = threading.Barrier(2)
    sketch = Sketch().add("a", does=together(barrier)).add("b", on="/gpu:1", does=together(barrier))
    _, trace = execute(sketch.placed(machine("2 x 1MiB")), storage=AsTold())

    assert [span.kind for span in trace.spans] == ["compute", "compute"]
    assert max(span.start_ps for span in trace.spans) < min(span.end_ps for span in trace.spans)


def test_slices_of_one_card_compute_at_the_same_time_too():
    barrier = threading.Barrier(3)
    sketch = Sketch()
    for number in range(3):
        sketch.add(f"op{number}", on=f"/gpu:{number}", does=together(barrier))

    assert execute(sketch.placed(machine("1 x 1MiB", split={"GPU:0": 3})), storage=AsTold())[0] == {}


def test_one_gpu_never_computes_two_operations_at_once():
    crowd, sketch = Crowd(), Sketch()
    for number in range(20):
        sketch.add(f"op{number}", does=crowd.visit)
    _, trace = execute(sketch.placed(machine("1 x 1MiB")), storage=AsTold())

    assert (crowd.most, len(trace.spans)) == (1, 20)


@pytest.mark.parametrize("inter_op", [1, 2])
def test_a_host_computes_as_many_operations_at_once_as_it_has_inter_op_threads(inter_op):
    crowd, sketch = Crowd(), Sketch()
    for number in range(20):
        sketch.add(f"op{number}", on=f"/cpu:{number % 2}", does=crowd.visit)
    halves = machine("cpu", split={"CPU:0": 2}, inter_op_threads=inter_op)
    execute(sketch.placed(halves), storage=AsTold())

    assert crowd.most == min(inter_op, os.cpu_count())


def test_tensors_move_while_both_devices_compute():
    barrier = threading.Barrier(2)

    class Slow(AsTold):
        def copy(self, source, target):
            barrier.wait(PATIENCE_S)
            super().copy(source, target)

    sketch = Sketch().add("a", sizes=[1], does=fill(7)).add("busy", does=together(barrier))
    sketch.add("b", "a", on="/gpu:1", sizes=[1], does=lambda inputs, outputs: np.copyto(outputs[0], inputs[0]))
    outputs, _ = execute(sketch.fetch("b").placed(machine("2 x 1MiB")), storage=Slow())

    assert outputs["b"].tolist() == [7]


def test_a_gpu_takes_its_operations_in_the_order_in_which_they_are_ready():
    started, sketch = [], Sketch().add("last", after=["first"], does=lambda *_: started.append("last"))
    for name in ("third", "first", "second"):
        sketch.add(name, does=lambda *_, name=name: started.append(name))
    execute(sketch.placed(machine("1 x 1MiB")), storage=AsTold())

    assert started == ["third", "first", "second", "last"]


def test_an_operation_takes_no_memory_while_it_waits_for_its_gpu():
    sketch = Sketch()
    for number in range(5):
        sketch.add(f"op{number}", sizes=[4096])
    _, trace = execute(sketch.placed(machine("1 x 4KiB")), storage=AsTold())

    assert [(event.is_allocation, event.owner) for event in trace.memory[1]] == [
        (is_allocation, f"op{number}") for number in range(5) for is_allocation in (True, False)
    ]


def test_outputs_belong_to_the_caller():
    feed = np.float32([1, 2])
    builder = GraphBuilder()
    x = add_operation(builder, "Input", spec=PAIR, name="x")
    builder.fetch(*x, *add_operation(builder, "Identity", x, name="y"))
    placement = place(builder.build(), Machine("1 x 1MiB"))
    outputs, _ = execute(placement, {"x": feed})
    outputs["x"].fill(9)
    outputs["y"].fill(8)

    assert feed.tolist() == [1, 2]
    assert {name: value.tolist() for name, value in execute(placement, {"x": feed})[0].items()} == {
        "x": [1, 2],
        "y": [1, 2],
    }


def test_a_tensor_that_is_fetched_twice_is_there_once():
    outputs, trace = execute(
        Sketch().add("a", sizes=[1], does=fill(3)).fetch("a", "a").placed(machine("1 x 1MiB")), storage=AsTold()
    )

    assert {name: value.tolist() for name, value in outputs.items()} == {"a": [3]}
    assert [span.kind for span in trace.spans] == ["compute", "transfer"]


def variable(name, recipe, spec=PAIR, device="/gpu:0"):
    builder = GraphBuilder()
    builder.fetch(*add_operation(builder, "Variable", name=name, spec=spec, initializer=recipe, device=device))
    return execute(place(builder.build(), Machine("2 x 1MiB"), kernels="all"))[0][name]


def test_variables_start_with_what_their_recipe_says():
    assert variable("v", Constant(3)).tolist() == [3, 3]
    assert variable("v", Constant(True), TensorSpec((), "bool")).tolist() is True
    assert variable("v", Data(np.int16([5, -6])), TensorSpec((2,), "int32")).tolist() == [5, -6]


@pytest.mark.parametrize("recipe", [Normal(10, 2, (1,)), Uniform(10, 12, (1,))], ids=str)
def test_random_variables_depend_on_their_seed_alone(recipe):
    large = TensorSpec((1000,), "float32")
    values = variable("v", recipe, large)
    other = type(recipe)(10, recipe.std if isinstance(recipe, Normal) else 12, (2,))

    assert values.tobytes() == variable("w", recipe, large, device="/gpu:1").tobytes()
    assert not np.array_equal(values, variable("v", other, large))
    assert 9 < values.mean() < 12
    assert values.std() > 0.5


def test_the_time_of_a_run_starts_when_its_variables_have_been_filled():
    class Slow(AsTold):
        def compute(self, rule, inputs, outputs, attributes):
            time.sleep(0.5 if rule.name == "Variable" else 0)

    builder = GraphBuilder()
    v = add_operation(builder, "Variable", name="v", spec=PAIR, initializer=Constant(0))
    add_operation(builder, "Relu", v)
    _, trace = execute(place(builder.build(), Machine("cpu")), storage=Slow())

    assert trace.makespan_ps < PS_PER_S // 2


def test_every_task_has_one_span_and_starts_after_its_cause():
    sketch = Sketch().add("x", type="Input", sizes=[8]).add("y", "x", on="/gpu:1", sizes=[8]).fetch("y")
    told = []
    _, trace = execute(
        sketch.placed(machine("2 x 1MiB")),
        {"x": np.zeros(8, np.uint8)},
        storage=AsTold(),
        on_progress=lambda done, total: told.append((done, total)),
    )

    assert [(span.kind, span.name, span.cause) for span in trace.spans] == [
        *(("transfer", "x", -1), ("transfer", "x", 0), ("compute", "y", 1), ("transfer", "y", 2)),
    ]
    assert all(before.end_ps == span.ready_ps for before, span in zip(trace.spans, trace.spans[1:], strict=False))
    assert all(span.ready_ps <= span.start_ps <= span.end_ps for span in trace.spans)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_repeated_runs_leave_no_slab_and_no_thread():
    placement = Sketch().add("a", sizes=[2**20], does=fill(1)).fetch("a").placed(machine("4 x 8GiB"))
    execute(placement, storage=AsTold())
    threads, before = threading.enumerate(), address_space_bytes()
    for _ in range(20):
        execute(placement, storage=AsTold())

    assert threading.enumerate() == threads
    assert address_space_bytes() - before < 8 * 2**30


def address_space_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def test_an_unknown_storage_is_refused_with_those_there_are():
    with pytest.raises(InvalidValue) as caught:
        execute(Sketch().placed(machine("cpu")), storage="tape")

    assert str(caught.value) == "storage='tape' is not a kind of storage; choose one of numpy, cupy, shape"
