"""The rules of TensorFlow's placer, one by one."""

from __future__ import annotations

import pytest

from simgpu.graph import Graph
from simgpu.machine import Machine
from simgpu.naming import short_name
from simgpu.placement import place
from tests.unit.placement.graphs import TWO_GPUS, TWO_HOSTS, graph_of


def placed(graph: Graph, machine: Machine = TWO_GPUS, **options: object) -> dict[str, tuple[str, str]]:
    """Return, for each operation, the short name of its device and the reason."""
    placement = place(graph, machine, **options)
    return {
        operation.name: (short_name(placement.device_of(operation.name)), placement.why(operation.name))
        for operation in graph
    }


def test_without_requests_everything_with_a_gpu_kernel_is_on_the_first_gpu():
    graph = graph_of("x = Input : f", "y = Exp x : f", "n = Cast y : i")

    assert placed(graph) == {
        "x": ("GPU:0", "default"),
        "y": ("GPU:0", "default"),
        "n": ("CPU:0", "no GPU kernel for int32"),
    }


def test_without_a_gpu_everything_is_on_the_cpu_by_default():
    assert placed(graph_of("x = Input : f", "n = Cast x : i"), Machine("cpu")) == {
        "x": ("CPU:0", "default"),
        "n": ("CPU:0", "default"),
    }


@pytest.mark.parametrize(
    ("request_", "device"),
    [("/gpu:1", "GPU:1"), ("/gpu", "GPU:0"), ("/gpu:*", "GPU:0"), ("/cpu", "CPU:0"), ("/device:*:1", "GPU:1")],
)
def test_a_request_may_be_partial(request_, device):
    assert placed(graph_of("x = Exp : f", devices={"x": request_}), soft=False) == {"x": (device, "requested")}


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ("/gpu:7", "soft: GPU:7 does not exist"),
        ("/cpu:3", "soft: CPU:3 does not exist"),
        ("/device:XPU:0", "soft: device:XPU:0 does not exist"),
    ],
)
def test_soft_placement_gives_the_best_device_for_one_that_does_not_exist(request_, reason):
    assert placed(graph_of("x = Exp : f", devices={"x": request_})) == {"x": ("GPU:0", reason)}


def test_soft_placement_leaves_a_device_without_a_kernel():
    graph = graph_of("x = Exp : i", devices={"x": "/gpu:1"})

    assert placed(graph) == {"x": ("CPU:0", "soft: no GPU kernel for int32")}
    assert placed(graph, kernels="tensorflow") == {"x": ("CPU:0", "soft: no GPU kernel for Exp on int32")}


def test_a_source_goes_to_its_consumers_if_they_share_a_device():
    graph = graph_of("w = Variable : f", "y = Exp w : f", "z = Log w : f", devices={"y": "/gpu:1", "z": "/gpu:1"})

    assert placed(graph)["w"] == ("GPU:1", "follows its consumer y")


def test_a_source_stays_on_the_best_device_if_its_consumers_do_not_share_one():
    graph = graph_of("w = Variable : f", "y = Exp w : f", "z = Log w : f", devices={"y": "/gpu:1", "z": "/cpu:0"})

    assert placed(graph)["w"] == ("GPU:0", "default")


def test_one_that_waits_for_a_source_counts_as_a_consumer():
    graph = graph_of("w = Const : f", "y = Exp w : f", "z = NoOp ^w :", devices={"y": "/gpu:1", "z": "/cpu:0"})

    assert placed(graph)["w"] == ("GPU:0", "default")


def test_an_operation_on_shapes_goes_to_its_input():
    graph = graph_of("x = Input : f", "y = Exp x : f", "s = Shape y : i", "e = Exp y : f", devices={"y": "/gpu:1"})

    found = placed(graph, kernels="all")

    assert found["s"] == ("GPU:1", "follows its input y")
    assert found["e"] == ("GPU:0", "default")


def test_an_operation_on_shapes_of_a_source_does_not_wait_for_it():
    graph = graph_of("w = Variable : f", "s = Shape w : i", "y = Exp w : f", devices={"y": "/gpu:1"})

    assert placed(graph, kernels="all")["s"] == ("GPU:0", "default")


