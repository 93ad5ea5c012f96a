"""What cannot be placed is refused with who, what was asked, what there is and what to do."""

from __future__ import annotations

import re

import pytest

from simgpu.errors import DeviceNameError, InvalidValue, PlacementError
from simgpu.kernels.kernel import in_device_memory
from simgpu.machine import Machine
from simgpu.placement import POLICIES, Problem, place
from simgpu.placement.requests import requests_of
from tests.messages import exactly
from tests.unit.placement.graphs import TWO_GPUS, TWO_HOSTS, graph_of


def refusal(graph, machine=TWO_GPUS, **options) -> str:
    with pytest.raises(PlacementError) as caught:
        place(graph, machine, **options)
    return str(caught.value)


def test_a_missing_device_is_refused_with_those_that_exist():
    assert refusal(graph_of("x = Exp : f", devices={"x": "/gpu:7"}), soft=False) == (
        "operation 'x' (Exp) asks for /device:GPU:7; there is no such device, the machine has CPU:0, GPU:0, GPU:1; "
        "name one of these, or allow another device: soft=True"
    )


def test_a_long_list_of_devices_is_shortened():
    text = refusal(graph_of("x = Exp : f", devices={"x": "/gpu:77"}), Machine("16 x t4"), soft=False)

    assert "the machine has CPU:0, GPU:0, GPU:1, GPU:2, GPU:3, GPU:4, GPU:5, GPU:6 and 9 more;" in text


def test_a_missing_kernel_is_refused_with_the_kinds_that_have_one():
    assert refusal(graph_of("x = Exp : i", devices={"x": "/gpu:1"}), soft=False) == (
        "operation 'x' (Exp) asks for /device:GPU:1; there is no GPU kernel for int32, only for CPU; "
        "ask for CPU, or allow another device: soft=True"
    )


@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize("device", ["/job:w/gpu:0", "/task:3", "/replica:1/cpu:0"])
def test_soft_placement_never_leaves_a_job_or_task(soft, device):
    text = refusal(graph_of("x = Exp : f", devices={"x": device}), soft=soft)

    assert "there is no such job or task, and soft placement gives way in type and index only" in text
    assert "the machine has CPU:0, GPU:0, GPU:1" in text


def test_devices_of_other_hosts_are_named_with_their_task():
    text = refusal(graph_of("x = Exp : f", devices={"x": "/task:2"}), TWO_HOSTS)

    assert "/job:worker/task:0/CPU:0, /job:worker/task:0/GPU:0, /job:worker/task:1/CPU:0" in text


def test_a_rule_that_cannot_be_met_is_named():
    text = refusal(graph_of("x = Exp : f"), soft=False, rules=[{"match": "*", "device": "/gpu:5"}])

    assert text.startswith("operation 'x' (Exp) asks for /device:GPU:5 by rule *; there is no such device")


def test_colocation_of_requests_that_contradict_each_other_is_refused_when_hard():
    graph = graph_of("a = Exp : f", "b = Exp : f", devices={"a": "/gpu:0", "b": "/cpu:0"}, colocate={"b": ["a"]})

    assert refusal(graph, soft=False) == (
        "operation 'b' (Exp) is to be colocated with 'a' (Exp), but that cannot be: /device:CPU:0 and /device:GPU:0; "
        "drop the colocation, or allow it to be ignored: soft=True"
    )


def test_a_group_is_refused_with_the_member_that_has_no_kernel():
    graph = graph_of("a = Exp : f", "b = Exp : i", devices={"a": "/gpu:0"}, colocate={"b": ["a"]})

    assert "there is no GPU kernel for int32 (operation 'b', which shares its device)" in refusal(graph, soft=False)


def test_a_member_without_a_request_is_refused_with_what_its_group_asks_for():
    graph = graph_of("v = VarHandleOp : r", "y = ReadVariableOp v : i", devices={"v": "/gpu:0", "y": "/gpu:1"})

    assert refusal(graph, soft=False).startswith(
        "operation 'y' (ReadVariableOp) shares a device with operations that ask for /device:GPU:0; "
        "its own request is /device:GPU:1; there is no GPU kernel for int32, only for CPU"
    )


