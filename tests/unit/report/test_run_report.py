from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from simgpu.machine.catalog import boxes, parts
from simgpu.machine.topology_kinds import KINDS
from simgpu.report import catalog_tables, describe_box, describe_part, placement_report, run_report
from simgpu.report.summary import transfers
from simgpu.trace import Agreement, CardUse, DeviceSummary, Span, Trace
from simgpu.units import GiB
from tests.unit.calibration.laws import calibration
from tests.unit.report.runs import elsewhere_run, small_run, starved_run


def shown(parts: object) -> str:
    console = Console(file=io.StringIO(), width=160)
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str), markup=False)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def test_a_simulation_is_reported_with_placement_devices_and_where_the_time_went():
    assert (
        shown(run_report(small_run("simulate")))
        == """\
small (seed 3)
Machine: 1 host, 1 x generic-64KiB; 3 devices: CPU:0, GPU:0, GPU:1

Placement of 4 operations (policy tensorflow, soft, kernels float-only)
+--------+-----------+------------+
| Device | Reason    | Operations |
+--------+-----------+------------+
| GPU:0  | default   |          3 |
| GPU:1  | requested |          1 |
+--------+-----------+------------+

Devices (utilization of modelled time)
+--------+---------------+------------+--------+--------+--------+-------------+--------------+
| Device | Model         | Operations |  Limit |   Peak | Peak % | Utilization | Ledger       |
+--------+---------------+------------+--------+--------+--------+-------------+--------------+
| CPU:0  | cpu-2c        |          0 |  8 GiB |    0 B |  0.0 % |       0.0 % | -            |
| GPU:0  | generic-64KiB |          3 | 32 KiB | 14 KiB | 43.8 % |      17.4 % | 3aaeb378a92c |
| GPU:1  | generic-64KiB |          1 | 32 KiB |  8 KiB | 25.0 % |      11.6 % | d8ed84248bcd |
+--------+---------------+------------+--------+--------+--------+-------------+--------------+

Predicted time: 17.2 us.
Along the critical chain: compute 5 us (29.1 %), transfer 2.21 us (12.8 %), waiting 0 ps (0.0 %), launch 10 us (58.1 %).
Transfers: 3, 10 KiB."""
    )


def test_a_prediction_from_a_calibration_names_the_device_that_was_measured():
    result = small_run("simulate")
    simulation = replace(result.scenario.simulation, calibration=calibration(()))
    *_, time, _, _ = run_report(replace(result, scenario=replace(result.scenario, simulation=simulation)))

    assert time == "Predicted time: 17.2 us, from what was measured on law."


def test_both_engines_are_reported_with_their_agreement():
    *_, executed, agreement = run_report(small_run())

    assert str(executed).startswith("Executed in ")
    assert str(executed).endswith(" of wall-clock time on this machine; outputs: z float32[16,64].")
    assert agreement == (
        "Both engines agree: same placement of 4 operations, and the same ledger hash on each of 3 devices "
        "(10 memory events compared)."
    )


def test_what_of_a_card_lies_outside_of_all_limits_is_reported_behind_the_execution():
    result = small_run()
    use = CardUse(80 * GiB, 70 * GiB, 5 * GiB, GiB, 4 * GiB, 0, 3 * GiB)
    *_, line, _ = run_report(replace(result, executed=replace(result.executed, card_use=use)))

    assert line == "Of the card's 80 GiB, 4 GiB lie outside of all limits, 1 GiB of them since its first device opened."


def test_engines_that_differ_are_reported_with_the_first_difference():
    result = replace(small_run(), agreement=Agreement(4, 10, "memory event 3 on GPU:0: one thing, another"))

    assert run_report(result)[-1] == "The engines DIFFER: memory event 3 on GPU:0: one thing, another."


def test_a_run_out_of_memory_is_reported_until_then():
    *_, predicted, _, transfers, executed, agreement = run_report(starved_run())

    assert str(predicted).endswith(" until memory ran out.")
    assert transfers == "Transfers: 1, 2 KiB."
    assert executed == "Executed until memory ran out; there are no outputs."
    assert str(agreement).startswith("Both engines agree: ")


def test_a_simulation_on_another_machine_is_reported_with_its_models_and_limits():
    text = shown(run_report(elsewhere_run("16KiB", "20KiB")))

    assert (
        """
Simulated on another machine: 1 host, 1 x t4; 3 devices: CPU:0, GPU:0, GPU:1
Devices (utilization of modelled time)
+--------+-------------+------------+--------+--------+--------+-------------+--------------+
| Device | Model       | Operations |  Limit |   Peak | Peak % | Utilization | Ledger       |
+--------+-------------+------------+--------+--------+--------+-------------+--------------+
| CPU:0  | cpu-2s-8480 |          0 |  2 TiB |    0 B |  0.0 % |       0.0 % | -            |
| GPU:0  | t4          |          3 | 16 KiB | 14 KiB | 87.5 % |"""
        in text
    )
    assert "\nMachine: 1 host, 1 x generic-64KiB; " in text
    assert "Both engines agree: " in text


