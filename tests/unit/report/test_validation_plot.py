"""The page that plotly really writes: what it shows, read back from the page."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from simgpu import cli
from simgpu.calibration import calibrate, write_calibration
from simgpu.report import write_validation_plot
from simgpu.validation import Validation, read_validation
from tests.unit.cli.test_validation import SMALL
from tests.unit.report.test_validation_report import MADE

pytest.importorskip("plotly", reason="plotly is not installed: pip install 'simgpu[plot]'")


def shown(page):
    """Return the traces by their names, and the layout, that a page hands to plotly."""
    text = page.read_text(encoding="utf-8")
    call = "Plotly.newPlot("
    assert text.count(f"{call} ") == 1
    after = text[text.index(f"{call} ") + len(call) :].lstrip()
    values, decoder = [], json.JSONDecoder()
    for _ in ("id", "traces", "layout"):
        value, end = decoder.raw_decode(after)
        values.append(value)
        after = after[end:].lstrip(" ,\n")
    _, traces, layout = values
    return {trace["name"]: trace for trace in traces}, layout


@pytest.fixture
def page(tmp_path):
    write_validation_plot(MADE, tmp_path / "plot.html")
    return tmp_path / "plot.html"


def test_each_workload_that_ran_is_a_point_of_its_class_that_tells_its_name_and_error(page):
    traces, _ = shown(page)
    points = {
        name: [*zip(trace["text"], trace["x"], trace["y"], strict=True)]
        for name, trace in traces.items()
        if trace["mode"] == "markers"
    }

    assert points == {
        "chains": [("near: +10.0 %", 0.1, 0.11), ("far: +50.0 %", 0.1, 0.15)],
        "rings": [("quick: -10.0 %", 0.1, 0.09)],
    }
    # What is shown under the pointer is left to plotly: x, y, the text and the name of the class.
    assert {key for trace in traces.values() for key in trace} == {"line", "mode", "name", "text", "type", "x", "y"}


def test_the_band_lies_around_the_diagonal_over_all_measured_times(tmp_path):
    one, *others = MADE.outcomes
    wide = replace(one, runs_ps=(2 * 10**9,), predicted_ps=10**9)
    write_validation_plot(replace(MADE, outcomes=(wide, *others)), tmp_path / "plot.html")
    traces, _ = shown(tmp_path / "plot.html")
    lines = {name: (trace["x"], trace["y"]) for name, trace in traces.items() if trace["mode"] == "lines"}

    assert lines == {
        "-15%": ([0.1, 2.0], [0.085, 1.7]),
        "as measured": ([0.1, 2.0], [0.1, 2.0]),
        "+15%": ([0.1, 2.0], pytest.approx([0.115, 2.3])),
    }


def test_axes_are_logarithmic_and_say_what_they_show_in_which_unit(page):
    _, layout = shown(page)

    assert [(layout[axis]["type"], layout[axis]["title"]["text"]) for axis in ("xaxis", "yaxis")] == [
        ("log", "measured (ms)"),
        ("log", "predicted (ms)"),
    ]
    assert layout["title"]["text"] == "Predicted and measured makespans: a device"


def test_the_page_needs_no_network(page):
    text = page.read_text(encoding="utf-8")

    assert "<script src=" not in text
    assert "plotly.js v" in text


def test_where_nothing_ran_there_is_an_empty_picture(tmp_path):
    write_validation_plot(Validation(facts={}, outcomes=MADE.outcomes[-1:]), tmp_path / "plot.html")
    traces, _ = shown(tmp_path / "plot.html")

    assert {name: (trace["x"], trace["y"]) for name, trace in traces.items()} == {
        name: ([], []) for name in ("-15%", "as measured", "+15%", "rings")
    }


def test_a_name_cannot_end_the_script_that_shows_it(tmp_path):
    name = "</script><b>bold</b> & 'more' \"quotes\""
    write_validation_plot(replace(MADE, outcomes=(replace(MADE.outcomes[0], workload=name),)), tmp_path / "plot.html")
    traces, _ = shown(tmp_path / "plot.html")

    assert traces["chains"]["text"] == [f"{name}: +10.0 %"]
    assert "</script><b>" not in (tmp_path / "plot.html").read_text(encoding="utf-8")


def test_the_command_draws_what_it_has_measured(tmp_path, capsys):
    write_calibration(calibrate("numpy", plan=SMALL), tmp_path / "cpu.json")
    only = ["--only", "ring", "--only", "additions"]
    status = cli.main(["validate", str(tmp_path / "cpu.json"), "-o", str(tmp_path), "--quick", "--runs", "2", *only])
    out = capsys.readouterr().out
    outcomes = read_validation(tmp_path / "validation.json").outcomes
    traces, layout = shown(tmp_path / "validation.html")

    assert (status, "No plot" in out) == (0, False)
    assert {name for name, trace in traces.items() if trace["mode"] == "markers"} == {it.family for it in outcomes}
    points = [
        (trace["text"], trace["x"], trace["y"]) for trace in traces.values() if trace["mode"] == "markers"
    ]  # one workload of each class
    assert points == [
        (
            [f"{it.workload}: {100 * it.error:+.1f} %"],
            [pytest.approx(it.measured_ps / 1e9)],
            [pytest.approx(it.predicted_ps / 1e9)],
        )
        for it in outcomes
    ]
    assert layout["xaxis"]["type"] == "log"
