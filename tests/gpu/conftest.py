"""What tests on a real card share. Each of them skips with the reason where there is none."""

from __future__ import annotations

import contextlib
import gc
import warnings
from pathlib import Path

import pytest

from simgpu.storage import cupy_storage
from simgpu.units import MiB

SCRATCH_BYTES = 64 * MiB


HERE = Path(__file__).parent

# Which versions of libraries meet is up to the machine with the card; what they deprecate of one another is theirs.
with warnings.catch_warnings(), contextlib.suppress(ImportError):
    warnings.simplefilter("ignore")
    import cupy  # noqa: F401


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let CuPy say that it compiles something for the first time, and use what NumPy deprecates."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:Jitify is performing"))
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))


@pytest.fixture(scope="session")
def card():
    """Return a function that makes storage on the card, with less scratch memory than usual."""

    def make(**options):
        return cupy_storage(**{"scratch_bytes": SCRATCH_BYTES, **options})

    return make


@pytest.fixture(autouse=True, scope="module")
def nothing_left():
    """Collect what tests leave in cycles, so that its memory is back before those of the next file look."""
    yield
    gc.collect()
