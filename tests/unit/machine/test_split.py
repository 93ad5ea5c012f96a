"""Cutting physical devices into logical ones."""

from __future__ import annotations

import pytest

from simgpu.machine import Machine, MachineKeyError
from simgpu.naming import short_name
from simgpu.units import GiB
from tests.messages import exactly


def limits(machine: Machine) -> list[tuple[str, int, int, str]]:
    return [(short_name(d.name), d.physical, d.memory_limit_bytes, d.compute) for d in machine.devices]


def test_slices_are_numbered_in_physical_order():
    machine = Machine("3 x 4GiB").split({"GPU:2": ["1GiB"], "GPU:0": ["1GiB", "3 GiB"]})

    assert limits(machine) == [
        ("CPU:0", 0, 8 * GiB, "shared"),
        ("GPU:0", 1, 1 * GiB, "shared"),
        ("GPU:1", 1, 3 * GiB, "shared"),
        ("GPU:2", 2, 4 * GiB, "shared"),
        ("GPU:3", 3, 1 * GiB, "shared"),
    ]


def test_a_number_means_equal_parts_in_whole_grains():
    machine = Machine("1 x 1000000B").split({"GPU:0": 3})

    assert limits(machine)[1:] == [(f"GPU:{part}", 1, 333_312, "shared") for part in range(3)]


def test_one_part_is_the_whole_device():
    machine = Machine("1 x 1000001B")

    assert machine.split({"GPU:0": 1}) == machine


def test_a_split_leaves_the_machine_as_it_was_and_may_be_made_anew():
    whole = Machine("1 x 4GiB")
    halves = whole.split({"GPU:0": 2})

    assert limits(whole)[1:] == [("GPU:0", 1, 4 * GiB, "shared")]
    assert halves.split({"GPU:0": ["1GiB"]}) == whole.split({"GPU:0": ["1GiB"]})


def test_each_split_says_if_its_slices_share_the_speed_of_the_card():
    machine = Machine("2 x 4GiB").split(
        {"GPU:0": {"limits": ["1GiB", "2GiB"], "compute": "shared"}, "GPU:1": {"limits": 2}}, compute="exclusive"
    )

    assert limits(machine)[1:] == [
        ("GPU:0", 1, 1 * GiB, "shared"),
        ("GPU:1", 1, 2 * GiB, "shared"),
        ("GPU:2", 2, 2 * GiB, "exclusive"),
        ("GPU:3", 2, 2 * GiB, "exclusive"),
    ]


def test_a_host_may_have_several_cpus():
    machine = Machine("1 x 4GiB").split({"CPU:0": ["1GiB", "2GiB"]})

    assert limits(machine) == [
        ("CPU:0", 0, 1 * GiB, "shared"),
        ("CPU:1", 0, 2 * GiB, "shared"),
        ("GPU:0", 1, 4 * GiB, "shared"),
    ]


@pytest.mark.parametrize("name", ["GPU", "/gpu:*"])
def test_a_partial_name_splits_all_that_it_fits(name):
    machine = Machine("2 x t4-4").split({name: 2})

    assert len(machine.devices) == 2 * (1 + 4 * 2)


def test_a_task_is_split_by_its_full_name():
    machine = Machine("2 x t4-4").split({"/job:worker/task:1/GPU:3": 2})

    assert [d.name for d in machine.devices if d.memory_limit_bytes == 8 * GiB] == [
        "/job:worker/replica:0/task:1/device:GPU:3",
        "/job:worker/replica:0/task:1/device:GPU:4",
    ]


