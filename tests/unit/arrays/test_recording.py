from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import simgpu as sg
from simgpu.arrays import Runtime
from tests.messages import exactly
from tests.property import eager_programs as eager

ONES = np.ones((4, 4), np.float32)


@pytest.fixture
def runtime():
    with Runtime("2 x 1MiB") as runtime:
        yield runtime


@pytest.fixture
def x(runtime):
    return sg.constant(ONES)


def run_graph(program, machine):
    return sg.execute(sg.place(program.graph, machine, kernels=program.kernels), program.feeds)[0]


def transfers(trace):
    """Name, way and bytes of what moved between devices; not what the caller feeds and fetches."""
    moved = [(span.name, span.resource, span.size_bytes) for span in trace.spans if span.kind == "transfer"]
    return sorted(move for move in moved if "caller" not in move[1])


def test_operations_ask_for_the_devices_on_which_they_ran(runtime, x):
    with sg.record() as program:
        y = eager.apply("Add", x, x)
        with sg.device("/gpu:1"):
            eager.apply("MatMul", y, x)

    base = "/job:localhost/replica:0/task:0/device:"
    assert [(op.name, op.type, op.device) for op in program.graph] == [
        ("Input", "Input", f"{base}GPU:0"),
        ("Add", "Add", f"{base}GPU:0"),
        ("MatMul", "MatMul", f"{base}GPU:1"),
    ]
    assert [op.device for op in program.graph_for(keep_devices=False)] == ["", "", ""]


def test_copies_between_devices_are_no_operations_and_simulation_adds_the_same_ones(runtime, x):
    with runtime.record() as program, runtime.device("/gpu:1"):
        y = eager.apply("Add", x, x)
        with runtime.device("/cpu:0"):
            eager.apply("Mul", y, y)

    simulated = sg.simulate(sg.place(program.graph, runtime.machine))
    assert set(transfers(simulated)) == set(transfers(program.trace))
    assert set(transfers(program.trace)) == {("Input", "GPU:0 -> GPU:1", 64), ("Add", "GPU:1 -> CPU:0", 64)}
    assert [span.name for span in program.transfers] == ["Input", "Add"]


def test_the_graph_runs_on_another_machine_as_another_placer_decides(runtime, x):
    with runtime.record() as program:
        y = eager.apply("MatMul", x, x)
    (name,) = program.fetch(y)
    machine = sg.Machine("4 x h100-80g")

    placement = sg.place(program.graph_for(keep_devices=False, as_variables=True), machine)

    assert sg.simulate(placement).makespan_ps > 0
    np.testing.assert_array_equal(sg.execute(placement)[0][name], np.full((4, 4), 4, np.float32))


def test_what_came_from_outside_is_fed_with_the_values_that_it_had_at_first(runtime, x):
    with runtime.record() as program:
        y = eager.apply("Add", x, x)
        eager.write(x, 7)
        z = eager.apply("Add", x, x)
    eager.write(x, 0)
    names = program.fetch(y, z)

    np.testing.assert_equal(program.feeds, {"Input": ONES})
    np.testing.assert_equal(run_graph(program, runtime.machine), dict(zip(names, (2 * ONES, 14 * ONES), strict=True)))


def test_constants_are_in_the_graph_with_the_values_that_they_had(runtime):
    values = ONES.copy()
    with runtime.record() as program:
        y = sg.constant(values)
    values[:] = 9
    (name,) = program.fetch(y)

    assert [(op.name, op.type) for op in program.graph] == [("Variable", "Variable")]
    np.testing.assert_equal(run_graph(program, runtime.machine), {name: ONES})


def test_views_are_operations_once_they_are_read(runtime, x):
    with runtime.record() as program:
        rows = eager.part(x, 0, 2)
        eager.part(x, 2, 4)
        eager.apply("add", rows, rows)

    assert [op.type for op in program.graph] == ["Input", "getitem", "add"]


def test_a_change_through_a_view_of_a_view_is_seen_by_all_that_share_the_memory(runtime):
    with runtime.record() as program:
        x = sg.constant(np.arange(8, dtype=np.float32).reshape(2, 4))
        flat = eager.reshaped(x, (8,))
        odd = eager.flipped(eager.part(flat, 1, 3))
        before = eager.apply("add", flat, flat)
        eager.change("multiply", odd, odd)
    names = program.fetch(x, flat, odd, before)

    expected = [array.value() for array in (x, flat, odd, before)]
    outputs = run_graph(program, runtime.machine)
    np.testing.assert_equal([outputs[name] for name in names], expected)
    np.testing.assert_array_equal(expected[1], [0, 1, 4, 3, 4, 5, 6, 7])


