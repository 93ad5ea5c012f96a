"""The virtual clock on a real card: each operation runs there alone, and the run is put together on the machine."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import simgpu as sg
from simgpu.errors import ExecutionError, OutOfDeviceMemory
from simgpu.execution import alone
from tests.gpu.test_limits import OF_CUDA_BYTES

pytestmark = pytest.mark.gpu

STEPS = 6
SIDE = 2048
"""So large that a product takes ten times as long as its launch on any card."""


def two_chains(*, devices=(0, 1), side=None, machine="2 x 256MiB", ends_on=None):
    """Return chains of products, on a device each, of which only sums leave their device: for a last step elsewhere."""
    builder = sg.GraphBuilder()
    spec = sg.TensorSpec((side or SIDE,) * 2, "float32")
    values = np.random.default_rng(1).random(spec.shape, np.float32) * np.float32(2 / spec.shape[0])
    for chain, device in enumerate(devices):
        on = {"device": f"/gpu:{device}"}
        (weights,) = sg.add_operation(
            builder, "Variable", name=f"w{chain}", spec=spec, initializer=sg.Data(values * (1 + chain)), **on
        )
        end = weights
        for step in range(STEPS):
            (end,) = sg.add_operation(builder, "MatMul", [end, weights], name=f"product{chain}{step}", **on)
        (total,) = sg.add_operation(builder, "ReduceSum", [end], name=f"total{chain}", **on)
        if ends_on is not None:
            (total,) = sg.add_operation(builder, "Neg", [total], name="end", device=f"/gpu:{ends_on}")
        builder.fetch(**{f"total{chain}": total})
    return sg.place(builder.build(), sg.Machine(machine))


def handed_over(size):
    """Return a chain in which a tensor of so many floats goes from one device to the other."""
    builder = sg.GraphBuilder()
    spec = sg.TensorSpec((size,), "float32")
    (x,) = sg.add_operation(builder, "Input", name="x", spec=spec, device="/gpu:0")
    (y,) = sg.add_operation(builder, "Neg", [x], name="y", device="/gpu:0")
    (z,) = sg.add_operation(builder, "Abs", [y], name="z", device="/gpu:1")
    builder.fetch(z=z)
    return sg.place(builder.build(), sg.Machine("2 x 256MiB")), {"x": np.arange(size, dtype=np.float32)}


def busy_ps(trace):
    """Return how long each GPU computes."""
    busy = trace.busy_by_resource_ps()
    return [busy.get(device.name, 0) for device in trace.devices if device.kind == "GPU"]


def assert_same_values(found, expected):
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-3, strict=True)


def test_devices_that_share_a_card_take_on_the_virtual_clock_the_time_of_the_longest(card):
    placement = two_chains()
    outputs, trace = sg.execute(placement, storage=card(), clock="virtual")
    expected, _ = sg.execute(placement)
    first, second = busy_ps(trace)

    assert (trace.engine, trace.clock) == ("execute", "virtual")
    assert_same_values(outputs, expected)
    assert max(first, second) <= trace.makespan_ps < max(first, second) + 0.2 * (first + second)


def test_two_equal_chains_take_about_half_of_their_serial_sum(card):
    placement, storage = two_chains(), card()
    _, trace = sg.execute(placement, storage=storage, clock="virtual")

    assert 0.5 <= trace.makespan_ps / sum(busy_ps(trace)) < 0.7


def test_on_one_device_the_same_chains_take_the_time_of_their_sum(card):
    _, trace = sg.execute(two_chains(devices=(0, 0)), storage=card(), clock="virtual")
    first, second = busy_ps(trace)

    assert second == 0
    assert first <= trace.makespan_ps < 1.2 * first


def test_each_operation_is_timed_once_and_its_span_is_its_time_alone(card):
    _, trace = sg.execute(two_chains(), storage=card(), clock="virtual")
    computed = [span for span in trace.spans if span.kind == "compute"]
    products = [span.end_ps - span.start_ps for span in computed if span.name.startswith("product")]

    assert sorted(span.name for span in computed) == sorted(
        [f"product{chain}{step}" for chain in (0, 1) for step in range(STEPS)] + ["total0", "total1"]
    )
    assert min(products) > 0
    assert sum(span.end_ps - span.start_ps for span in computed) == sum(busy_ps(trace))


def test_waiting_for_another_device_is_no_part_of_the_time_of_an_operation(card):
    """On the real clock: what the second device launches early waits for the first one's products, and a copy."""
    placement, storage = two_chains(devices=(0,), ends_on=1), card()
    sg.execute(placement, storage=storage)
    outputs, trace = sg.execute(placement, storage=storage)
    times = {span.name: span.end_ps - span.start_ps for span in trace.spans if span.kind == "compute"}

    assert times["end"] < sum(time for name, time in times.items() if name.startswith("product")) / 4
    assert outputs["total0"] < 0


