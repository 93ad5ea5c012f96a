"""The notebooks tell the truth: what they show is what comes out, and both files of each have the same text."""

from __future__ import annotations

import jupytext
import nbformat
import pytest

from tests.notebooks import ROOT, SOURCES, executed


def test_every_notebook_has_two_files():
    assert [source.with_suffix(".ipynb") for source in SOURCES] == sorted((ROOT / "notebooks").glob("*.ipynb")) != []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_both_files_of_a_notebook_have_the_same_text(source):
    notebook = nbformat.read(source.with_suffix(".ipynb"), nbformat.NO_CONVERT)

    assert jupytext.writes(notebook, fmt="py:percent") == source.read_text()


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_notebook_runs_and_shows_what_its_file_holds(source):
    assert executed(source) == source.with_suffix(".ipynb").read_text(), (
        "run `make notebooks`, and look at what differs"
    )
