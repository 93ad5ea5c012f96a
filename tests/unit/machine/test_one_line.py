"""The one-line form: what each line means, and how the others are refused."""

from __future__ import annotations

import pytest

from simgpu.machine import Machine, MachineKeyError
from simgpu.units import GiB

FORMS = "write '2 x h100-80g', '4 x 2GiB', 'h100-80g + 2 x t4', the name of a box, or 'cpu'"


def cards(line: str) -> list[tuple[str, int]]:
    return [(device.model.name, device.model.memory_bytes) for device in Machine(line).physical_devices]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("h100-80g", [("cpu-2s-8480", 2048 * GiB), ("h100-80g", 80 * GiB)]),
        ("2 x t4", [("cpu-2s-8480", 2048 * GiB), ("t4", 16 * GiB), ("t4", 16 * GiB)]),
        (" 2xT4 ", [("cpu-2s-8480", 2048 * GiB), ("t4", 16 * GiB), ("t4", 16 * GiB)]),
        ("2 \N{MULTIPLICATION SIGN} t4", [("cpu-2s-8480", 2048 * GiB), ("t4", 16 * GiB), ("t4", 16 * GiB)]),
        ("1 x 2GiB", [("cpu-2c", 8 * GiB), ("generic-2GiB", 2 * GiB)]),
        ("1.5 GiB", [("cpu-2c", 8 * GiB), ("generic-1.5GiB", 3 * GiB // 2)]),
        ("generic-1.5GiB", [("cpu-2c", 8 * GiB), ("generic-1.5GiB", 3 * GiB // 2)]),
        ("generic", [("cpu-2c", 8 * GiB), ("generic", 16 * GiB)]),
        ("a100-40g + 1 x t4", [("cpu-2s-8480", 2048 * GiB), ("a100-40g", 40 * GiB), ("t4", 16 * GiB)]),
        ("t4-4", [("cpu-2s-2698", 512 * GiB), *[("t4", 16 * GiB)] * 4]),
        ("cpu", [("cpu-2c", 8 * GiB)]),
        ("CPU", [("cpu-2c", 8 * GiB)]),
    ],
)
def test_a_line_names_the_parts_of_a_machine(line, expected):
    assert cards(line) == expected


def test_several_boxes_are_tasks_of_one_job():
    machine = Machine("3 x t4-4")

    assert [(host.name, host.job, host.replica, host.task) for host in machine.hosts] == [
        ("host0", "worker", 0, 0),
        ("host1", "worker", 0, 1),
        ("host2", "worker", 0, 2),
    ]
    assert len(machine.devices) == 3 * (1 + 4)
    assert machine.switches == ("network",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "2 x h10080g",
            "the catalog has no GPU named 'h10080g'; did you mean 'h100-80g' or 'a100-80g' or 'h100-pcie-80g'?",
        ),
        (
            "hgx-h100",
            "the catalog has no GPU named 'hgx-h100'; did you mean 'hgx-h100-8' or 'hgx-h200-8' or 'hgx-a100-8'?",
        ),
        ("", f"'' names no part; {FORMS}"),
        ("2 x", f"'2 x' names no part; {FORMS}"),
        ("t4 + ", f"'' names no part; {FORMS}"),
        ("0 x t4", "a count is between 1 and 4096, not 0; write 'cpu' for a machine without GPU"),
        ("-1 x t4", "a count is between 1 and 4096, not -1; write 'cpu' for a machine without GPU"),
        ("4097 x t4", "a count is between 1 and 4096, not 4097; lower the count"),
        (f"{'9' * 5000} x t4", f"a count is between 1 and 4096, not {'9' * 57}...; lower the count"),
        ("4096 x t4 + l4", "4097 GPUs are more than the 4096 that a machine can have"),
        ("513 x hgx-h100-8", "4104 GPUs are more than the 4096 that a machine can have"),
        ("t4 + hgx-h100-8", "'hgx-h100-8' is a whole box and stands alone, not among GPUs; name its GPUs"),
        ("2 x cpu", "'cpu' means a machine without GPU and stands alone; every host has a CPU:0 anyway"),
        ("2 x 0B", "a GPU of '0B' has no memory; give it more than 0 B"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused_in_words(line, message):
    with pytest.raises(MachineKeyError) as refused:
        Machine(line)

    assert (str(refused.value), refused.value.path) == (message, ())


def test_a_size_that_is_none_says_which_lines_there_are():
    with pytest.raises(MachineKeyError, match=r"memory of a generic GPU: '2 t4' .*; write '2 x h100-80g'"):
        Machine("2 t4")
