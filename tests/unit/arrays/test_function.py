from __future__ import annotations

import gc
import math
from collections import namedtuple

import numpy as np
import pytest

import simgpu as sg
from simgpu.arrays import Rules, Runtime
from tests.property import eager_programs as eager

ONES = np.ones((4, 4), np.float32)
CPU = "/job:localhost/replica:0/task:0/device:CPU:0"
GPUS = [f"/job:localhost/replica:0/task:0/device:GPU:{index}" for index in range(3)]
Pair = namedtuple("Pair", "first second")


@pytest.fixture
def runtime():
    with Runtime("3 x 1MiB") as runtime:
        yield runtime


@pytest.fixture
def x(runtime):
    return sg.constant(ONES)


def add(x, y):
    return eager.apply("Add", x, y)


@sg.function
def double(x):
    return add(x, x)


def counting(body):
    """Return a traced function, and the list of the arguments with which Python ran its body."""
    calls = []

    @sg.function
    def traced(*args):
        calls.append(args)
        return body(*args)

    return traced, calls


def test_a_function_is_traced_once_for_each_shape_and_dtype(runtime):
    traced, calls = counting(double)

    results = [traced(sg.constant(values)) for values in ([1.0, 2.0], [3.0, 4.0], [5.0], [6])]

    np.testing.assert_equal([result.value().tolist() for result in results], [[2, 4], [6, 8], [10], [12]])
    assert (traced.trace_count, len(calls)) == (3, 3)


def test_python_values_are_constants_of_a_trace(x):
    def body(x, value):
        return eager.apply("Add", x, sg.constant(float(value)))

    traced, _ = counting(body)
    values = [1, 1.0, True, 0.0, -0.0, math.nan, math.nan, 1]

    results = [traced(x, value).value()[0, 0] for value in values]
    np.testing.assert_array_equal(results, [2, 2, 2, 1, 1, math.nan, math.nan, 2])
    assert traced.trace_count == 6


def test_arrays_may_be_in_nests_and_results_have_the_form_that_python_returned(x):
    @sg.function
    def traced(pair, *, extra=(), scale=2):
        total = add(pair.first, extra["more"][0])
        return Pair(total, {"all": [total, pair.second], "scale": scale, "none": None})

    result = traced(Pair(x, add(x, x)), extra={"more": [x]})

    assert (type(result), result.second["scale"], result.second["none"]) == (Pair, 2, None)
    np.testing.assert_array_equal([array.value()[0, 0] for array in result.second["all"]], [2, 2])
    traced(extra={"more": [x]}, pair=Pair(x, x), scale=2)
    assert traced.trace_count == 1


def test_a_body_does_not_inherit_the_scopes_of_its_caller(runtime):
    requested = []
    for scopes in ((), ("/gpu:2",), ("/gpu",), (None,)):

        @sg.function
        def traced(scopes=scopes):
            scope = [sg.device(scope) for scope in scopes]
            for each in scope:
                each.__enter__()
            made = sg.constant(1.0)
            for each in scope:
                each.__exit__(None, None, None)
            return made

        with sg.device("/gpu:1"):
            requested += [op.device for op in traced.graph()]

    assert requested == ["", "/device:GPU:2", "/device:GPU:*", ""]


def test_what_asks_for_nothing_goes_to_the_device_of_the_call(runtime):
    @sg.function
    def traced():
        with sg.device("/gpu"):
            any_gpu = sg.constant(1.0)
        with sg.device("/cpu:0"):
            host = sg.constant(1.0)
        return add(any_gpu, host)

    ran = []
    for scope in (None, "/gpu:2", "/cpu:0"):
        with runtime.record() as program, sg.device(scope):
            result = traced()
        ran.append([*(op.device for op in program.graph), result.device])

    assert ran == [
        [GPUS[0], CPU, GPUS[0], GPUS[0]],
        [GPUS[2], CPU, GPUS[2], GPUS[2]],
        [GPUS[0], CPU, CPU, CPU],
    ]
    assert traced.trace_count == 1


def test_results_are_handed_back_where_the_call_is(runtime):
    @sg.function
    def traced(x):
        with sg.device("/gpu:1"):
            return add(x, x)

    x = sg.constant(ONES)
    with sg.device("/gpu:2"):
        assert traced(x).device == GPUS[2]
    assert traced(x).device == GPUS[0]


