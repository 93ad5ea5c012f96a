"""NVIDIA's compute-sanitizer over a small program, where it is installed and works."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gpu.small_program import run

pytestmark = pytest.mark.gpu

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("/usr/local/cuda/bin", "/usr/local/cuda/compute-sanitizer", "/opt/nvidia/cuda/bin")
SUMMARIES = {"memcheck": "ERROR SUMMARY: 0 errors", "racecheck": "RACECHECK SUMMARY: 0 hazards"}
PATIENCE_S = 180


def find_sanitizer():
    """Return the path of the program, which need not be among those of the shell; None where it is not installed."""
    found = (shutil.which("compute-sanitizer", path=path) for path in (None, *PLACES))
    return next((path for path in found if path is not None), None)


def output_of(command):
    """Return exit status and output. Raises TimeoutExpired, with nothing left of what was started."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        output, _ = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # the program that it watches, too: it holds memory of the card
        process.communicate()
        raise
    return process.returncode, output


def check(tool, storage):
    """Hold that a tool finds nothing in the small program. Skips where it is missing, or cannot watch anything here."""
    sanitizer = find_sanitizer()
    if sanitizer is None:
        pytest.skip("compute-sanitizer is not installed: it comes with the CUDA toolkit")
    program = [sys.executable, "-m", "tests.gpu.small_program", storage]
    # What calls return is left to CuPy, which raises: an event that is asked whether it is done may well say no.
    options = ["--tool", tool, "--error-exitcode", "9", "--report-api-errors", "no"]
    try:
        status, output = output_of([sanitizer, *options, *program])
    except subprocess.TimeoutExpired:
        pytest.skip(f"compute-sanitizer --tool {tool} takes more than {PATIENCE_S} seconds here")
    if "SUMMARY" not in output:
        alone, words = output_of(program)
        assert alone == 0, words
        pytest.skip(f"compute-sanitizer --tool {tool} does not work here: {output[-500:]}")

    assert status == 0, output
    assert SUMMARIES[tool] in output
    assert str(run("numpy")) in output.splitlines()


@pytest.mark.parametrize("tool", SUMMARIES)
def test_the_sanitizer_finds_nothing(card, tool):
    check(tool, "cupy")


def test_the_small_program_computes_on_a_card_what_it_computes_on_numpy_storage(card):
    assert run(card(poison=True)) == run("numpy")
