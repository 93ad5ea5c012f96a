"""Commands called in this process: what they print, and their exit status."""

from __future__ import annotations

import io
import json
import re

import pytest

from simgpu import cli
from simgpu.cli import console, entry

SMALL = """\
name: small
machine: {gpus: 1 x 64KiB, split: {"GPU:0": [32KiB, 32KiB]}}
graph:
  operations:
    - {name: x, op: Input, shape: [16, 32]}
    - {name: w, op: Variable, shape: [32, 64]}
    - {name: y, op: MatMul, inputs: [x, w]}
    - {name: z, op: Relu, inputs: [y], device: "/gpu:7"}
    - {name: n, op: Cast, inputs: [z], attributes: {dtype: int32}}
seed: 3
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def simgpu(capsys):
    def call(*arguments: object) -> tuple[int, str, str]:
        status = cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


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
    assert hard[2].startswith("simgpu: error: operation 'z'")
    assert hard[2].count("\n") == 1


def test_decisions_are_listed_on_request(simgpu, file):
    assert "| w         | Variable | GPU:0  |" in simgpu("run", file, "--placement")[1]
    assert "| w         |" not in simgpu("run", file)[1]


def test_the_trace_file_holds_both_traces(simgpu, file, tmp_path):
    status, _, _ = simgpu("run", file, "--trace", tmp_path / "out.json")

    document = json.loads((tmp_path / "out.json").read_text())
    assert status == 0
    assert {event["pid"] for event in document["traceEvents"]} == {1, 2, 3, 4}


def test_a_trace_file_that_cannot_be_written_is_one_line(simgpu, file, tmp_path):
    status, _, err = simgpu("run", file, "--trace", tmp_path / "no" / "out.json")

    assert (status, err) == (2, f"simgpu: error: [Errno 2] No such file or directory: '{tmp_path}/no/out.json'\n")


def test_running_out_of_memory_is_reported_and_has_its_own_status(simgpu, file):
    file.write_text(SMALL.replace("64KiB", "24KiB").replace("32KiB", "12KiB"))
    status, out, err = simgpu("run", file)

    assert status == entry.OUT_OF_MEMORY == 3
    assert "\nExecuted until memory ran out; there are no outputs.\nBoth engines agree: " in out
    assert err == (
        "simgpu: error: /job:localhost/replica:0/task:0/device:GPU:0: out of memory: y asked for 4 KiB; 10 KiB of "
        "12 KiB are used and the largest hole is 2 KiB; largest live tensors: w 8 KiB, x 2 KiB; free memory, "
        "place less on "
        "/job:localhost/replica:0/task:0/device:GPU:0, or raise its limit\n"
    )


def test_running_out_of_memory_is_in_the_json_too(simgpu, file):
    file.write_text(SMALL.replace("64KiB", "24KiB").replace("32KiB", "12KiB"))
    status, out, err = simgpu("run", file, "--json", "--engine", "simulate")

    assert status == 3
    assert f"simgpu: error: {json.loads(out)['out_of_memory']['message']}\n" == err


def test_simulate_needs_no_scenario_file(simgpu):
    status, out, err = simgpu("simulate", "squeezenet", "--machine", "2 x h100-80g", "--batch", 2, "--json")

    data = json.loads(out)
    assert (status, err) == (0, "")
    assert data["scenario"] == {"name": "squeezenet on 2 x h100-80g", "seed": 0}
    assert data["predicted"]["makespan_ps"] > 0
    assert data["executed"] is None
    assert [device["model"] for device in data["devices"]] == ["cpu-2s-8480", "h100-80g", "h100-80g"]


def test_place_shows_where_every_operation_goes(simgpu):
    status, out, _ = simgpu("place", "squeezenet", "--machine", "2 x t4", "--json", "--placement")

    data = json.loads(out)
    assert status == 0
    assert sorted(data) == ["format", "placement", "scenario"]
    assert len(data["placement"]["decisions"]) == data["placement"]["operations"] == 119


def test_machines_lists_the_catalog_and_shows_one_entry(simgpu):
    everything, part, box = simgpu("machines"), simgpu("machines", "T4"), simgpu("machines", "t4-4")

    assert (everything[0], part[0], box[0]) == (0, 0, 0)
    assert "| hgx-h100-8    | 8 x H100 SXM behind NVSwitch       |" in everything[1]
    assert "| memory bandwidth          | 320 GB/s" in part[1]
    assert "| source                    | NVIDIA" in part[1]
    assert "host0/GPU:3 pcie3-x16" in box[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "no.yaml"], "no.yaml: the scenario cannot be read: No such file or directory"),
        (["machines", "h100"], "the catalog has nothing named 'h100'; did you mean 'h100-80g' or 'eth-100g' or "
         "'hgx-h100-8'?"),
        (["simulate", "resnet5", "--machine", "cpu"], "there is no model named 'resnet5'; did you mean "
         "light_resnet50 or "),
        (["simulate", "./no.onnx", "--machine", "cpu"], "there is no file no.onnx; name an .onnx file, or a model such "
         "as light_resnet50"),
        (["place", "resnet50", "--machine", "0 x t4"], "a count is between 1 and 4096, not 0; write 'cpu' for a "
         "machine without GPU"),
        (["simulate", "resnet50", "--machine", "t4", "--weights", "none"], "--weights 'none' is not one of given, "
         "random"),
        (["simulate", "resnet50", "--machine", "t4", "--seed", "-1"], "--seed -1 is negative; a seed is 0 or more"),
        (["simulate", "resnet50", "--machine", "t4", "--batch", "0"], "batch is 0; it must be an int from 1 to "
         "1048576"),
        (["place", "resnet50", "--machine", "t4", "--kernels", "some"], "there is no kernel set 'some'; choose "),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_status_2(simgpu, arguments, message):
    status, out, err = simgpu(*arguments)

    assert (status, out) == (2, "")
    assert err.startswith(f"simgpu: error: {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--frob"], "Error: No such option: --frob"),
        (["frob"], "Error: No such command 'frob'."),
        (["run"], "Error: Missing argument 'file'."),
        (["run", "x", "--seed", "y"], "Error: Invalid value for '--seed': "),
    ],
)
def test_wrong_usage_is_explained_with_status_2(simgpu, arguments, message):
    status, out, err = simgpu(*arguments)

    assert (status, out) == (2, "")
    assert err.startswith("Usage: simgpu ")
    assert message in err


def test_the_version_and_the_help_are_on_stdout(simgpu):
    version, help_ = simgpu("--version"), simgpu("--help")

    assert (version[0], version[1].split()[0]) == (0, "simgpu")
    assert help_[0] == 0
    assert [word for word in ("run", "simulate", "place", "machines") if f"\n  {word} " not in help_[1]] == []


def test_an_interrupt_is_one_line_and_status_130(simgpu, file, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("simgpu.cli.commands.run_file", interrupt)
    status, _, _ = simgpu("run", file)

    assert status == 130


def test_a_computer_without_enough_memory_is_one_line_and_status_2(simgpu, file, monkeypatch):
    def exhaust(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("simgpu.cli.commands.run_file", exhaust)
    status, _, err = simgpu("run", file)

    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith("simgpu: error: this computer has not enough memory for that")


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