def test_integers_give_way_to_the_device_of_the_call_also_where_placement_is_hard(runtime):
    runtime.soft = False
    traced, _ = counting(lambda: sg.constant(1))

    with sg.device("/gpu:1"):
        assert traced().device == CPU


def test_a_request_in_the_body_that_cannot_be_met_is_refused_where_placement_is_hard(runtime):
    runtime.soft = False

    @sg.function
    def traced():
        with sg.device("/gpu:7"):
            return sg.constant(1.0)

    with pytest.raises(sg.PlacementError, match="there is no such device"):
        traced()


def test_scopes_of_the_runtime_and_of_the_module_are_the_same_in_a_body(runtime):
    @sg.function
    def traced():
        with runtime.device("/gpu:1"):
            outer = runtime.apply("ones", (), {"shape": (2,), "dtype": "float32"})[0]
            with sg.device("/cpu:0"):
                return add(outer, sg.constant([1.0, 1.0], runtime=runtime))

    assert [(op.type, op.device) for op in traced.graph()] == [
        ("ones", "/device:GPU:1"),
        ("Variable", "/device:CPU:0"),
        ("Add", "/device:CPU:0"),
    ]


def test_arrays_from_outside_are_captured_as_they_are_at_each_call(x, runtime):
    outside = sg.constant(ONES)
    traced, _ = counting(lambda x: add(outside, add(outside, x)))

    before = traced(x)
    eager.write(outside, 5)
    after = traced(x)

    np.testing.assert_array_equal([before.value()[0, 0], after.value()[0, 0]], [3, 11])
    assert traced.trace_count == 1


def test_operations_on_captured_arrays_alone_run_at_each_call(runtime):
    outside = sg.constant(ONES)
    add(outside, outside)  # so that the runtime has a plan for it
    traced, _ = counting(lambda: add(outside, outside))
    traced()
    eager.write(outside, 4)

    np.testing.assert_array_equal(traced().value(), 8 * ONES)


def test_variables_are_read_at_each_call(runtime):
    step = sg.Variable(1.0)
    traced, _ = counting(lambda: add(step.read_value(), step.array))
    first = traced().value()
    step.assign(10.0)

    assert (first, traced().value(), traced.trace_count) == (2, 20, 1)


def test_values_of_python_that_the_body_puts_into_arrays_are_constants_of_the_graph(runtime):
    def body(rules):
        here = sg.current_runtime()
        with sg.device("/gpu:1"):
            made = eager.new(here, ONES, rules)
        return add(made, made)

    for rules, device in ((Rules(), GPUS[0]), (Rules(kernels="all", follows_inputs=True), GPUS[1])):
        traced = sg.function(body)
        made = traced(rules)
        assert (made.device, made.value()[0, 0]) == (device, 2)
        outputs, _ = sg.execute(sg.place(traced.graph(rules), runtime.machine))
        np.testing.assert_equal(outputs, {"Add": 2 * ONES})


def test_changes_in_place_of_what_the_body_made_are_kept(x):
    @sg.function
    def traced(x):
        made = add(x, x)
        eager.change("add", eager.part(made, 0, 2), eager.part(x, 0, 2))
        return made

    np.testing.assert_array_equal(traced(x).value(), [[3] * 4] * 2 + [[2] * 4] * 2)
    np.testing.assert_array_equal(x.value(), ONES)


def test_operators_work_in_a_body_as_outside(x):
    @sg.function
    def traced(x, steps):
        for _ in range(steps):
            x = (2 * x - 1) @ x.mT / x[0, 0]
        total = -x
        total[1:, ...] = 7
        total += x
        return total[:, :2], len(x), repr(x)

    result, length, text = traced(x, 2)

    np.testing.assert_array_equal(result.value(), [[0, 0], *[[35, 35]] * 3])
    np.testing.assert_array_equal(result.value(), traced.__wrapped__(x, 2)[0].value())
    assert (length, text) == (4, "Array(shape=(4, 4), dtype=float32, device='GPU:0')")


