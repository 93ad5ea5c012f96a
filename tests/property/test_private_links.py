"""Private links that many moves share: whatever comes when, both engines and a fluid have the same to say of it."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simgpu.simulation import Workload, run
from simgpu.simulation import engine as simpy_engine
from simgpu.units import PS_PER_S
from tests.engines import COMPILED
from tests.property.workloads import RATES, no_routes
from tests.unit.simulation.sketches import Sketch

FAST = 8 * 10**15
"""Bytes per second: the time of a few bytes is rounded to none."""


@st.composite
def crowds(draw: st.DrawFn, rates: st.SearchStrategy[int] = RATES, unit: int = 1) -> Workload:
    """Moves of a few units over one or two private links, many of them at once, and over one that is not private."""
    sketch = Sketch()
    for _ in range(draw(st.integers(1, 2))):
        sketch.link(draw(rates), route_latency_ps=draw(st.integers(1, 4)) * unit)
    sketch.link(draw(RATES))
    routes = st.sampled_from(range(len(sketch.columns["route_latency_ps"])))
    for number in range(draw(st.integers(2, 12))):
        sketch.move(draw(routes), draw(st.integers(0, 4)) * unit, release_ps=draw(st.integers(0, 6)) * unit)
        if number and draw(st.booleans()):
            sketch.follow(draw(st.integers(0, number - 1)), number)
    return sketch.workload()


@settings(max_examples=5 * settings.default.max_examples)
@pytest.mark.parametrize("engine", [pytest.param("compiled", marks=COMPILED)])
@given(crowds(RATES | st.sampled_from([PS_PER_S // 3, FAST]) | st.integers(10**12, 4 * 10**12)))
def test_the_engines_agree_on_everything_and_on_its_order(engine, workload):
    assert run(workload, engine=engine) == run(workload, engine="simpy")


@given(crowds(RATES | st.integers(10**11, 10**12), unit=10**9))
def test_a_fluid_says_the_same_but_for_roundings(workload):
    with mock.patch.object(simpy_engine, "private_routes", no_routes):
        by_fluid = run(workload, engine="simpy")

    assert np.abs(run(workload, engine="simpy").end_ps - by_fluid.end_ps).max() <= len(workload)
