"""The strategies: what they promise, that they reach what they should, and what they need."""

from __future__ import annotations

import subprocess
import sys

import hypothesis.strategies as st
import pytest
from hypothesis import Phase, find, given, settings

from simgpu.arrays import Runtime
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.machine import Machine
from simgpu.naming import DeviceSpec
from simgpu.testing.strategies import arrays_on_devices, device_names, device_specs, graphs, machines, placements


def reach(strategy, wanted):
    """Draw until something is as wanted, which need not be the simplest."""
    return find(strategy, wanted, settings=settings(phases=[Phase.generate], max_examples=1000))


def gpus_by_host(machine):
    cards = [card.host for card in machine.physical_devices if card.kind == "GPU"]
    return [cards.count(host) for host in range(len(machine.hosts))]


@given(machines())
def test_machines_are_small(machine):
    assert len(machine.hosts) in (1, 2)
    assert max(gpus_by_host(machine)) <= 3
    assert {device.memory_limit_bytes for device in machine.devices if device.kind == "GPU"} <= {
        size // parts // 512 * 512 for size in (4 * 2**10, 32 * 2**10, 2**20) for parts in (1, 2, 3)
    }


@given(machines(min_gpus=2, max_gpus=4, max_hosts=1, cards=["t4", "1GiB"], can_split=False))
def test_machines_are_as_asked(machine):
    assert gpus_by_host(machine)[0] in (2, 3, 4)
    assert {card.model.name for card in machine.physical_devices if card.kind == "GPU"} <= {"t4", "generic-1GiB"}
    assert len(machine.devices) == len(machine.physical_devices)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda machine: len(machine.hosts) == 2,
        lambda machine: gpus_by_host(machine) == [0],
        lambda machine: gpus_by_host(machine) == [3],
        lambda machine: len(machine.devices) > len(machine.physical_devices),
        lambda machine: machine.devices[-1].compute == "exclusive",
    ],
    ids=["two hosts", "no GPU", "three GPUs", "cut", "exclusive"],
)
def test_machines_of_every_form_are_drawn(wanted):
    assert wanted(reach(machines(), wanted))


@given(device_specs())
def test_device_specs_are_written_and_read_back(spec):
    without_index = DeviceSpec(spec.job, spec.replica, spec.task)

    assert DeviceSpec.parse(str(spec)) == (without_index if spec.device_type is None else spec)


@given(device_specs(is_complete=True))
def test_complete_device_specs_can_be_the_name_of_one_device(spec):
    assert spec.is_complete


def test_partial_device_specs_leave_out_any_part():
    for field in ("job", "replica", "task", "device_type", "device_index"):
        assert getattr(reach(device_specs(), lambda spec, field=field: getattr(spec, field) is None), field) is None


@given(device_names())
def test_device_names_are_names(name):
    assert isinstance(DeviceSpec.parse(name), DeviceSpec)


@given(st.data())
def test_device_names_of_a_machine_are_those_of_its_devices(data):
    machine = data.draw(machines())

    assert machine.index(data.draw(device_names(machine))) in range(len(machine.devices))


@pytest.mark.parametrize(
    "spelling", ["gpu:1", "/gpu:1", "GPU:1", "/job:localhost/replica:0/task:0/device:GPU:1", "cpu:0"]
)
def test_device_names_have_every_spelling(spelling):
    assert reach(device_names(Machine("2 x t4")), lambda name: name == spelling) == spelling


@given(graphs(requests=("/gpu:0", "/cpu:0"), max_operations=3))
def test_graphs_are_small_and_ask_for_what_is_given(graph):
    sources = [operation for operation in graph if operation.type in ("Input", "Variable")]

    assert 1 <= len(sources) <= 3
    assert 1 <= len(graph) - len(sources) <= 3
    assert {DeviceSpec.parse(operation.device) for operation in graph} <= {
        DeviceSpec(),
        DeviceSpec(device_type="GPU", device_index=0),
        DeviceSpec(device_type="CPU", device_index=0),
    }


@given(placements())
def test_placements_put_every_operation_on_a_device_that_has_a_kernel(placement):
    for operation in placement.graph:
        assert placement.kernel(operation.index).kind in placement.device_of(operation.index)


@given(placements(machines=machines(min_gpus=2, max_hosts=1), kernels=st.just("all"), soft=False))
def test_placements_are_made_of_what_is_given(placement):
    assert placement.kernels == "all"
    assert len(placement.machine.devices) >= 3


def test_placements_reach_several_devices():
    placement = reach(placements(), lambda placement: len(set(placement.devices)) == 3)

    assert len(set(placement.devices)) == 3


def test_a_graph_of_ones_own_can_be_placed():
    builder = GraphBuilder()
    builder.add("Input", outputs=[TensorSpec((2,), "float32")], name="mine")
    graph = builder.build()

    placement = reach(placements(graphs=st.just(graph)), lambda placement: True)

    assert placement.graph is graph


@pytest.mark.parametrize("storage", ["numpy", "shape"])
@given(data=st.data())
def test_arrays_are_of_the_namespace_and_anywhere_on_the_machine(storage, data):
    with Runtime("2 x 1MiB", storage=storage) as runtime:
        array = data.draw(arrays_on_devices(runtime))

        assert array.__array_namespace__() is not None
        assert array.device in [device.name for device in runtime.machine.devices]
        assert runtime.memory_statistics(array.device).current_bytes == -(-array.nbytes // 512) * 512


@given(data=st.data())
def test_arrays_are_as_asked_and_their_sums_exact(data):
    with Runtime("2 x 1MiB") as runtime:
        strategy = arrays_on_devices(runtime, devices=["gpu:1"], dtypes=["float32"], shapes=st.just((2, 3)))
        array = data.draw(strategy)

        assert (array.shape, array.dtype) == ((2, 3), runtime.xp().float32)
        assert array.device == runtime.machine.device("GPU:1").name
        assert set(array.value().flat) <= {float(number) for number in range(-9, 10)}


def test_without_hypothesis_the_error_says_what_to_install():
    program = "import sys; sys.modules['hypothesis'] = None; import simgpu.testing.strategies"

    failed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert failed.stderr.splitlines()[-1] == (
        "simgpu.errors.MissingDependency: simgpu.testing.strategies needs Hypothesis "
        "(import of hypothesis halted; None in sys.modules): pip install 'simgpu[testing]'"
    )
