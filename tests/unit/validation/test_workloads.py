"""The workloads compute what they say, on the devices they say."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from simgpu.calibration import default_plan
from simgpu.execution import execute
from simgpu.graph import Graph
from simgpu.machine import Machine
from simgpu.naming import short_name
from simgpu.placement import place
from simgpu.session import make_feeds
from simgpu.validation import FAMILIES, standard_workloads
from simgpu.validation.splitting import split_by_cost
from simgpu.validation.workloads_blocks import pipeline_graph, transformer_graph
from simgpu.validation.workloads_collectives import ring, tree
from simgpu.validation.workloads_extremes import additions_graph, around_graph, products_graph
from tests.unit.validation.fabricated import graph_of, machine_of

MACHINE = machine_of([2**24] * 4)


def run(graph: Graph, *fetched: str) -> dict[str, np.ndarray]:
    """Run a graph on four GPUs, and return some tensors of it."""
    data = graph.data
    if fetched:
        tensors = tuple(data.first_tensor[data.names.index(name)] for name in fetched)
        data = replace(data, fetches=tensors, fetch_names=fetched)
    graph = Graph(data)
    return execute(place(graph, MACHINE), make_feeds(graph, seed=1))[0]


@pytest.mark.parametrize("algorithm", [ring, tree])
@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_every_rank_ends_with_the_sum_of_all(algorithm, ranks):
    graph = algorithm(ranks, 48 * 4, MACHINE)
    sums = run(graph, *(f"rank{rank}/sum" for rank in range(ranks)))

    assert {name: value.tolist() for name, value in sums.items()} == {
        f"rank{rank}/sum": [ranks * (ranks + 1) / 2] * 48 for rank in range(ranks)
    }


@pytest.mark.parametrize(("algorithm", "transfers"), [(ring, 2 * 3 * 4), (tree, 2 * 3 * 4)])
def test_an_all_reduce_moves_each_chunk_as_often_as_its_algorithm_says(algorithm, transfers):
    _, trace = execute(place(algorithm(4, 2**10, MACHINE), MACHINE))

    assert len([span for span in trace.spans if span.kind == "transfer"]) == transfers


def test_a_ring_sends_only_to_the_next_rank():
    _, trace = execute(place(ring(4, 2**10, MACHINE), MACHINE))
    ways = Counter(span.resource for span in trace.spans if span.kind == "transfer")

    assert ways == {f"GPU:{rank} -> GPU:{(rank + 1) % 4}": 6 for rank in range(4)}


def test_a_pipeline_sends_each_microbatch_through_every_stage():
    graph = pipeline_graph(4, 3, 2, 8, MACHINE)
    feeds, outputs = make_feeds(graph, seed=1), run(graph)
    expected = feeds["x1"]
    for _ in range(4):
        expected = expected + np.maximum(expected.mean(axis=1, keepdims=True), 0)

    np.testing.assert_allclose(outputs["y1"], expected, rtol=1e-5)
    assert outputs.keys() == {"y0", "y1", "y2"}


def test_a_transformer_keeps_the_shape_and_the_range_of_its_input():
    values = run(transformer_graph(2, 16, 128, layers=2))["y"]

    assert values.shape == (2, 16, 128)
    assert np.isfinite(values).all()


def test_heads_attend_to_rows_by_softmax_of_products():
    graph = transformer_graph(1, 4, 64, layers=1)
    softmax = next(it.name for it in graph if it.type == "Softmax")
    weights = run(graph, softmax)[softmax]

    assert weights.shape == (1, 1, 4, 4)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-6)


def test_extremes_compute_what_they_say():
    assert run(additions_graph(10, MACHINE))["y"].tolist() == [11.0] * 1_000
    np.testing.assert_allclose(run(products_graph(8, MACHINE), "MatMul_7")["MatMul_7"], 1 / 8)
    _, trace = execute(place(around_graph(2**10, MACHINE), MACHINE))
    assert Counter(span.resource for span in trace.spans if span.kind == "transfer") == {
        f"GPU:{rank} -> GPU:{(rank + 1) % 4}": 4 for rank in range(4)
    }


def test_parts_are_contiguous_and_about_equal_in_cost():
    graph = split_by_cost(graph_of(*["Relu"] * 1, "Neg", "Exp", "Sqrt"), MACHINE, 2)
    placed = {it.name: short_name(place(graph, MACHINE).device_of(it.name)) for it in graph}

    assert placed == {"x": "GPU:0", "relu": "GPU:0", "neg": "GPU:0", "exp": "GPU:1", "sqrt": "GPU:1"}


def test_a_variable_goes_where_it_is_read_first():
    graph = split_by_cost(transformer_graph(1, 4, 64, layers=2), MACHINE, 4)
    placement = place(graph, MACHINE)
    readers: dict[int, list[int]] = {}
    for index in graph.order:
        for tensor in graph.operation(index).inputs:
            readers.setdefault(graph.producer(tensor), []).append(placement.devices[index])

    assert {it.index for it in graph if it.type == "Variable"} <= readers.keys()
    assert [
        it.name for it in graph if it.type == "Variable" and placement.devices[it.index] != readers[it.index][0]
    ] == []
    assert len(set(placement.devices)) == 4


@pytest.mark.parametrize("on_gpu", [True, False])
@pytest.mark.parametrize("quick", [True, False])
def test_standard_workloads_are_of_every_family_and_have_names_of_their_own(on_gpu, quick):
    workloads = standard_workloads(on_gpu=on_gpu, quick=quick)

    assert tuple(dict.fromkeys(it.family for it in workloads)) == FAMILIES
    assert len({it.name for it in workloads}) == len(workloads)


def test_quick_workloads_fit_the_gpus_they_are_for():
    placements = [it.placed(machine_of([*it.limits_bytes])) for it in standard_workloads(on_gpu=True, quick=True)]
    used = [
        {short_name(placement.machine.devices[device].name) for device in placement.devices} for placement in placements
    ]

    assert all("GPU:0" in devices for devices in used)
    assert all(execute(placement, storage="shape")[0] is not None for placement in placements)


@pytest.mark.parametrize("on_gpu", [True, False])
def test_no_operation_is_one_that_a_calibration_measures_but_for_layers_of_4096(on_gpu):
    measured = {(it.type, it.inputs, as_text(it.attributes)) for it in default_plan().operations}
    workloads = [it for it in standard_workloads(on_gpu=on_gpu) if it.family != "models" or len(it.limits_bytes) == 1]
    graphs = [it.placed(Machine("1 x 80GiB").split({"GPU:0": list(it.limits_bytes)})).graph for it in workloads]
    seen = {(it.type, it.input_specs, as_text(it.attributes)) for graph in graphs for it in graph} & measured

    assert {(type, specs[0].shape[1:]) for type, specs, _ in seen} == {("Gemm", (4096,))}


def as_text(attributes):
    return repr(sorted(attributes.items()))