@pytest.mark.parametrize("soft", [True, False])
def test_variables_on_different_devices_cannot_be_used_together(soft):
    graph = graph_of(
        "v = VarHandleOp : r", "w = VarHandleOp : r", "u = Use v w :", devices={"v": "/gpu:0", "w": "/cpu:0"}
    )

    assert refusal(graph, soft=soft) == (
        "operation 'u' (Use) uses variables that were asked for on different devices, /device:CPU:0 and /device:GPU:0; "
        "ask for one device for all of them"
    )


@pytest.mark.parametrize("soft", [True, False])
def test_the_reader_of_a_variable_cannot_be_on_another_task(soft):
    graph = graph_of(
        "v = VarHandleOp : r", "w = VarHandleOp : r", "u = Use v w :", devices={"v": "/task:0", "w": "/task:1"}
    )

    assert "asked for on different devices, /task:1 and /task:0" in refusal(graph, TWO_HOSTS, soft=soft)


def test_an_operation_without_any_kernel_is_refused():
    class NoKernels:
        name = "none"

        def find(self, operation, kind):
            return None

        def missing(self, operation, kind):
            return operation.type

    graph = graph_of("x = Exp : f")
    problem = Problem(graph, TWO_GPUS, NoKernels(), requests_of(graph, ()), soft=True)

    with pytest.raises(PlacementError) as caught:
        POLICIES["tensorflow"](problem)
    assert str(caught.value) == (
        "operation 'x' (Exp) has no GPU, CPU kernel in the kernel set 'none': none for Exp; choose another kernel set"
    )


def test_a_variable_and_its_reader_need_kernels_on_one_kind_of_device():
    class OneKindEach:
        name = "one kind each"

        def find(self, operation, kind):
            return in_device_memory(kind, 1, 1) if (kind == "GPU") == (operation.type == "VarHandleOp") else None

        def missing(self, operation, kind):
            return operation.type

    graph = graph_of("v = VarHandleOp : r", "u = Use v :")
    problem = Problem(graph, TWO_GPUS, OneKindEach(), requests_of(graph, ()), soft=True)

    with pytest.raises(PlacementError) as caught:
        POLICIES["tensorflow"](problem)
    assert str(caught.value) == (
        "operation 'u' (Use) must be on the device of the variable that it takes from 'v' (VarHandleOp), but that "
        "cannot be: no kind of device has kernels for both (GPU; CPU); choose another kernel set"
    )


def test_a_policy_that_there_is_not_is_refused_with_those_that_there_are():
    assert refusal(graph_of(), policy="fastest") == "there is no placement policy 'fastest'; choose tensorflow"


def test_a_kernel_set_that_there_is_not_is_refused():
    with pytest.raises(
        InvalidValue,
        match=exactly("there is no kernel set 'cuda'; choose float-only, tensorflow, tensorflow-plugin, all"),
    ):
        place(graph_of(), TWO_GPUS, kernels="cuda")


def test_a_rule_that_matches_nothing_is_refused_with_the_nearest_names():
    graph = graph_of("conv1 = Exp : f", "conv2 = Exp : f", "relu = Exp : f")

    assert refusal(graph, rules=[{"match": "convv1", "device": "/gpu:1"}]) == (
        "the rule for 'convv1' (device '/gpu:1') matches none of 3 operations; nearest are 'conv1', 'conv2'"
    )


def test_a_rule_with_a_bad_device_is_refused_even_if_it_matches_nothing():
    with pytest.raises(DeviceNameError, match=re.escape("'/gpuu:1'")):
        place(graph_of("x = Exp : f"), TWO_GPUS, rules=[{"match": "y", "device": "/gpuu:1"}])


@pytest.mark.parametrize("rule", [{"match": "x"}, {"match": "x", "device": "/gpu", "soft": True}, "x"])
def test_a_rule_of_another_form_is_refused(rule):
    assert refusal(graph_of("x = Exp : f"), rules=[rule]) == f"a rule has the keys 'match' and 'device': got {rule!r}"