def test_a_permutation_of_axes_is_put_back_by_its_inverse(runtime):
    with runtime.record() as program:
        x = sg.constant(np.arange(24, dtype=np.float32).reshape(2, 3, 4))
        eager.change("setitem", eager.permuted(x, (1, 2, 0)), key=(0,), value=5.0)
    (name,) = program.fetch(x)

    np.testing.assert_array_equal(run_graph(program, runtime.machine)[name], x.value())


def test_a_change_of_a_view_that_cannot_be_put_back_makes_no_graph():
    with Runtime("1 x 1MiB", storage="shape") as runtime, runtime.record() as program:
        row = runtime.apply("ones", (), {"shape": (4,), "dtype": "float32"})[0]
        wide = eager.view(row, "broadcast_to", {"shape": (3, 4)}, lambda data: np.broadcast_to(data, (3, 4)))
        eager.write(wide, 1)

    with pytest.raises(
        sg.GraphError,
        match=r"^what was recorded cannot become a graph: a broadcast_to of float32\[4\] was changed in place; "
        r"change a copy of it$",
    ):
        _ = program.graph


def test_a_change_of_memory_that_was_shared_before_makes_no_graph(runtime, x):
    rows = eager.part(x, 0, 2)
    with runtime.record() as program:
        eager.apply("add", x, x)
        eager.change("add", rows, rows)

    with pytest.raises(
        sg.GraphError,
        match=r"^what was recorded cannot become a graph: a float32\[2,4\] shares memory with a float32\[4,4\], and "
        r"how was not recorded: one of them is a view taken before; start recording before views are "
        r"taken, or use copies$",
    ):
        _ = program.graph


def test_a_copy_within_a_device_is_an_operation(runtime, x):
    with runtime.record() as program:
        y = eager.moved(x, "GPU:0")
    (name,) = program.fetch(y)

    assert [op.type for op in program.graph] == ["Input", "Identity"]
    assert (program.transfers, name) == ((), "Identity")
    assert [span.kind for span in program.trace.spans] == ["compute"]


def test_shapes_that_followed_from_values_are_those_of_the_run(runtime):
    with runtime.record() as program:
        x = sg.constant([0.0, 3.0, 0.0, 4.0])
        (places,) = runtime.apply("nonzero", (x,), rules=sg.arrays.Rules(kernels="all"))
    (name,) = program.fetch(places)

    assert program.graph.operation("nonzero").output_specs == (sg.TensorSpec((2,), "int64"),)
    np.testing.assert_equal(run_graph(program, runtime.machine), {name: np.array([1, 3])})


def test_two_kernel_sets_in_one_recording_are_placed_by_all(runtime, x):
    with runtime.record() as program:
        eager.apply("Add", x, x)
    assert program.kernels == "float-only"

    with runtime.record() as program:
        eager.apply("Add", x, x)
        runtime.apply("Mul", (x, x), rules=sg.arrays.Rules(kernels="tensorflow"))
    assert program.kernels == "all"


def test_recordings_may_be_nested_and_the_outer_one_goes_on(runtime, x):
    with runtime.record() as outer:
        eager.apply("Add", x, x)
        with runtime.record() as inner:
            eager.apply("Mul", x, x)
        eager.apply("Sub", x, x)
    eager.apply("Div", x, x)

    assert [op.type for op in outer.graph] == ["Input", "Add", "Mul", "Sub"]
    assert [op.type for op in inner.graph] == ["Input", "Mul"]
    assert (runtime.observers, [memory.observers for memory in runtime.memories]) == ((), [(), (), ()])


def test_the_graph_can_be_had_while_the_recording_goes_on(runtime, x):
    with runtime.record() as program:
        y = eager.apply("Add", x, x)
        first = program.fetch(y)
        assert len(program.graph) == 2

        z = eager.apply("Add", y, x)
        second = program.fetch(z)

    assert (first, second, len(program.graph)) == (("Add",), ("Add_1",), 3)