def test_an_identity_with_one_reader_stays_with_its_source():
    graph = graph_of("x = Exp : i", "b = Equal x x : f", "n = Identity b : f", "y = Exp n : f")

    assert placed(graph)["n"] == ("CPU:0", "colocated with b")


@pytest.mark.parametrize(
    ("lines", "devices"),
    [
        (["n = Identity b : f", "y = Exp n : f", "z = Exp n : f"], {}),
        (["g = NoOp :", "n = Identity b ^g : f"], {}),
        (["n = Identity b : f"], {"n": "/gpu"}),
        (["n = Identity b : f"], {"b": "/cpu"}),
        (["n = Identity b : f", "y = Exp n : f"], {"y": "/gpu"}),
    ],
    ids=["two readers", "it waits", "its own request", "a request of its source", "a request of its reader"],
)
def test_an_identity_that_something_else_depends_on_does_not(lines, devices):
    graph = graph_of("x = Exp : i", "b = Equal x x : f", *lines, devices=devices)

    assert placed(graph)["n"][0] == "GPU:0"


def test_the_reader_of_a_variable_goes_where_the_variable_is():
    graph = graph_of("v = VarHandleOp : r", "y = ReadVariableOp v : f", devices={"v": "/gpu:0", "y": "/gpu:1"})

    assert placed(graph, soft=False) == {"v": ("GPU:0", "requested"), "y": ("GPU:0", "colocated with v")}


def test_the_device_of_a_variable_overrides_even_a_hard_request_for_one_that_does_not_exist():
    graph = graph_of("v = VarHandleOp : r", "y = ReadVariableOp v : f", devices={"v": "/gpu:0", "y": "/gpu:7"})

    assert placed(graph, soft=False)["y"] == ("GPU:0", "colocated with v")


def test_a_variable_goes_where_its_reader_asked_to_be():
    graph = graph_of("v = VarHandleOp : r", "y = ReadVariableOp v : f", devices={"y": "/gpu:1"})

    assert placed(graph, soft=False) == {"v": ("GPU:1", "colocated with y"), "y": ("GPU:1", "requested")}


def test_a_variable_leaves_its_device_if_a_reader_has_no_kernel_there():
    graph = graph_of("v = VarHandleOp : r", "y = ReadVariableOp v : i", devices={"v": "/gpu:1"})

    assert placed(graph) == {"v": ("CPU:0", "colocated with y"), "y": ("CPU:0", "no GPU kernel for int32")}


def test_a_reference_ties_like_a_variable_and_its_value_does_not():
    graph = graph_of(
        "v = VariableV2 : f", "x = Exp : f", "a = Assign v x : f", "n = Exp v : f", devices={"v": "/gpu:1", "a": "/cpu"}
    )

    assert placed(graph, soft=False) == {
        "v": ("GPU:1", "requested"),
        "x": ("GPU:1", "follows its consumer a"),
        "a": ("GPU:1", "colocated with v"),
        "n": ("GPU:0", "default"),
    }


def test_a_call_only_hands_variables_on():
    graph = graph_of("v = VarHandleOp : r", "c = PartitionedCall v : f", devices={"v": "/gpu:0", "c": "/gpu:1"})

    assert placed(graph, soft=False)["c"] == ("GPU:1", "requested")


def test_data_sets_share_a_device_and_other_variants_do_not():
    graph = graph_of("d = RangeDataset : v", "m = ShardDatasetV2 d : v", "x = Exp m : f", devices={"d": "/cpu"})

    found = placed(graph)

    assert found["m"] == ("CPU:0", "colocated with d")
    assert found["x"] == ("GPU:0", "default")


def test_colocated_operations_share_a_device_that_all_have_kernels_for():
    graph = graph_of("a = Exp : f", "b = Exp : i", "c = Exp : f", colocate={"b": ["a"], "c": ["b"]})

    assert placed(graph) == {
        "a": ("CPU:0", "colocated with b"),
        "b": ("CPU:0", "no GPU kernel for int32"),
        "c": ("CPU:0", "colocated with b"),
    }


