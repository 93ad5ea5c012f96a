"""The machine as others use it: names, positions, models, routes between logical devices, equality."""

from __future__ import annotations

import copy
import pickle
import time

import pytest

from simgpu.errors import DeviceNameError, MachineError
from simgpu.machine import Channel, Host, Machine, Route, parse_machine
from simgpu.units import GiB


@pytest.fixture
def pair() -> Machine:
    return Machine({"hosts": [{"gpus": "2 x t4"}, {"gpus": "t4"}], "host": "cpu-2c"})


def test_devices_come_by_host_and_cpus_before_gpus(pair):
    assert [(device.name, device.kind, device.physical) for device in pair.devices] == [
        ("/job:worker/replica:0/task:0/device:CPU:0", "CPU", 0),
        ("/job:worker/replica:0/task:0/device:GPU:0", "GPU", 1),
        ("/job:worker/replica:0/task:0/device:GPU:1", "GPU", 2),
        ("/job:worker/replica:0/task:1/device:CPU:0", "CPU", 3),
        ("/job:worker/replica:0/task:1/device:GPU:0", "GPU", 4),
    ]
    assert pair.hosts == (Host("host0", "worker", 0, 0, 2, 2), Host("host1", "worker", 0, 1, 2, 2))
    assert [device.name for device in pair.physical_devices] == [
        "host0/CPU:0",
        "host0/GPU:0",
        "host0/GPU:1",
        "host1/CPU:0",
        "host1/GPU:0",
    ]


def test_one_host_is_the_local_one():
    assert [device.name for device in Machine("t4").devices] == [
        "/job:localhost/replica:0/task:0/device:CPU:0",
        "/job:localhost/replica:0/task:0/device:GPU:0",
    ]


@pytest.mark.parametrize(
    ("name", "position"),
    [
        ("/job:worker/replica:0/task:1/device:GPU:0", 4),
        ("GPU:1", 2),
        ("/gpu:1", 2),
        ("/gpu", 1),
        ("cpu", 0),
        ("/task:1/cpu:0", 3),
        ("/task:1/gpu", 4),
    ],
)
def test_a_partial_name_means_the_first_task_and_the_first_device(pair, name, position):
    assert pair.index(name) == position
    assert pair.device(name) == pair.devices[position]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("GPU:2", "the machine has no device 'GPU:2'; it has CPU:0, GPU:0, GPU:1"),
        ("/job:ps/cpu:0", "the machine has no device '/job:ps/cpu:0'; it has CPU:0, GPU:0, GPU:1"),
        ("", "the machine has no device ''; it has CPU:0, GPU:0, GPU:1"),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name, message):
    with pytest.raises(MachineError) as refused:
        Machine("2 x t4").index(name)

    assert str(refused.value) == message


def test_what_is_no_device_name_is_refused_as_such():
    with pytest.raises(DeviceNameError):
        Machine("t4").index("gpu zero")


def test_a_device_knows_its_card_model_host_and_cpu():
    machine = Machine({"hosts": [{"gpus": "t4"}, {"gpus": "l4"}]}).split({"/task:1/GPU:0": 2, "CPU:0": 2})

    last = len(machine.devices) - 1

    assert machine.devices[last].name == "/job:worker/replica:0/task:1/device:GPU:1"
    assert machine.physical(last).name == "host1/GPU:0"
    assert machine.model(last).name == "l4"
    assert machine.host(last) == machine.hosts[1]
    assert [machine.host_device(index) for index in range(7)] == [0, 0, 0, 3, 3, 3, 3]


def test_a_device_reaches_itself_over_nothing():
    assert Machine("t4").route(1, 1) == Route((), 0)


def test_siblings_share_the_memory_of_their_card_at_half_its_bandwidth():
    machine = Machine("t4").split({"GPU:0": 3, "CPU:0": 2})

    between_gpus = [machine.route(source, target) for source, target in ((2, 3), (3, 2), (4, 2))]
    between_cpus = machine.route(0, 1)

    assert between_gpus == [Route((3,), 0)] * 3
    assert machine.channels[3] == Channel("host0/GPU:0 memory", 160 * 10**9, 0)
    assert [machine.channels[channel] for channel in between_cpus.channels] == [
        Channel("host0/CPU:0 memory", 307_200_000_000, 0)
    ]


def test_slices_of_different_cards_meet_over_the_links_of_the_cards():
    machine = Machine("2 x t4").split({"GPU:0": 2, "GPU:1": 2})

    names = [machine.channels[channel].name for channel in machine.route(2, 3).channels]

    assert names == ["host0/GPU:0 pcie3-x16 out", "host0/GPU:1 pcie3-x16 in"]


def test_machines_are_equal_by_their_data():
    machine = Machine("2 x t4")

    assert machine == Machine({"gpus": ["t4", "t4"]})
    assert hash(machine) == hash(Machine("2 x t4"))
    assert machine != Machine("3 x t4")
    assert machine != Machine("2 x t4").split({"GPU:0": 2})
    assert machine != "2 x t4"


def test_a_machine_is_pickled_without_what_it_can_compute_again():
    machine = Machine("hgx-h100-8").split({"GPU": 2})
    before = len(pickle.dumps(machine))
    route = machine.route(1, 16)

    loaded = pickle.loads(pickle.dumps(machine))

    assert len(pickle.dumps(machine)) == before
    assert loaded == machine
    assert loaded.route(1, 16) == route


def test_a_copy_is_the_machine_itself_since_nothing_in_it_changes():
    machine = Machine("t4")

    assert copy.copy(machine) is machine
    assert copy.deepcopy(machine) is machine
    assert parse_machine(machine) is machine


def test_parsing_is_construction():
    assert parse_machine("t4") == Machine("t4")
    assert parse_machine({"gpus": "t4"}) == Machine("t4")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("cpu", "<Machine: 1 host, no GPU; 1 device: CPU:0>"),
        ("2 x 1GiB + t4", "<Machine: 1 host, 2 x generic-1GiB + 1 x t4; 4 devices: CPU:0, GPU:0, GPU:1, GPU:2>"),
        (
            "9 x t4",
            "<Machine: 1 host, 9 x t4; 10 devices: CPU:0, GPU:0, GPU:1, GPU:2, GPU:3, GPU:4, GPU:5, GPU:6, ...>",
        ),
    ],
)
def test_a_machine_shows_its_parts(line, text):
    assert repr(Machine(line)) == text


def test_cards_have_addresses_of_their_own_in_the_order_of_their_slots():
    cards = Machine("4096 x 1GiB").physical_devices[1:]

    buses = [card.pci_bus_id for card in cards]
    assert buses == sorted(set(buses))
    assert buses[:2] == ["00000000:10:00.0", "00000000:11:00.0"]
    assert len({card.uuid for card in cards}) == 4096
    assert Machine("1 x 1GiB").physical_devices[1].uuid == cards[0].uuid


@pytest.mark.parametrize("description", ["4096 x 1GiB", "512 x hgx-h100-8"])
def test_thousands_of_devices_are_built_and_routed_at_once(description):
    before = time.process_time()

    machine = Machine(description)
    last = len(machine.devices) - 1
    route = machine.route(1, last)

    assert time.process_time() - before < 1
    assert len(route.channels) == (2 if machine.hosts[1:] == () else 4)
    assert sum(device.memory_limit_bytes for device in machine.devices if device.kind == "GPU") >= 4096 * GiB
