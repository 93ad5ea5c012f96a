from __future__ import annotations

from simgpu.machine import Machine
from simgpu.report import describe_machine
from tests.unit.report.test_run_report import shown


def test_a_machine_is_shown_with_devices_links_and_routes():
    machine = Machine({"gpus": "1 x 4GiB", "split": {"GPU:0": ["1GiB", "3GiB"]}})

    assert (
        shown(describe_machine(machine))
        == """
Devices
+----------------------------------------------+-------------+--------------+-------+
| Device                                       | Slot        | Model        | Limit |
+----------------------------------------------+-------------+--------------+-------+
| /job:localhost/replica:0/task:0/device:CPU:0 | host0/CPU:0 | cpu-2c       | 8 GiB |
| /job:localhost/replica:0/task:0/device:GPU:0 | host0/GPU:0 | generic-4GiB | 1 GiB |
| /job:localhost/replica:0/task:0/device:GPU:1 | host0/GPU:0 | generic-4GiB | 3 GiB |
+----------------------------------------------+-------------+--------------+-------+

Links
+-----------------------+---------------------------+-----------+---------+--------+
| Link                  | Ends                      | Bandwidth | Latency | Duplex |
+-----------------------+---------------------------+-----------+---------+--------+
| host0/GPU:0 pcie4-x16 | host0/GPU:0 - host0/CPU:0 | 31.5 GB/s |    1 us | full   |
+-----------------------+---------------------------+-----------+---------+--------+

Routes between devices
+-----------+-------+---------------+------------------+-----------+---------+
| Between   | Pairs | Such as       | Over             | Bandwidth | Latency |
+-----------+-------+---------------+------------------+-----------+---------+
| CPU - GPU |     2 | CPU:0 - GPU:0 | 1 link           | 31.5 GB/s |    1 us |
| GPU - GPU |     1 | GPU:0 - GPU:1 | their own memory |  250 GB/s |    0 ps |
+-----------+-------+---------------+------------------+-----------+---------+"""
    )


def test_a_machine_of_one_device_has_neither_links_nor_routes():
    text = shown(describe_machine(Machine("cpu")))

    assert "CPU:0" in text
    assert "Links" not in text
    assert "Routes" not in text


def test_the_routes_of_a_large_machine_are_those_of_its_first_devices():
    assert "\nRoutes between devices of the first 32 devices\n" in shown(describe_machine(Machine("100 x t4")))
