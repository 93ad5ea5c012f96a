"""Commands called in this process: what they print, and their exit status."""

from __future__ import annotations

import io
import json
import re

import pytest

from simgpu import cli
from simgpu.cli import console
from tests.unit.cli.small import SMALL


def test_run_reports_both_engines(simgpu, file):
    status, out, err = simgpu("run", file)

    assert (status, err) == (0, "")
    assert out.startswith("small (seed 3)\nMachine: 1 host, 1 x generic-64KiB")
    assert "\nPredicted time: " in out
    assert "\nExecuted in " in out
    assert out.splitlines()[-1] == (
        "Both engines agree: same placement of 5 operations, and the same ledger hash on each of 3 devices "
        "(12 memory events compared)."
    )


@pytest.mark.parametrize(
    ("engine", "predicted", "executed"), [("simulate", True, False), ("execute", False, True), ("both", True, True)]
)
def test_engine_says_what_runs(simgpu, file, engine, predicted, executed):
    status, out, _ = simgpu("run", file, "--engine", engine, "--json")

    data = json.loads(out)
    assert status == 0
    assert [data[key] is not None for key in ("predicted", "executed", "agreement")] == [
        predicted,
        executed,
        predicted and executed,
    ]


def test_options_replace_what_the_file_says(simgpu, file):
    status, out, _ = simgpu(
        "run", file, "--kernels", "all", "--seed", 9, "--storage", "shape", "--links", "fifo", "--json", "--placement"
    )

    data = json.loads(out)
    assert status == 0
    assert data["scenario"] == {"name": "small", "seed": 9}
    assert data["placement"]["kernels"] == "all"
    assert data["placement"]["decisions"][-1] == {
        "operation": "n",
        "type": "Cast",
        "device": "/job:localhost/replica:0/task:0/device:GPU:0",
        "reason": "default",
    }


def test_soft_placement_falls_back_and_hard_placement_refuses(simgpu, file):
    soft, hard = simgpu("run", file, "--soft"), simgpu("run", file, "--hard")

    assert soft[0] == 0
    assert "| GPU:0  | soft: GPU:7 does not exist |" in soft[1]
    assert (hard[0], hard[1]) == (2, "")
    assert hard[2] == (
        f"simgpu: error: {file}:8:48: graph.operations[3].device: operation 'z' (Relu) asks for /device:GPU:7; there "
        "is no such device, the machine has CPU:0, GPU:0, GPU:1; name one of these, or allow another device: --soft\n"
    )


def test_decisions_are_listed_on_request(simgpu, file):
    assert "| w         | Variable | GPU:0  |" in simgpu("run", file, "--placement")[1]
    assert "| w         |" not in simgpu("run", file)[1]


def test_metrics_are_shown_on_request_and_in_json_with_every_step_and_slack(simgpu, file):
    arguments = ("simulate", "squeezenet", "--machine", "2 x 1GiB", "--batch", 1)
    short, long = (json.loads(simgpu("run", file, "--json", *more)[1])["metrics"] for more in ((), ("--metrics",)))

    assert "\nCritical path (modelled time): " in simgpu("run", file, "--metrics")[1]
    assert "\nCritical path (modelled time): " in simgpu(*arguments, "--metrics")[1]
    assert "\nCritical path" not in simgpu(*arguments)[1]
    assert long.keys() - short.keys() == {"slack"}
    assert long["critical_path"].keys() - short["critical_path"].keys() == {"steps"}


def test_the_trace_file_holds_both_traces(simgpu, file, tmp_path):
    status, _, _ = simgpu("run", file, "--trace", tmp_path / "out.json")

    document = json.loads((tmp_path / "out.json").read_text())
    assert status == 0
    assert {event["pid"] for event in document["traceEvents"]} == {1, 2, 3, 4}


