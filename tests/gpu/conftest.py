"""What tests on a real card share. Each of them skips with the reason where there is none."""

from __future__ import annotations

import gc

import pytest

from simgpu.storage import cupy_storage
from simgpu.units import MiB

SCRATCH_BYTES = 64 * MiB


@pytest.fixture(scope="session")
def card():
    """Return a function that makes storage on the card, with less scratch memory than usual."""

    def make(**options):
        return cupy_storage(**{"scratch_bytes": SCRATCH_BYTES, **options})

    return make


@pytest.fixture(autouse=True)
def nothing_left():
    """Collect what a test leaves in cycles, so that its memory is back before the next one looks."""
    yield
    gc.collect()