def test_slower_links_of_the_machine_take_longer(card):
    placement, feeds = handed_over(2**18)
    slow = sg.Machine({"gpus": "2 x 256MiB", "links": {"host": {"bandwidth": "1 MB/s", "latency": 0}}})
    outputs, trace = sg.execute(placement, feeds, storage=card(), clock="virtual")
    again, slowed = sg.execute(placement, feeds, storage=card(), clock="virtual", machine=slow)

    np.testing.assert_array_equal(outputs["z"], np.abs(feeds["x"]))
    np.testing.assert_array_equal(again["z"], outputs["z"])
    assert slowed.makespan_ps > 10**12 > trace.makespan_ps  # 1 MiB at 1 MB/s, three times


def test_a_perturbation_of_the_model_holds_on_times_of_the_card(card):
    factor = sg.Slow(device="GPU:1", factor=100)
    options = sg.SimulationOptions(perturbations=(factor,))
    _, trace = sg.execute(two_chains(), storage=card(), clock="virtual", options=options)
    first, second = busy_ps(trace)

    assert trace.makespan_ps >= second
    assert second > first


def test_memory_is_back_behind_a_virtual_run_and_the_ledgers_are_those_of_the_model(card):
    placement, storage = two_chains(side=256), card()
    sg.execute(placement, storage=storage, clock="virtual")
    gc.collect()
    before = storage.card_use()
    _, trace = sg.execute(placement, storage=storage, clock="virtual")
    gc.collect()
    after = storage.card_use()

    assert (after.regions_bytes, after.scratch_bytes) == (0, 0)
    assert abs(after.free_bytes - before.free_bytes) <= OF_CUDA_BYTES
    assert [trace.peak_bytes(device) for device in (1, 2)] == [3 * 256 * 1024] * 2  # weights, and two ends of a chain


@pytest.mark.parametrize("at", ["product00", "product13", "total1"])
def test_a_run_that_fails_in_the_middle_is_told_and_gives_everything_back(card, at, monkeypatch):
    storage = card()
    monkeypatch.setattr(alone, "_MOST", 1)
    sg.execute(two_chains(side=64), storage=storage, clock="virtual")
    gc.collect()
    free = storage.card_use().free_bytes
    compute, computed = storage.compute, []

    def fails(rule, inputs, outputs, attributes):
        computed.append(rule.name)
        if len(computed) == 3 * len(before) + 3:  # both variables are filled first; each before is run three times
            raise ArithmeticError("it does not add up")
        compute(rule, inputs, outputs, attributes)

    order = [operation.name for operation in two_chains(side=64).graph if operation.type != "Variable"]
    before = order[: order.index(at)]
    storage.compute = fails
    kind = "ReduceSum" if at.startswith("total") else "MatMul"
    device = "GPU:1" if at in ("product13", "total1") else "GPU:0"
    with pytest.raises(ExecutionError) as caught:
        sg.execute(two_chains(side=64), storage=storage, clock="virtual")

    assert str(caught.value) == f"operation '{at}' ({kind}) on {device} failed: ArithmeticError: it does not add up"
    assert (storage.card_use().regions_bytes, storage.card_use().scratch_bytes) == (0, 0)
    assert abs(storage.card_use().free_bytes - free) <= OF_CUDA_BYTES


def test_a_cap_is_reached_on_the_virtual_clock_too_and_everything_is_given_back(card):
    storage = card()
    shortages = []
    for clock, where in (("real", "numpy"), ("virtual", storage)):
        with pytest.raises(OutOfDeviceMemory) as caught:
            sg.execute(two_chains(side=1024, machine="2 x 10MiB"), storage=where, clock=clock)
        shortages.append(caught.value.shortage)
        del caught

    assert shortages[0] == shortages[1]
    assert (storage.card_use().regions_bytes, storage.card_use().scratch_bytes) == (0, 0)