def test_gpus_that_the_environment_hides_are_reported_and_told_with_refusals(simgpu, file, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    shown, data, hard = simgpu("run", file), simgpu("run", file, "--json"), simgpu("run", file, "--hard")
    placed = simgpu("place", "squeezenet", "--machine", "4 x t4")

    assert shown[1].splitlines()[2] == "CUDA_VISIBLE_DEVICES= leaves 0 of 1 GPUs."
    assert json.loads(data[1])["environment"] == "CUDA_VISIBLE_DEVICES= leaves 0 of 1 GPUs"
    assert hard[2].endswith("; CUDA_VISIBLE_DEVICES= leaves 0 of 1 GPUs\n")
    assert placed[1].splitlines()[2] == "CUDA_VISIBLE_DEVICES= leaves 0 of 4 GPUs."


def test_gpus_are_hidden_from_the_simulated_machine_too(simgpu, file, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    file.write_text(SMALL + "simulation: {machine: 2 x 1MiB}\n")
    status, out, err = simgpu("run", file, "--engine", "simulate", "--json")

    assert (status, err) == (0, "")
    assert json.loads(out)["simulated_machine"] == "1 host, no GPU; 1 device: CPU:0"


def test_simulate_needs_no_scenario_file(simgpu):
    status, out, err = simgpu("simulate", "squeezenet", "--machine", "2 x h100-80g", "--batch", 2, "--json")

    data = json.loads(out)
    assert (status, err) == (0, "")
    assert data["scenario"] == {"name": "squeezenet on 2 x h100-80g", "seed": 0}
    assert data["predicted"]["makespan_ps"] > 0
    assert data["executed"] is None
    assert [device["model"] for device in data["devices"]] == ["cpu-2s-8480", "h100-80g", "h100-80g"]


def test_simulate_takes_a_profile_as_it_is_or_as_a_pipeline(simgpu):
    profile = "scenarios/inputs/eight-layers.graph.txt"
    whole = simgpu("simulate", profile, "--machine", "2 x 1GiB", "--json")
    piped = simgpu("simulate", profile, "--machine", "2 x 1GiB", "--stages", 2, "--microbatches", 3, "--json")
    forward = simgpu("simulate", profile, "--machine", "2 x 1GiB", "--schedule", "forward", "--json")

    assert [ran[0] for ran in (whole, piped, forward)] == [0, 0, 0]
    assert json.loads(whole[1])["scenario"]["name"] == f"{profile} on 2 x 1GiB"
    assert [json.loads(ran[1])["predicted"]["compute_ps"] for ran in (whole, piped, forward)] == [
        8 * 3 * 10**9,
        (3 + 2 - 1) * 4 * 3 * 10**9,
        8 * 10**9,
    ]
    assert [
        {row["device"][-5:]: row["operations"] for row in json.loads(ran[1])["placement"]["counts"]}
        for ran in (whole, piped)
    ] == [{"GPU:0": 20}, {"GPU:0": 26, "GPU:1": 26}]


def test_a_workload_needs_no_machine_and_takes_a_split(simgpu):
    workload, split = "scenarios/inputs/diamond.json", "scenarios/inputs/diamond-split.json"
    described = simgpu("simulate", workload, "--split", split, "--links", "fifo", "--json")
    placed = simgpu("place", workload, "--machine", "2 x t4", "--json")

    assert json.loads(described[1])["scenario"]["name"] == workload
    assert json.loads(described[1])["predicted"]["makespan_ps"] == 10_882_812_500
    assert json.loads(placed[1])["machine"] == "1 host, 2 x t4; 3 devices: CPU:0, GPU:0, GPU:1"


def test_place_shows_where_every_operation_goes(simgpu):
    status, out, _ = simgpu("place", "squeezenet", "--machine", "2 x t4", "--json", "--placement")

    data = json.loads(out)
    assert status == 0
    assert sorted(data) == ["environment", "format", "machine", "placement", "scenario"]
    assert len(data["placement"]["decisions"]) == data["placement"]["operations"] == 119


def test_machines_lists_the_catalog_and_shows_one_entry(simgpu):
    everything, part, box = simgpu("machines"), simgpu("machines", "T4"), simgpu("machines", "t4-4")

    assert (everything[0], part[0], box[0]) == (0, 0, 0)
    assert "| hgx-h100-8    | 8 x H100 SXM behind NVSwitch                                     |" in everything[1]
    assert "| memory bandwidth          | 320 GB/s" in part[1]
    assert "| source                    | NVIDIA" in part[1]
    assert "host0/GPU:3 pcie3-x16" in box[1]


@pytest.mark.parametrize("name", ["2 x t4", "4GiB", "cpu", "t4 + h100-80g"])
def test_machines_shows_a_machine_of_one_line(simgpu, name):
    status, out, _ = simgpu("machines", name)

    assert status == 0
    assert out.startswith("Machine: 1 host, ")
    assert "\nDevices\n" in out
    assert ("\nRoutes between devices\n" in out) == (name != "cpu")


def test_the_version_and_the_help_are_on_stdout(simgpu):
    version, help_ = simgpu("--version"), simgpu("--help")

    assert (version[0], version[1].split()[0]) == (0, "simgpu")
    assert help_[0] == 0
    assert [word for word in ("run", "simulate", "place", "machines") if f"\n  {word} " not in help_[1]] == []
    assert "..." not in help_[1].partition("Commands:")[2]


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(simgpu, file, monkeypatch):
    monkeypatch.setattr(console, "_SECONDS_BETWEEN_LINES", 0.0)
    _, out, err = simgpu("run", file, "--json", "--engine", "simulate")

    assert err.splitlines()[0] == "simgpu: simulate: 1 of 6 steps"
    assert err.splitlines()[-1] == "simgpu: simulate: 6 of 6 steps"
    assert json.loads(out)["executed"] is None


def test_no_colour_code_is_written_to_a_file(simgpu, file, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    _, out, err = simgpu("run", file)

    assert "\x1b" not in out + err


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("columns", "count"), [(60, 3), (80, 3), (200, 2)])
def test_tables_are_cut_to_fit_the_terminal(file, monkeypatch, columns, count):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout", terminal := Terminal())

    assert cli.main(["run", str(file), "--engine", "simulate"]) == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    tables = [line for line in plain.splitlines() if line[:1] in ("|", "+")]
    assert max(map(len, tables)) <= columns
    assert sum(line.startswith("| Device ") for line in tables) == count


@pytest.mark.parametrize(("variable", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_progress_is_a_bar_on_a_terminal_and_coloured_unless_no_color_is_set(file, monkeypatch, variable, is_coloured):
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **variable}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stderr", terminal := Terminal())

    status = cli.main(["run", str(file), "--json"])

    assert status == 0
    assert "simulate" in terminal.getvalue()
    assert "6/6" in terminal.getvalue()
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]", terminal.getvalue())) is is_coloured
