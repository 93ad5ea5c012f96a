import pytest

from simgpu.environment import visible_machine
from simgpu.errors import MachineError
from simgpu.machine import Machine


def names(machine):
    return [machine.model(number).name for number in range(1, len(machine.devices))]


MIXED = Machine("1 x t4 + 1 x h100-80g + 1 x l4")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ["t4", "h100-80g", "l4"]),
        ({"CUDA_VISIBLE_DEVICES": "0"}, ["h100-80g"]),
        ({"CUDA_VISIBLE_DEVICES": "2,0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, ["l4", "t4"]),
        ({"CUDA_VISIBLE_DEVICES": "1,7,0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, ["h100-80g"]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, ["h100-80g", "l4", "t4"]),
    ],
)
def test_the_environment_hides_and_renumbers_simulated_gpus_as_the_driver_does(environment, expected):
    assert names(visible_machine(MIXED, environment)) == expected


def test_an_unknown_order_is_refused():
    with pytest.raises(MachineError, match="FASTEST_FIRST"):
        visible_machine(MIXED, {"CUDA_DEVICE_ORDER": "SLOWEST_FIRST"})
