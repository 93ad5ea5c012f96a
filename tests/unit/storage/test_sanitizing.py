"""How the outcome of compute-sanitizer is read: with a stand-in for it, which runs the program on NumPy storage."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.gpu import test_sanitizer as sanitizing

TOOL = """#!/bin/sh
echo "========= COMPUTE-SANITIZER"
while [ "$1" != "--report-api-errors" ]; do shift; done
shift 2
{run}
{end}
"""
RUNS = '"$@" || exit 1'


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Return a function that installs a stand-in which does and prints what is given."""
    monkeypatch.setattr(sanitizing, "PLACES", ())
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def install(run=RUNS, end=""):
        path = tmp_path / "compute-sanitizer"
        path.write_text(TOOL.format(run=run, end=end))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return install


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("memcheck", 'echo "========= ERROR SUMMARY: 0 errors"'),
        ("racecheck", 'echo "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)"'),
    ],
)
def test_nothing_found_is_a_pass(tool, name, end):
    tool(end=end)
    sanitizing.check(name, "numpy")


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("memcheck", 'echo "========= ERROR SUMMARY: 2 errors"; exit 9'),
        ("memcheck", 'echo "========= ERROR SUMMARY: 0 errors"; exit 139'),
        ("racecheck", 'echo "========= RACECHECK SUMMARY: 1 hazard displayed (0 errors, 1 warning)"'),
    ],
)
def test_findings_and_crashes_are_failures(tool, name, end):
    tool(end=end)
    with pytest.raises(AssertionError):
        sanitizing.check(name, "numpy")


def test_a_program_that_computes_something_else_is_a_failure(tool):
    tool(run="echo 1.0", end='echo "========= ERROR SUMMARY: 0 errors"')
    with pytest.raises(AssertionError):
        sanitizing.check("memcheck", "numpy")


def test_where_it_is_not_installed_the_test_is_skipped(monkeypatch):
    monkeypatch.setattr(sanitizing, "PLACES", ())
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.skip.Exception, match="is not installed"):
        sanitizing.check("memcheck", "numpy")


def test_where_it_cannot_watch_anything_the_test_is_skipped_with_its_words(tool):
    tool(run="", end='echo "Internal Sanitizer Error: the driver is not supported"; exit 1')
    with pytest.raises(pytest.skip.Exception, match=r"does not work here: [^$]*the driver is not supported"):
        sanitizing.check("memcheck", "numpy")


def is_running(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_where_it_takes_too_long_nothing_of_it_is_left(tool, tmp_path, monkeypatch):
    monkeypatch.setattr(sanitizing, "PATIENCE_S", 1)
    start = monotonic()
    tool(run=f"sleep 60 & echo $! > {tmp_path}/number; wait")
    with pytest.raises(pytest.skip.Exception, match="takes more than 1 seconds here"):
        sanitizing.check("memcheck", "numpy")

    number = int((tmp_path / "number").read_text())
    assert monotonic() - start < 30
    for _ in range(100):
        if not is_running(number):
            break
        sleep(0.05)
    assert not is_running(number)
