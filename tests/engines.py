"""The engines that a workload can run on, for tests that hold for each of them."""

from __future__ import annotations

import importlib.util

import pytest


def why_not_compiled() -> str | None:
    """Return what is missing for the compiled engine, or None."""
    if importlib.util.find_spec("simgpu.simulation.compiled") is None:
        return "this version has no compiled engine"
    if importlib.util.find_spec("numba") is None:
        return "Numba is not installed: pip install 'simgpu[fast]'"
    return None


REASON = why_not_compiled()

COMPILED = pytest.mark.skipif(REASON is not None, reason=str(REASON))

each_engine = pytest.mark.parametrize("engine", ["simpy", pytest.param("compiled", marks=COMPILED)])
