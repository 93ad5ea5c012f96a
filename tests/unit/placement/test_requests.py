"""Rules of the user on top of what a graph asks for."""

from __future__ import annotations

import pytest

from simgpu.naming import DeviceSpec
from simgpu.placement import Request, Rule, place
from simgpu.placement.constraints import ANYWHERE
from simgpu.placement.requests import requests_of
from tests.unit.placement.graphs import TWO_GPUS, graph_of


def test_a_rule_asks_for_all_operations_whose_name_matches():
    graph = graph_of("conv1 = Exp : f", "conv4a = Exp : f", "conv4b = Exp : f")

    placement = place(graph, TWO_GPUS, rules=[Rule("conv4*", "/gpu:1")])

    assert placement.devices == (1, 2, 2)
    assert placement.reasons == ("default", "rule conv4*", "rule conv4*")


def test_the_last_rule_that_matches_counts_alone():
    graph = graph_of("a = Exp : f", "b = Exp : f")

    requests = requests_of(graph, [Rule("*", "/gpu:1"), {"match": "b", "device": "/cpu"}])

    assert requests == (
        Request(DeviceSpec(device_type="GPU", device_index=1), "rule *", 0),
        Request(DeviceSpec(device_type="CPU"), "rule b", 1),
    )


def test_a_rule_is_an_inner_scope_of_what_the_graph_asks_for():
    graph = graph_of("a = Exp : f", devices={"a": "/job:worker/gpu:1"})

    (request,) = requests_of(graph, [Rule("a", "/cpu")])

    assert request.spec == DeviceSpec.parse("/job:worker/cpu:1")


@pytest.mark.parametrize("device", ["", "/", "/job:*"])
def test_a_request_for_anything_is_none(device):
    graph = graph_of("a = Exp : f", devices={"a": device})

    assert requests_of(graph, ())[0].spec is ANYWHERE


def test_a_pattern_minds_the_case_and_takes_the_whole_name():
    graph = graph_of("conv = Exp : f", "Conv = Exp : f", "conv1 = Exp : f")

    assert [request.source for request in requests_of(graph, [Rule("conv", "/gpu")])] == ["rule conv", "", ""]
