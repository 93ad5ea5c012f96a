from __future__ import annotations

from dataclasses import replace

from simgpu.metrics import LinkUse, metrics_of
from simgpu.report import run_report
from simgpu.report.metrics_report import metrics_report
from tests.unit.report.runs import small_run
from tests.unit.report.test_run_report import shown


def test_metrics_are_added_where_they_are_asked_for():
    report, longer = shown(run_report(small_run("simulate"))), shown(run_report(small_run("simulate"), metrics=True))

    assert (
        longer.removeprefix(report)
        == """\


Critical path (modelled time): compute 5 us (29.1 %), transfer 2.21 us (12.8 %), launch 10 us (58.1 %).
The longest of its 7 steps:
+----------+------+-----------------+---------+--------+------------+
| Kind     | Name | Where           |    Time |  Share | After      |
+----------+------+-----------------+---------+--------+------------+
| launch   | y    | GPU:0           |    5 us | 29.1 % | dependency |
| launch   | z    | GPU:1           |    5 us | 29.1 % | dependency |
| compute  | y    | GPU:0           |    3 us | 17.4 % | dependency |
| compute  | z    | GPU:1           |    2 us | 11.6 % | dependency |
| transfer | z    | GPU:1 -> caller | 1.13 us |  6.6 % | dependency |
| transfer | x    | caller -> GPU:0 | 1.07 us |  6.2 % | nothing    |
| transfer | y    | GPU:0 -> GPU:1  | 16.4 ns |  0.1 % | dependency |
+----------+------+-----------------+---------+--------+------------+
Slack: 7 of 7 spans have none.

Waiting, in sum over operations
+--------+---------+------------+---------------+------------------+--------------+
| Device | Waiting | Mean queue | Longest queue | Launches waiting | Idle between |
+--------+---------+------------+---------------+------------------+--------------+
| GPU:0  |    0 ps |       0.00 |             0 |             0 ps |         0 ps |
| GPU:1  |    0 ps |       0.00 |             0 |             0 ps |         0 ps |
+--------+---------+------------+---------------+------------------+--------------+
Bubble: 2 devices idle for 75.0 % from the first operation to the last, for 0.0 % from the first to the last of each.

Links with transfers
+---------------------------+-----------+-------+-------------+---------+---------+
| Link                      | Transfers | Bytes | Utilization |    Busy | Waiting |
+---------------------------+-----------+-------+-------------+---------+---------+
| host0/GPU:0 pcie4-x16 out |         1 | 4 KiB |       0.8 % | 1.13 us |    0 ps |
| host0/GPU:0 pcie4-x16 in  |         1 | 2 KiB |       0.4 % | 1.07 us |    0 ps |
| host0/GPU:0 memory        |         1 | 4 KiB |       0.1 % | 16.4 ns |    0 ps |
+---------------------------+-----------+-------+-------------+---------+---------+"""
    )


def test_an_execution_alone_has_metrics_of_measured_time():
    assert "\n\nCritical path (real time): compute " in shown(run_report(small_run("execute"), metrics=True))


def small_metrics():
    result = small_run("simulate")
    return metrics_of(result.predicted, result.placement)


def test_long_lists_begin_with_the_busiest_links_and_are_cut():
    links = tuple(LinkUse(f"link {number}", 1, number, 1, 0, 10**9, 100) for number in range(40))
    lines = shown(metrics_report(replace(small_metrics(), links=links), "modelled")).splitlines()

    assert [line.split("|")[1].strip() for line in lines[-33:-1]] == [f"link {number}" for number in range(39, 7, -1)]
    assert "Links with transfers (the first 32 of 40)" in lines


def test_what_there_is_nothing_of_is_left_out():
    metrics = small_metrics()
    idle = tuple(replace(device, operations=0) for device in metrics.devices)
    text = shown(metrics_report(replace(metrics, devices=idle, links=()), "modelled"))

    assert text.endswith("Slack: 7 of 7 spans have none.")
