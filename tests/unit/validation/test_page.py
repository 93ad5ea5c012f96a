"""What the page on validation shows, and says of workloads, files and options, is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import simgpu as sg
from simgpu.cli.validation import PLOT_FILE, TEXT_FILE
from simgpu.validation import FAMILIES, PREDICTED_FILE, VALIDATION_FILE
from tests.unit.validation.fabricated import Calibrated, Fixed

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "validation.md").read_text()


def test_the_program_runs(monkeypatch, capsys):
    monkeypatch.setattr(sg, "calibrate", lambda storage, quick: Calibrated())
    monkeypatch.setattr("simgpu.validation.validating.Measured", Fixed)
    (program,) = re.findall(r"^<!-- validate -->\n```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    exec(compile(program, "validation.md", "exec"), {})
    first, second, *furthest = capsys.readouterr().out.splitlines()

    assert re.fullmatch(r"\d+ us predicted, \d+ us measured", first)
    assert re.fullmatch(r"largest error of all: \d\.\d+(e-\d+)?", second)
    assert sorted(line.split()[0] for line in furthest) == ["cut", "square"]


@pytest.mark.parametrize("name", [*FAMILIES, PREDICTED_FILE, VALIDATION_FILE, TEXT_FILE, PLOT_FILE])
def test_every_class_and_file_has_a_row(name):
    assert re.search(rf"^\| `{re.escape(name)}` \|", PAGE, re.MULTILINE)
