"""Commands that end without what was asked for: what they say, and their exit status."""

from __future__ import annotations

import json

import pytest

from simgpu.cli import entry
from simgpu.errors import InvalidValue
from tests.unit.cli.small import SMALL


def test_a_trace_file_that_cannot_be_written_is_refused_before_the_run(simgpu, file, tmp_path):
    status, out, err = simgpu("run", file, "--trace", tmp_path / "no" / "out.json")

    assert (status, out) == (2, "")
    assert err == (
        f"simgpu: error: the trace cannot be written to '{tmp_path}/no/out.json': there is no directory {tmp_path}/no; "
        "name a file in a directory you can write\n"
    )


def test_a_trace_that_could_not_be_written_does_not_cost_the_report(simgpu, file, monkeypatch):
    def fill_the_disk(*_: object) -> None:
        raise InvalidValue("the disk is full")

    monkeypatch.setattr("simgpu.cli.commands.write_chrome_trace", fill_the_disk)
    status, out, err = simgpu("run", file, "--trace", file.with_suffix(".json"))

    assert (status, err) == (2, "simgpu: error: the disk is full\n")
    assert "\nBoth engines agree: " in out


def test_running_out_of_memory_is_reported_and_has_its_own_status(simgpu, file):
    file.write_text(SMALL.replace("64KiB", "24KiB").replace("32KiB", "12KiB"))
    status, out, err = simgpu("run", file)

    assert status == entry.OUT_OF_MEMORY == 3
    assert "\nExecuted until memory ran out; there are no outputs.\nBoth engines agree: " in out
    assert err.startswith(
        "simgpu: error: /job:localhost/replica:0/task:0/device:GPU:0: out of memory: y asked for 4 KiB"
    )
    assert err.count("\n") == 1


PROFILE = "scenarios/inputs/eight-layers.graph.txt"
ELSEWHERE = 'simulation: {machine: {gpus: 1 x 24KiB, split: {"GPU:0": [12KiB, 12KiB]}}}\n'


def test_memory_that_runs_out_in_the_simulation_only_is_reported(simgpu, file):
    file.write_text(SMALL + ELSEWHERE)
    status, out, err = simgpu("run", file)

    assert status == 3
    assert "\nSimulated on another machine: 1 host, 1 x generic-24KiB; " in out
    assert " until memory ran out.\n" in out
    assert "\nExecuted in " in out
    assert err.startswith("simgpu: error: in the simulation, /job:localhost/replica:0/task:0/device:GPU:0: out of ")


def test_what_this_computer_has_too_little_memory_for_is_not_executed(simgpu, file, monkeypatch):
    monkeypatch.setattr("simgpu.session.running.available_host_bytes", lambda: 2048)
    fitting = simgpu("run", file)
    file.write_text(SMALL.replace("64KiB", "24KiB").replace("32KiB", "12KiB"))
    starved = simgpu("run", file)

    assert (fitting[0], fitting[1]) == (2, "")
    assert fitting[2].endswith(
        "and 2 KiB of it are available; use --storage shape, which holds no bytes, or lower the batch\n"
    )
    assert starved[0] == 3
    assert "\nNot executed: an execution needs about " in starved[1]
    assert starved[2].startswith("simgpu: error: in the simulation, /job:")


def test_running_out_of_memory_is_in_the_json_too(simgpu, file):
    file.write_text(SMALL.replace("64KiB", "24KiB").replace("32KiB", "12KiB"))
    status, out, err = simgpu("run", file, "--json", "--engine", "simulate")

    assert status == 3
    assert f"simgpu: error: {json.loads(out)['out_of_memory']['message']}\n" == err


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
        (["simulate", "resnet50", "--machine", "t4", "--batch", "0"], "--batch is 0; it must be an int from 1 "
         "to 1048576; without it, the file's own is taken"),
        (["simulate", "resnet50", "--machine", "t4", "--seed", str(2**63)], "--seed is more than 9223372036854775807, "
         "the largest seed"),
        (["simulate", "resnet50"], "on which machine is resnet50 to run? name one: --machine t4"),
        (["simulate", "no.txt", "--machine", "t4"], "'no.txt' cannot be read: No such file or directory; give the path "
         "of a profile such as resnet50.graph.txt"),
        (["place", "no.json"], "'no.json' cannot be read: No such file or directory; give the path of a workload "),
        (["simulate", PROFILE, "--machine", "t4", "--batch", "3"], "--batch does not go with a profile, and "
         f"{PROFILE} is one; leave it out"),
        (["place", "resnet50", "--machine", "t4", "--split", "x.json"], "--split does not go with an ONNX model, and "),
        (["simulate", PROFILE, "--machine", "t4", "--schedule", "x"], "--schedule 'x' is not one of forward, gpipe, "
         "1f1b"),
        (["simulate", PROFILE, "--machine", "t4", "--stages", "9"], "--stages is 9; it must be an int from 1 to 8, the "
         "number of layers"),
        (["simulate", PROFILE, "--machine", "t4", "--microbatches", "0"], "--microbatches is 0; it must be an int "),
        (["simulate", PROFILE, "--machine", "cpu"], "operation 'node2' is on /job:localhost/replica:0/task:0/device:"
         "CPU:0, but its duration is given for GPU alone; place it on a GPU"),
        (["run", PROFILE], f"{PROFILE} is a model, not a scenario; name a machine too: simgpu simulate {PROFILE} "),
        (["run", "my.onnx"], "my.onnx is a model, not a scenario; name a machine too: simgpu simulate my.onnx "
         "--machine t4"),
        (["simulate", "a.yaml", "--machine", "t4"], "a.yaml is a scenario, not a model; run it: simgpu run a.yaml"),
        (["place", "a.yml", "--machine", "t4"], "a.yml is a scenario, not a model; run it: simgpu run a.yml --engine "
         "simulate --placement"),
        (["machines", "2 x t5"], "the catalog has no GPU named 't5'; did you mean 't4'?"),
        (["run", "scenarios/two-hosts.yaml", "--engine", "x"], "--engine 'x' is not an engine; choose one of both, "),
        (["run", "scenarios/two-hosts.yaml", "--links", "x"], "--links 'x' is not a link policy; choose one of "),
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


def test_a_computer_without_enough_memory_is_one_line_and_status_2(simgpu, file, monkeypatch):
    def exhaust(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("simgpu.cli.commands.run_file", exhaust)
    status, _, err = simgpu("run", file)

    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith("simgpu: error: this computer has not enough memory for that")
