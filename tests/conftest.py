"""What all tests share: Hypothesis profiles, the places of outside data, and the reason why there is no GPU."""

from __future__ import annotations

import functools
import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

# With this, SciPy and scikit-learn take arrays of any library. SciPy reads it once, when it is imported.
os.environ["SCIPY_ARRAY_API"] = "1"

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[1]

# No deadlines: wall-clock time on a busy machine says nothing about the code. In CI every run draws the same examples.
settings.register_profile(
    "default", max_examples=100, deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI"))
)
settings.register_profile("thorough", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_collection_finish() -> None:
    """Keep what the collected tests consist of out of the search for garbage, of which full memories make many."""
    gc.collect()
    gc.freeze()


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Keep out of it, too, what the tests of a file have left that lives on."""
    if nextitem is not None and nextitem.path != item.path:
        gc.collect()
        gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    reason = why_no_gpu() if item.get_closest_marker("gpu") else None
    if reason:
        pytest.skip(reason)


@functools.cache
def why_no_gpu() -> str | None:
    """Return what is missing for tests on a real card, or None."""
    try:
        import cupy
    except ImportError as error:
        return f"CuPy cannot be imported ({error}): pip install 'simgpu[gpu]'"
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"no CUDA device ({error})"
    return None


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Published traces and profiles: `SIMGPU_DATA`, or `../shared/data` beside the repository."""
    return _outside_directory("SIMGPU_DATA", "../shared/data")


@pytest.fixture(scope="session")
def cases_dir() -> Path:
    """Recorded answers of other programs: `SIMGPU_CASES`, or `../shared/cases` beside the repository."""
    return _outside_directory("SIMGPU_CASES", "../shared/cases")


def _outside_directory(variable: str, default: str) -> Path:
    """Return the directory that `variable` names, relative to the repository; skip the test if it is not there."""
    directory = (ROOT / os.environ.get(variable, default)).resolve()
    if not directory.is_dir():
        pytest.skip(f"no directory {directory}; set {variable} to where the files are")
    return directory
