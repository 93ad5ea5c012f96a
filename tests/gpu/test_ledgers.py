"""One program, three storages: the same ledger, the same values as far as there are any."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from simgpu.errors import OutOfDeviceMemory, PlacementError
from simgpu.execution import execute
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.readers import read_onnx
from simgpu.simulation import simulate
from simgpu.trace import compare
from tests.property.card_programs import card_steps, ledger_hashes
from tests.property.programs import cases
from tests.property.test_both_engines import feeds_of

pytestmark = pytest.mark.gpu


def hashes(trace):
    return [trace.ledger_hash(device) for device in range(len(trace.devices))]


@given(st.lists(card_steps, min_size=10, max_size=40), st.integers(2, 4))
@settings(max_examples=25, derandomize=True)
def test_random_eager_programs_give_the_same_ledger_on_every_storage(card, steps, devices):
    found = [ledger_hashes(steps, devices, storage) for storage in ("numpy", "shape", card(scratch_bytes=2**21))]

    assert found[0] == found[1] == found[2]


@given(cases())
@settings(max_examples=20, derandomize=True)
def test_random_graphs_follow_a_simulation_to_the_same_ledger_and_values(card, case):
    try:
        placement = place(case.graph, case.machine, kernels=case.kernels, soft=case.soft)
        predicted = simulate(placement)
    except (PlacementError, OutOfDeviceMemory):
        return
    if sum(device.memory_limit_bytes for device in case.machine.devices) > 2**34:
        return
    feeds = feeds_of(case.graph)
    expected, _ = execute(placement, feeds, follow=predicted)
    found, ran = execute(placement, feeds, follow=predicted, storage=card(scratch_bytes=2**22))
    agreement = compare(predicted, ran)

    assert agreement, agreement.difference
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-4, strict=True)


@pytest.mark.parametrize("model", ["light_squeezenet", "light_resnet50"])
def test_a_network_gives_the_same_outputs_and_ledgers_on_the_card(card, model):
    graph = read_onnx(model)
    placement = place(graph, Machine("1 x 4GiB").split({"GPU:0": ["1GiB", "1GiB"]}), kernels="float-only", soft=True)
    feeds = {
        operation.name: np.random.default_rng(3).standard_normal(operation.output_specs[0].shape, np.float32)
        for operation in graph
        if operation.type == "Input"
    }
    predicted = simulate(placement)

    expected, on_host = execute(placement, feeds, follow=predicted)
    found, on_card = execute(placement, feeds, follow=predicted, storage=card())

    assert hashes(on_card) == hashes(on_host) == hashes(predicted)
    for name, value in found.items():
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(value, expected[name], rtol=1e-3, atol=1e-3 * scale)


def test_run_as_ready_a_network_gives_the_same_outputs_and_its_spans_are_in_order(card):
    graph = read_onnx("light_squeezenet")
    placement = place(graph, Machine("1 x 4GiB").split({"GPU:0": ["1GiB", "1GiB"]}), soft=True)
    feeds = {
        operation.name: np.random.default_rng(3).standard_normal(operation.output_specs[0].shape, np.float32)
        for operation in graph
        if operation.type == "Input"
    }

    expected, _ = execute(placement, feeds)
    found, trace = execute(placement, feeds, storage=card())

    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-3, atol=1e-3 * np.abs(expected[name]).max())
    computed = [span for span in trace.spans if span.kind == "compute" and span.resource.endswith("GPU:0")]
    launched = {span.name: span for span in trace.spans if span.kind == "launch"}
    assert {span.name for span in computed} <= set(launched)
    assert all(span.ready_ps <= span.start_ps <= span.end_ps for span in trace.spans)
    assert all(launched[span.name].start_ps <= span.end_ps for span in computed)
    ordered = sorted(computed, key=lambda span: span.start_ps)
    slack_ps = 2_000_000  # the clock of a card has steps of about 0.5 us, and marks are taken from one origin
    assert all(one.end_ps <= other.start_ps + slack_ps for one, other in pairwise(ordered))