def test_the_graph_of_a_function_runs_on_both_engines(runtime, x):
    weights = sg.constant(3 * ONES)

    @sg.function
    def traced(x, more):
        total = add(x, more["y"])
        with sg.device("/gpu:1"):
            return eager.apply("MatMul", total, weights)

    graph = traced.graph(x, {"y": x})
    placement = sg.place(graph, runtime.machine)
    feeds = traced.feeds(x, {"y": x})

    assert [op.name for op in graph if op.type == "Input"] == list(feeds) == ["x", "more.y"]
    np.testing.assert_equal(sg.execute(placement, feeds)[0], {"MatMul": traced(x, {"y": x}).value()})
    moved = [span.name for span in sg.simulate(placement).spans if span.resource == "GPU:0 -> GPU:1"]
    assert moved == ["Add"]


def test_arguments_that_the_body_ignores_are_inputs_all_the_same(x):
    traced = sg.function(lambda x, y: add(x, x))

    assert traced.feeds(x, x).keys() == {op.name for op in traced.graph(x, x) if op.type == "Input"} == {"x", "y"}
    np.testing.assert_array_equal(traced(x, x).value(), 2 * ONES)


def test_arguments_and_what_no_operation_made_can_be_returned(runtime, x):
    outside = sg.Variable(1.0)
    traced = sg.function(lambda x: (x, outside, "text"))

    same, variable, text = traced(x)

    assert (id(same), id(variable), text) == (id(x), id(outside), "text")


def test_a_function_called_by_another_is_a_part_of_it(x):
    inner, calls = counting(lambda x: add(x, x))
    outer = sg.function(lambda x: inner(inner(x)))

    np.testing.assert_array_equal(outer(x).value(), 4 * ONES)
    outer(x)
    assert (len(calls), inner.trace_count, outer.trace_count) == (2, 0, 1)
    assert [op.type for op in outer.graph(x)] == ["Input", "Add", "Add"]


def test_methods_can_be_traced_and_objects_are_told_apart(x):
    class Model:
        def __init__(self, scale):
            self.scale = scale

        @sg.function
        def run(self, x):
            return eager.apply("Mul", x, sg.constant(self.scale))

    results = [Model(scale).run(x).value()[0, 0] for scale in (2.0, 3.0)]

    assert results == [2, 3]
    assert Model.run.trace_count == 2


def test_intermediate_results_are_let_go_as_soon_as_nothing_needs_them(runtime, x):
    @sg.function
    def chain(x):
        for _ in range(10):
            x = add(x, x)
        return x

    chain(x)
    with runtime.record() as program:
        chain(x)

    assert program.peak_bytes() == 3 * 512
    assert runtime.memory_statistics().current_bytes == 512


def test_arrays_of_the_array_api_are_traced_for_each_device_and_stay_there(runtime):
    rules = Rules(kernels="all", mixed="raise", follows_inputs=True)
    traced, _ = counting(lambda x: add(x, x))
    results = []
    for device in ("/gpu:1", "/gpu:2", "/gpu:1"):
        with runtime.device(device):
            x = runtime.apply("ones", (), {"shape": (2,), "dtype": "int64"}, rules)[0]
        with runtime.device("/gpu:0"):
            results.append(traced(x).device)

    assert (results, traced.trace_count) == ([GPUS[1], GPUS[2], GPUS[1]], 2)
    assert [op.device for op in traced.graph(x)] == [GPUS[1], GPUS[1]]


def test_copies_to_a_device_in_the_body_are_made_at_each_call(runtime):
    rules = Rules(kernels="all", mixed="raise", follows_inputs=True)
    (x,) = runtime.apply("ones", (), {"shape": (2,), "dtype": "float32"}, rules)
    traced = sg.function(lambda x: (eager.moved(x, "GPU:1"), add(eager.moved(x, "GPU:2"), eager.moved(x, "GPU:2"))))

    assert [array.device for array in traced(x)] == [GPUS[1], GPUS[2]]


@pytest.mark.parametrize("read", [bool, int, float, complex, range, lambda x: x.value(), lambda x: 1 if x else 2])
def test_values_are_not_known_in_a_body(runtime, read):
    with pytest.raises(
        sg.GraphError,
        match=r"^the value of a int64\[\] is not known while a function is traced: use `where` instead of `if`, "
        r"return the array instead of reading it, or give Python values as arguments$",
    ):
        sg.function(lambda x: read(x))(sg.constant(1, "int64"))