@pytest.mark.parametrize(
    ("split", "message", "path"),
    [
        (
            {"GPU:0": ["2GiB", "2GiB", "1GiB"]},
            'split["GPU:0"]: host0/GPU:0 (generic-4GiB) has 4 GiB of memory, but its 3 parts ask for 5 GiB '
            "(2 GiB + 2 GiB + 1 GiB); lower the limits, or take a larger device",
            ("split", "GPU:0"),
        ),
        (
            {"GPU:0": ["1GiB"] * 5},
            'split["GPU:0"]: host0/GPU:0 (generic-4GiB) has 4 GiB of memory, but its 5 parts ask for 5 GiB '
            "(1 GiB + 1 GiB + 1 GiB + 1 GiB + ...); lower the limits, or take a larger device",
            ("split", "GPU:0"),
        ),
        (
            {"GPU:0": ["1GiB", 0]},
            'split["GPU:0"][1]: a memory limit is more than 0 B; leave the part out instead',
            ("split", "GPU:0", 1),
        ),
        (
            {"GPU:0": [2, 2]},
            'split["GPU:0"][0]: a memory limit of 2 B is less than 512 B, the unit in which memory is handed out; a '
            "plain number means bytes: write a unit, such as '2GiB'",
            ("split", "GPU:0", 0),
        ),
        (
            {"GPU:0": []},
            'split["GPU:0"]: a split has at least one part; this list is empty',
            ("split", "GPU:0"),
        ),
        (
            {"GPU:0": 0},
            'split["GPU:0"]: 0 is not a number of parts from 1 to 4096',
            ("split", "GPU:0"),
        ),
        (
            {"GPU:0": True},
            'split["GPU:0"]: True is not a number of parts from 1 to 4096',
            ("split", "GPU:0"),
        ),
        (
            {"GPU:0": "2GiB"},
            "split[\"GPU:0\"]: '2GiB' is not a list of sizes, a number of equal parts, or a mapping with 'limits' and "
            "'compute'",
            ("split", "GPU:0"),
        ),
        (
            {"GPU:0": 1.5},
            "split[\"GPU:0\"]: 1.5 is not a list of sizes, a number of equal parts, or a mapping with 'limits' and "
            "'compute'",
            ("split", "GPU:0"),
        ),
        (
            {"GPU:0": {"limit": 2}},
            "split[\"GPU:0\"].limit: unknown key 'limit'; did you mean 'limits'?",
            ("split", "GPU:0", "limit"),
        ),
        (
            {"GPU:0": {"limits": ["9GiB"]}},
            'split["GPU:0"].limits: host0/GPU:0 (generic-4GiB) has 4 GiB of memory, but its 1 part asks for 9 GiB '
            "(9 GiB); lower the limits, or take a larger device",
            ("split", "GPU:0", "limits"),
        ),
        (
            {"GPU:0": {"limits": 2, "compute": "mine"}},
            "split[\"GPU:0\"].compute: 'mine' is not one of shared, exclusive",
            ("split", "GPU:0", "compute"),
        ),
        (
            {"GPU:1": 2},
            "split[\"GPU:1\"]: the machine has no physical device 'GPU:1'; it has CPU:0, GPU:0",
            ("split", "GPU:1"),
        ),
        (
            {"/task:0": 2},
            "split[\"/task:0\"]: the machine has no physical device '/task:0'; it has CPU:0, GPU:0",
            ("split", "/task:0"),
        ),
        (
            {"GPU:0": 2, "GPU": 2},
            "split.GPU: host0/GPU:0 is split by 'GPU:0' already; name each device once",
            ("split", "GPU"),
        ),
        (
            {0: 2},
            "split[\"0\"]: 0 is not the name of a device, such as 'GPU:0'",
            ("split", "0"),
        ),
    ],
)
def test_a_split_that_cannot_be_is_refused_in_words(split, message, path):
    machine = Machine("1 x 4GiB")

    with pytest.raises(MachineKeyError) as refused:
        machine.split(split)

    assert (str(refused.value), refused.value.path) == (message, path)


def test_parts_smaller_than_a_grain_are_refused():
    with pytest.raises(MachineKeyError) as refused:
        Machine("1 x 1024B").split({"GPU:0": 3})

    assert str(refused.value) == (
        'split["GPU:0"]: host0/GPU:0 (generic-1KiB): 1 KiB cannot be cut into 3 parts of at least 512 B'
    )


def test_a_key_that_is_no_name_is_refused_with_its_path():
    with pytest.raises(
        MachineKeyError,
        match=exactly(
            "split[\"gpu-0\"]: device name 'gpu-0': the part 'gpu-0' is not known (did you mean 'gpu:0'?); accepted: "
            "/job:NAME/replica:N/task:N/device:TYPE:N, any part left out, any order; gpu:N and cpu:N for short"
        ),
    ) as refused:
        Machine("t4").split({"gpu-0": 2})

    assert refused.value.path == ("split", "gpu-0")
