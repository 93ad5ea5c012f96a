"""`CUDA_VISIBLE_DEVICES` and `CUDA_DEVICE_ORDER`, as the driver reads them."""

from __future__ import annotations

import pytest

from simgpu.errors import MachineError
from simgpu.machine import Machine
from simgpu.naming import short_name
from simgpu.units import GiB

FOUR = Machine("4 x 1GiB")
UUIDS = [card.uuid for card in FOUR.physical_devices[1:]]


def slots(machine: Machine) -> list[int]:
    return [int(device.name[-1]) for device in machine.physical_devices if device.kind == "GPU"]


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (None, [0, 1, 2, 3]),
        ("0,1,2,3", [0, 1, 2, 3]),
        ("2,1", [2, 1]),
        (" 3 , 0", [3, 0]),
        ("0,2,-1,1", [0, 2]),
        ("1,4,0", [1]),
        ("1,99999999999999999999,0", [1]),
        ("1,two,0", [1]),
        ("1,,0", [1]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("0,1,0", []),
        ("0,9,0", [0]),
        ("1gpu,+2", [1, 2]),
        ("02", [2]),
        (f"1,{UUIDS[0]}", [1]),
        ("MIG-GPU-0/1/0", []),
        ("1,MIG-0", [1]),
    ],
)
def test_a_list_of_indices_renumbers_up_to_its_first_invalid_entry(variable, expected):
    assert slots(FOUR.visible(variable)) == expected


def test_cards_are_named_by_uuid_or_a_beginning_that_fits_one():
    beginnings = [uuid[:12] for uuid in UUIDS]

    assert slots(FOUR.visible(f"{UUIDS[3]},{beginnings[1]}")) == [3, 1]
    assert slots(FOUR.visible(f"{UUIDS[3]}, {UUIDS[0]}")) == [3, 0]
    assert slots(FOUR.visible(f"{UUIDS[3]},GPU-,{UUIDS[0]}")) == [3]  # fits all
    assert slots(FOUR.visible(f"{UUIDS[3]},GPU-none,{UUIDS[0]}")) == [3]
    assert slots(FOUR.visible(f"{UUIDS[3]},0")) == [3]
    assert slots(FOUR.visible(f"{UUIDS[3]},{UUIDS[3]}")) == []
    assert slots(Machine("1 x 1GiB").visible("GPU-")) == [0]


@pytest.mark.parametrize(
    ("order", "variable", "expected"),
    [
        (None, None, [2, 4, 3, 0, 1]),
        ("FASTEST_FIRST", None, [2, 4, 3, 0, 1]),
        ("PCI_BUS_ID", None, [0, 1, 2, 3, 4]),
        (None, "0", [2]),
        ("PCI_BUS_ID", "0", [0]),
    ],
)
def test_indices_count_the_fastest_card_first_unless_told_otherwise(order, variable, expected):
    machine = Machine("2 x t4 + h200-141g + a100-40g + h100-80g")

    assert slots(machine.visible(variable, order)) == expected


def test_an_unknown_order_is_refused():
    with pytest.raises(MachineError) as refused:
        FOUR.visible(None, "pci")

    assert str(refused.value) == "CUDA_DEVICE_ORDER is FASTEST_FIRST or PCI_BUS_ID, not 'pci'"


def test_logical_devices_are_renumbered_with_their_slices():
    split = FOUR.split({"GPU:1": ["256MiB", "512MiB"], "GPU:3": {"limits": ["1GiB"], "compute": "exclusive"}})

    seen = split.visible("3,1")

    assert [(short_name(d.name), d.physical, d.memory_limit_bytes, d.compute) for d in seen.devices] == [
        ("CPU:0", 0, 8 * GiB, "shared"),
        ("GPU:0", 1, GiB, "exclusive"),
        ("GPU:1", 2, GiB // 4, "shared"),
        ("GPU:2", 2, GiB // 2, "shared"),
    ]
    assert [link.name for link in seen.links] == ["host0/GPU:1 pcie4-x16", "host0/GPU:3 pcie4-x16"]


def test_what_is_seen_may_be_split_by_its_new_number():
    seen = FOUR.visible("3,1").split({"GPU:0": 2})

    assert [seen.physical(index).name for index in range(4)] == [
        "host0/CPU:0",
        "host0/GPU:3",
        "host0/GPU:3",
        "host0/GPU:1",
    ]


def test_a_process_on_one_host_leaves_the_others_as_they_are():
    two = Machine("2 x t4-4")

    assert slots(two.visible("3")) == [3, 3]
    assert slots(two.visible("3", host=1)) == [0, 1, 2, 3, 3]
    assert two.visible("3", host=1).index("/task:1/GPU:0") == 6


def test_a_host_that_is_not_there_is_refused():
    with pytest.raises(MachineError) as refused:
        Machine("2 x t4-4").visible("0", host=2)

    assert str(refused.value) == "the machine has no host 2; its hosts are 0 to 1"
