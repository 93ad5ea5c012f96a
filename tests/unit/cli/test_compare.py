"""`simgpu compare`: traces from files, side by side."""

import json

import pytest

from simgpu.cli import main


@pytest.fixture
def traces(tmp_path, capsys):
    """Write the trace of one model on two machines, and return both paths."""
    paths = [str(tmp_path / f"{card}.json") for card in ("t4", "h100-80g")]
    for path in paths:
        card = path.rsplit("/", 1)[1].removesuffix(".json")
        assert main(["simulate", "light_squeezenet", "--machine", f"1 x {card}", "--trace", path]) == 0
    capsys.readouterr()
    return paths


def test_two_files_are_compared_and_the_difference_is_explained(traces, capsys):
    assert main(["compare", *traces]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0].startswith("First: simulate (modelled time), ")
    assert lines[1].startswith("Difference: -")
    assert lines[2] == "Placement of 119 operations, 238 memory events: they agree."
    assert "What explains it, along the critical paths" in lines
    assert any("caller -> GPU:0" in line for line in lines)


def test_contributions_in_the_json_add_up_to_the_difference(traces, capsys):
    assert main(["compare", *traces, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)

    assert data["difference_ps"] == data["second"]["makespan_ps"] - data["first"]["makespan_ps"]
    assert sum(span["contribution_ps"] for span in data["spans"]) == data["difference_ps"]
    assert data["agreement"] == {
        "agrees": True,
        "operations_compared": 119,
        "events_compared": 238,
        "difference": None,
    }


def test_a_trace_and_itself_have_nothing_to_explain(traces, capsys):
    assert main(["compare", traces[0], traces[0]]) == 0
    out = capsys.readouterr().out

    assert "Difference: +0 ps (+0.0 %)." in out
    assert "What explains it" not in out


def test_one_file_with_both_engines_is_enough(tmp_path, capsys):
    path, scenario = str(tmp_path / "both.json"), tmp_path / "tiny.yaml"
    scenario.write_text(
        "machine: 1 x 1MiB\ngraph: {operations: [{name: x, op: Input, shape: [8]}, {name: y, op: Neg, inputs: [x]}]}\n"
    )
    assert main(["run", str(scenario), "--trace", path]) == 0
    capsys.readouterr()

    assert main(["compare", path]) == 0
    assert "; second: execute (real time), " in capsys.readouterr().out


def test_files_with_other_numbers_of_traces_are_refused(traces, capsys):
    assert main(["compare", traces[0]]) == 2
    assert capsys.readouterr().err == (
        f"simgpu: error: {traces[0]} has 1 traces; name a second file, or one with exactly two\n"
    )


def test_forced_colours_do_not_reach_files(traces, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["compare", *traces]) == 0

    assert "\x1b" not in capsys.readouterr().out
