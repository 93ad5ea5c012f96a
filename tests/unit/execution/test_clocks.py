"""Execution on two clocks: what happened here, and what it takes on separate devices with measured kernels."""

import numpy as np
import pytest

import simgpu as sg
from simgpu.costs import Cost, Timed
from simgpu.errors import InvalidValue, OutOfDeviceMemory
from simgpu.execution import alone
from simgpu.execution.alone import execute_alone
from simgpu.storage import NumpyStorage
from tests.messages import exactly


def two_branches(size=8):
    """Two chains of three operations, on a device each, that meet on the first."""
    builder = sg.GraphBuilder()
    spec = sg.TensorSpec((size,), "float32")
    (x,) = builder.add("Input", outputs=[spec], name="x", attributes={"spec": spec})
    ends = []
    for device in (0, 1):
        end = x
        for step in range(3):
            (end,) = sg.add_operation(builder, "Neg", [end], name=f"neg{device}{step}", device=f"/gpu:{device}")
        ends.append(end)
    (total,) = sg.add_operation(builder, "Add", ends, name="sum", device="/gpu:0")
    builder.fetch(total)
    return sg.place(builder.build(), sg.Machine("2 x 1GiB"))


FEEDS = {"x": np.arange(8, dtype=np.float32)}


@pytest.fixture
def each_takes_a_second(monkeypatch):
    """Each operation takes one second on its device, and nothing to launch."""
    monkeypatch.setattr(alone._Alone, "_time", lambda self, number: alone.AloneTime(10**12, 0))


def test_on_the_virtual_clock_devices_work_side_by_side_however_few_this_computer_has(each_takes_a_second):
    outputs, trace = sg.execute(two_branches(), FEEDS, clock="virtual")

    assert (trace.engine, trace.clock) == ("execute", "virtual")
    np.testing.assert_array_equal(outputs["sum"], -2 * FEEDS["x"])
    assert 4 * 10**12 <= trace.makespan_ps < 4 * 10**12 + 10**9  # three side by side, one after both, and the links


@pytest.mark.parametrize(
    ("times_ms", "expected_ms"),
    [
        ([75, 2, 2, 9, 9], 2),  # the first three make more than 5 ms
        ([0.9, 0.4, 0.5, 0.6, 7, 1], 0.6),
        ([300, 1, 1], 300),
    ],
)
def test_a_time_alone_is_the_median_of_several_unless_it_is_long(monkeypatch, times_ms, expected_ms):
    taken = iter(times_ms)
    monkeypatch.setattr(alone._Alone, "_timed", lambda self, task: alone.AloneTime(round(next(taken) * 10**9), 7))
    builder = sg.GraphBuilder()
    (x,) = sg.add_operation(builder, "Input", name="x", spec=sg.TensorSpec((8,), "float32"))
    builder.fetch(*sg.add_operation(builder, "Neg", [x], name="y"))
    placement = sg.place(builder.build(), sg.Machine("1 x 1GiB"))
    _, times, _ = execute_alone(placement, FEEDS, NumpyStorage())

    assert times["y"] == alone.AloneTime(round(expected_ms * 10**9), 7)


def test_another_machine_has_other_links(each_takes_a_second):
    slow = sg.Machine({"gpus": "2 x 1GiB", "links": {"host": {"bandwidth": "1 B/s", "latency": 0}}})
    _, trace = sg.execute(two_branches(), FEEDS, clock="virtual", machine=slow)

    assert trace.makespan_ps > 32 * 10**12  # 32 bytes at a byte a second


def test_options_of_the_simulation_hold(each_takes_a_second):
    factor = sg.Slow(device="GPU:1", factor=2)
    _, trace = sg.execute(two_branches(), FEEDS, clock="virtual", options=sg.SimulationOptions(perturbations=(factor,)))

    assert trace.busy_by_resource_ps()[trace.devices[2].name] == 6 * 10**12


def test_times_alone_are_those_of_the_operations_and_of_nothing_else():
    outputs, times, card_use = execute_alone(two_branches(2**20), {"x": np.ones(2**20, np.float32)}, NumpyStorage())

    assert list(times) == ["neg00", "neg01", "neg02", "neg10", "neg11", "neg12", "sum"]
    assert all(10**7 < time.compute_ps < 10**12 and time.launch_ps is None for time in times.values())
    np.testing.assert_array_equal(outputs["sum"], np.full(2**20, -2, np.float32))
    assert card_use is None


def test_caps_hold_on_the_virtual_clock_too():
    placement = sg.place(two_branches(2**28).graph, sg.Machine("2 x 1GiB"))

    with pytest.raises(OutOfDeviceMemory, match="GPU:0: out of memory"):
        sg.execute(placement, clock="virtual", storage="shape")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"clock": "wall"}, "clock='wall' is not a clock; choose one of real, virtual"),
        ({"machine": "t4"}, "machine is for clock='virtual'; on the clock 'real' there is no model"),
        (
            {"options": sg.SimulationOptions()},
            "options is for clock='virtual'; on the clock 'real' there is no model",
        ),
    ],
)
def test_what_a_clock_does_not_know_is_refused(arguments, message):
    with pytest.raises(InvalidValue, match=exactly(message)):
        sg.execute(two_branches(), FEEDS, **arguments)


def test_a_trace_is_followed_on_the_real_clock_alone():
    placement = two_branches()
    words = "follow is for clock='real'; on the clock 'virtual' operations run one by one"

    with pytest.raises(InvalidValue, match=exactly(words)):
        sg.execute(placement, FEEDS, clock="virtual", follow=sg.simulate(placement))


def test_timed_costs_are_found_by_name_and_none_is_made_up():
    placement = two_branches()
    costs = Timed({"neg00": Cost(5)})
    operations = {operation.name: operation for operation in placement.graph}

    assert costs.cost(operations["neg00"], placement.machine.devices[1]) == Cost(5)
    with pytest.raises(
        InvalidValue,
        match=exactly("operation 'sum' was not timed; give the costs of all operations of the graph"),
    ):
        costs.cost(operations["sum"], placement.machine.devices[1])


def test_a_scenario_chooses_its_clock(tmp_path):
    path = tmp_path / "virtual.yaml"
    path.write_text(
        "machine: 2 x 64MiB\n"
        "graph: {operations: [{name: x, op: Input, shape: [8]}, {name: y, op: Neg, inputs: [x]}]}\n"
        "execution: {clock: virtual}\n"
    )
    result = sg.run(sg.load_scenario(path))

    assert (result.executed.clock, result.agreement, result.is_success) == ("virtual", None, True)