def test_operations_of_all_threads_are_recorded(runtime):
    def work(number):
        x = sg.constant(number * ONES, runtime=runtime)
        for _ in range(20):
            x = eager.apply("Add", x, x)
        return x

    with runtime.record() as program, ThreadPoolExecutor(4) as pool:
        arrays = list(pool.map(work, range(8)))
    names = program.fetch(*arrays)

    outputs = run_graph(program, runtime.machine)
    np.testing.assert_equal([outputs[name] for name in names], [array.value() for array in arrays])


def test_the_trace_tells_what_ran_where_and_what_memory_it_took(runtime, x):
    with runtime.record() as program:
        y = eager.apply("Add", x, x)
        del y

    trace = program.trace
    assert (trace.engine, trace.clock) == ("execute", "real")
    assert [(d.operation, d.reason) for d in trace.decisions] == [("Input", "came from outside"), ("Add", "default")]
    assert [(s.kind, s.name, s.resource) for s in trace.spans] == [("compute", "Add", x.device)]
    assert 0 < trace.spans[0].start_ps < trace.spans[0].end_ps == trace.makespan_ps
    gpu = runtime.machine.index("GPU:0")
    assert [event[1:] for event in trace.memory[gpu]] == [
        (True, "constant", 0, 512),
        (True, "Add", 512, 512),
        (False, "Add", 512, 512),
    ]
    assert (program.peak_bytes("GPU:0"), program.peak_bytes("GPU:1")) == (1024, 0)


def test_what_lives_longer_than_it_was_recorded_can_die(runtime, x):
    with runtime.record() as program:
        y = eager.apply("Add", x, x)
    del x, y

    assert runtime.memory_statistics("GPU:0").current_bytes == 512  # the fixture's own
    assert program.peak_bytes() == 1024


def test_the_trace_can_be_written_as_those_of_the_engines(runtime, x):
    with runtime.record() as program:
        eager.apply("Add", x, eager.moved(x, "CPU:0"))

    document = sg.chrome_trace(program.trace)
    assert {"Add", "Input"} <= {event["name"] for event in document["traceEvents"]}


def test_on_storage_without_values_a_program_can_be_recorded_and_simulated():
    with Runtime("1 x 80GiB", storage="shape") as runtime:
        x = runtime.apply("ones", (), {"shape": (1 << 17, 1 << 16), "dtype": "float32"})[0]
        with runtime.record() as program:
            y = eager.apply("add", x, x)
        program.fetch(y)

        assert (program.feeds, program.peak_bytes()) == ({}, 2**36)
        for variables in (False, True):
            placement = sg.place(program.graph_for(as_variables=variables), runtime.machine)
            assert sg.simulate(placement).peak_bytes(1) == 2**36


def test_an_array_that_took_no_part_cannot_be_fetched(runtime, x):
    with runtime.record() as program:
        pass

    with pytest.raises(
        sg.InvalidValue,
        match=exactly(
            "this float32[4,4] on /job:localhost/replica:0/task:0/device:GPU:0 took no part in what was recorded"
        ),
    ):
        program.fetch(x)


def test_an_array_of_another_runtime_cannot_be_fetched(runtime):
    with Runtime("1 x 1MiB") as other, runtime.record() as program:
        y = sg.constant(ONES, runtime=other)
        with pytest.raises(
            sg.InvalidValue, match=r"^this float32\[4,4\] is of another runtime than what was recorded$"
        ):
            program.fetch(y)


def test_a_recording_is_made_once(runtime):
    with runtime.record() as program:
        pass

    with pytest.raises(
        sg.InvalidValue, match=r"^a recording is made once; start a new one: `with runtime.record\(\) as program:`$"
    ):
        program.__enter__()


def test_a_recording_that_was_not_entered_has_no_graph(runtime):
    with pytest.raises(
        sg.InvalidValue,
        match=r"^nothing was recorded yet; use the recording as a context manager: `with … as program:`$",
    ):
        _ = runtime.record().graph


def test_a_change_that_fails_leaves_the_recording_right():
    with Runtime("1 x 1MiB", kernels="all") as runtime, runtime.record() as program:
        x = sg.constant(ONES)
        eager.apply("add", x, x)
        with pytest.raises(IndexError):
            eager.change("setitem", x, sg.constant([9], "int64"), key=("array",), value=1.0)
        y = eager.apply("add", x, x)
    (name,) = program.fetch(y)

    np.testing.assert_array_equal(run_graph(program, runtime.machine)[name], y.value())