def test_memory_that_runs_out_in_the_simulation_only_is_reported():
    *_, predicted, _, _, executed, agreement = run_report(elsewhere_run("4KiB", "8KiB"))

    assert str(predicted).endswith(" until memory ran out.")
    assert str(executed).endswith("outputs: z float32[16,64].")
    assert str(agreement).startswith("The engines DIFFER: memory event ")


def test_a_line_says_what_the_environment_changed():
    result = small_run("simulate")
    scenario = replace(result.scenario, environment="CUDA_VISIBLE_DEVICES=0 leaves 1 of 8 GPUs")

    assert placement_report(scenario, result.placement)[1:4] == [
        "Machine: 1 host, 1 x generic-64KiB; 3 devices: CPU:0, GPU:0, GPU:1",
        "CUDA_VISIBLE_DEVICES=0 leaves 1 of 8 GPUs.",
        "",
    ]


def test_a_line_says_what_was_not_executed_and_why():
    result = replace(small_run("simulate"), not_executed="an execution needs about 24 GiB")

    assert run_report(result)[-1] == "Not executed: an execution needs about 24 GiB."


def test_moves_within_the_memory_of_a_host_are_no_transfers():
    device = DeviceSummary("/job:worker/replica:0/task:1/device:CPU:0", "CPU", 1)
    ways = {
        "caller -> CPU:0": 1,
        "CPU:0 -> caller": 2,
        "caller -> /job:worker/task:1/CPU:0": 4,
        "caller -> GPU:0": 8,
        "GPU:0 -> CPU:0": 16,
        "caller -> CPU:1": 32,
        "/job:worker/task:1/CPU:0 -> /job:worker/task:0/CPU:0": 64,
    }
    spans = [Span("transfer", "t", way, 0, 0, 0, -1, size) for way, size in ways.items()]

    assert transfers(Trace("simulate", "modelled", (device,), (), spans, [[]])) == (4, 8 + 16 + 32 + 64)


def test_decisions_are_listed_on_request():
    result = small_run("simulate")

    assert shown(placement_report(result.scenario, result.placement, decisions=True)).endswith("""
Every operation
+-----------+----------+--------+-----------+
| Operation | Type     | Device | Reason    |
+-----------+----------+--------+-----------+
| x         | Input    | GPU:0  | default   |
| w         | Variable | GPU:0  | default   |
| y         | MatMul   | GPU:0  | default   |
| z         | Relu     | GPU:1  | requested |
+-----------+----------+--------+-----------+
""")


def test_the_catalog_lists_every_part_and_box():
    text = shown(catalog_tables())

    assert [
        name for name in [*(part.name for part in parts()), *(box.name for box in boxes())] if name not in text
    ] == []


def test_the_catalog_lists_every_kind_of_topology():
    text = shown(catalog_tables())

    assert "| nvlink-mesh  | GPUs             | a link between any two GPUs " in text
    assert [name for kinds in KINDS.values() for name in kinds if f"| {name} " not in text] == []


def test_a_link_is_shown_with_its_lanes_and_a_card_with_its_nvlink():
    a100, t4, nvlink3 = (part for part in parts() if part.name in ("a100-40g", "t4", "nvlink3"))

    assert "| lanes of a GPU     | 12 " in shown(describe_part(nvlink3))
    assert "| link between GPUs         | nvlink3 " in shown(describe_part(a100))
    assert "link between GPUs" not in shown(describe_part(t4))


def test_a_box_is_shown_with_its_topologies():
    text = shown(describe_box(next(box for box in boxes() if box.name == "dgx-1-v100")))

    assert "| topology          | pcie-tree between GPU and host " in text
    assert "| topology          | nvlink-pairs between GPUs " in text
    assert "| GPU - GPU |    12 | GPU:0 - GPU:5 | 4 links | 15.75 GB/s |    4 us |" in text


def test_a_part_is_shown_with_every_figure_and_its_source():
    for part in parts():
        text = shown(describe_part(part))

        assert text.startswith(f"{part.name}\n")
        assert "source" in text


def test_a_box_is_shown_with_its_devices_and_links():
    text = shown(describe_box(next(box for box in boxes() if box.name == "t4-4")))

    assert "| hosts             | 1 x cpu-2s-2698" in text
    assert "| /job:localhost/replica:0/task:0/device:GPU:3 | host0/GPU:3 | t4          |  16 GiB |" in text
    assert "| GPU - GPU |     6 | GPU:0 - GPU:1 | 2 links | 15.75 GB/s |    2 us |" in text
    assert "| host0/GPU:3 pcie3-x16 | host0/GPU:3 - host0/CPU:0 | 15.75 GB/s |    1 us | full   |" in text