def test_a_variable_cannot_be_read_as_a_constant_in_a_body(runtime):
    step = sg.Variable(1.0)

    with pytest.raises(sg.GraphError, match=r"^the value of a float32\[\] is not known while a function is traced"):
        sg.function(step.value)()


def test_shapes_that_follow_from_values_are_refused_in_a_body(x):
    with pytest.raises(
        sg.GraphError,
        match=r"^the result shapes of nonzero follow from values, which are not known while a function is traced: "
        r"call it outside of the function$",
    ):
        sg.function(lambda x: eager.apply("nonzero", x))(x)


def test_variables_cannot_be_assigned_to_in_a_body(runtime):
    step = sg.Variable(1.0, name="step")

    for change in (step.assign, step.assign_add, step.assign_sub):
        with pytest.raises(
            sg.GraphError,
            match=r"^a traced function cannot assign to step: it would happen once, and not at each call; "
            r"return the new value and assign it outside$",
        ):
            sg.function(change)(2.0)
    assert step.value() == 1


def test_variables_of_the_body_are_its_own_and_can_be_assigned_to(x):
    @sg.function
    def traced(x):
        total = sg.Variable(x)
        total.assign_add(x)
        return total

    np.testing.assert_array_equal([traced(x).value(), traced(x).value()], [2 * ONES, 2 * ONES])


def test_arrays_from_outside_cannot_be_changed_in_a_body(runtime, x):
    outside = sg.constant(ONES)

    with pytest.raises(
        sg.GraphError,
        match=r"^a traced function cannot change a float32\[4,4\] from outside in place: it would happen once, and not "
        r"at each call; return the new value and assign it outside$",
    ):
        sg.function(lambda x: eager.change("add", outside, outside))(x)
    np.testing.assert_array_equal(outside.value(), ONES)


def test_arguments_cannot_be_changed_in_a_body_nor_can_their_views(x):
    for body in (lambda x: eager.write(x, 5), lambda x: eager.write(eager.part(x, 0, 1), 5)):
        with pytest.raises(
            sg.GraphError,
            match=r"^a traced function cannot change x in place, since that is not kept; change a copy and return it$",
        ):
            sg.function(body)(x)


def test_symbols_that_a_body_left_behind_cannot_be_used(x):
    left = []
    sg.function(left.append)(x)

    with pytest.raises(
        sg.GraphError, match=r"^Add is given an array that a traced function left behind; return it instead$"
    ):
        add(left[0], x)


def test_arguments_without_a_hash_are_refused(x):
    with pytest.raises(
        sg.InvalidValue,
        match=r"^double is given a ndarray as x, which has no hash, so its graph cannot be found again; give an array "
        r"of this library, or values that can be keys of a dict$",
    ):
        double(ONES)


def test_after_an_error_in_a_body_everything_runs_eagerly_again(runtime, x):
    def body(x):
        sg.device("/gpu:1").__enter__()
        raise ZeroDivisionError

    with sg.device("/gpu:2"):
        with pytest.raises(ZeroDivisionError):
            sg.function(body)(x)

        assert (sg.current_runtime(), add(x, x).device, runtime.observers) == (runtime, GPUS[2], ())


def test_tracing_takes_no_memory_of_the_devices():
    with Runtime("1 x 1MiB") as runtime:
        x = sg.constant(ONES)
        double.graph(x)

        assert runtime.memory_statistics().peak_bytes == 512


def test_a_function_without_arrays_runs_on_the_runtime_that_it_was_given():
    with Runtime("1 x 1MiB") as one, Runtime("1 x 1MiB"):

        @sg.function(runtime=one)
        def traced():
            return sg.constant(1.0)

        assert traced()._kind.runtime is one


def test_traces_of_closed_runtimes_are_forgotten():
    traced, _ = counting(lambda x: add(x, x))
    for _ in range(3):
        with Runtime("1 x 1MiB"):
            traced(sg.constant(1.0))
    gc.collect()

    assert (traced.trace_count, len(traced._traces)) == (3, 1)


def test_a_traced_function_keeps_name_and_text():
    assert (double.__name__, double.__wrapped__.__name__) == ("double", "double")