def test_members_of_a_group_can_come_in_any_order_and_the_group_needs_no_operation_of_its_name():
    graph = graph_of("a = Exp : f", "b = Exp : f", devices={"b": "/gpu:1"}, colocate={"a": ["g"], "b": ["g"]})

    assert placed(graph) == {"a": ("GPU:1", "colocated with b"), "b": ("GPU:1", "requested")}


def test_soft_placement_lets_go_of_requests_that_colocation_sets_against_each_other():
    graph = graph_of("a = Exp : f", "b = Exp : f", devices={"a": "/gpu:1", "b": "/cpu:0"}, colocate={"b": ["a"]})

    assert placed(graph) == {
        "a": ("GPU:0", "soft: colocation"),
        "b": ("GPU:0", "colocated with a"),
    }


def test_without_requests_a_graph_stays_on_the_first_host():
    assert placed(graph_of("x = Exp : f", "n = Exp : i"), TWO_HOSTS) == {
        "x": ("/job:worker/task:0/GPU:0", "default"),
        "n": ("/job:worker/task:0/CPU:0", "no GPU kernel for int32"),
    }


def test_a_request_for_a_task_is_met_by_its_best_device():
    graph = graph_of("x = Exp : f", "n = Exp : i", devices={"x": "/task:1", "n": "/job:worker/task:1"})

    assert placed(graph, TWO_HOSTS, soft=False) == {
        "x": ("/job:worker/task:1/GPU:0", "requested"),
        "n": ("/job:worker/task:1/CPU:0", "requested"),
    }


def test_soft_placement_stays_on_the_task_that_was_asked_for():
    graph = graph_of("x = Exp : f", "n = Exp : i", devices={"x": "/task:1/gpu:5", "n": "/task:1/gpu:0"})

    assert placed(graph, TWO_HOSTS) == {
        "x": ("/job:worker/task:1/GPU:0", "soft: /task:1/GPU:5 does not exist"),
        "n": ("/job:worker/task:1/CPU:0", "soft: no GPU kernel for int32"),
    }


def test_an_operation_goes_to_another_host_if_only_that_one_has_a_gpu():
    machine = Machine({"hosts": [{"gpus": []}, {"gpus": "t4"}]})

    assert placed(graph_of("x = Exp : f"), machine) == {"x": ("/job:worker/task:1/GPU:0", "default")}


def test_a_loop_can_be_placed():
    graph = graph_of(
        "i = Const : f", "e = Enter i : f", "m = Merge e n : fi", "s = Exp m : f", "n = NextIteration s : f"
    )

    assert {device for device, _ in placed(graph, kernels="all").values()} == {"GPU:0"}


def test_an_empty_graph_is_placed():
    assert placed(graph_of()) == {}


def test_a_kernel_with_a_higher_priority_draws_an_operation_to_the_cpu():
    graph = graph_of("i = Iterator : r", "x = IteratorGetNext i : f")

    with_iterator = placed(graph_of("x = IteratorGetNext : f"), kernels="tensorflow")

    assert with_iterator == {"x": ("CPU:0", "default")}
    assert placed(graph, kernels="all")["x"] == ("GPU:0", "colocated with i")


@pytest.mark.parametrize("partner", [{"a": ["x"]}, {"x": ["a"]}])
def test_a_priority_decides_for_a_whole_group(partner):
    graph = graph_of("x = IteratorGetNext : f", "a = Exp x : f", colocate=partner)

    assert {device for device, _ in placed(graph, kernels="tensorflow").values()} == {"CPU:0"}


def test_soft_placement_keeps_what_was_asked_for_a_variable_as_long_as_it_can():
    graph = graph_of("v = VarHandleOp : r", "y = ReadVariableOp v : f", devices={"v": "/cpu", "y": "/cpu:7"})

    assert placed(graph) == {"v": ("CPU:0", "requested"), "y": ("CPU:0", "soft: CPU:7 does not exist")}


def test_the_first_host_is_preferred_whatever_its_name():
    machine = Machine({"hosts": [{"job": "worker", "gpus": "t4"}, {"job": "chief", "gpus": "t4"}]})

    assert placed(graph_of("x = Exp : f", "y = Exp : f", devices={"y": "/job:chief"}), machine) == {
        "x": ("/job:worker/task:0/GPU:0", "default"),
        "y": ("/job:chief/task:0/GPU:0", "requested"),
    }
