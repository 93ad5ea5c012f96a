"""Graphs executed on CuPy storage over host memory: places, ledgers, values, order and times."""

from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from simgpu.errors import OutOfDeviceMemory
from simgpu.execution import execute
from simgpu.simulation import simulate
from simgpu.storage import CupyStorage
from simgpu.trace import NO_CAUSE, compare
from tests.property.programs import cases
from tests.property.test_both_engines import assert_caps_hold, attempt, evaluate, feeds_of, placed, places_of_bytes
from tests.property.test_cupy_order import races

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")

SOME = settings(max_examples=settings.default.max_examples // 2)


class WatchedCard(CupyStorage):
    """Remembers its regions, in the order of the devices, where each computation's arrays lay, and all slabs."""

    def __init__(self):
        super().__init__(host.Card(2**44, is_lazy=True), scratch_bytes=2**22, reserve_bytes=0)
        self.opened, self.lay, self.slabs = [], Counter(), []

    def open(self, limit_bytes, kind="GPU", **options):
        region = super().open(limit_bytes, kind, **options)
        self.opened.append(region)
        self.slabs += [
            (place.slab.ptr, place.slab.ptr + place.slab.size_bytes) for place in getattr(region, "_places", ())
        ]
        return region

    def compute(self, rule, inputs, outputs, attributes):
        super().compute(rule, inputs, outputs, attributes)
        self.lay[rule.name, tuple(self.device_of(array) for array in (*inputs, *outputs) if array.nbytes)] += 1

    def device_of(self, array):
        on_card = self.driver.is_array(array)
        (device,) = (
            device
            for device, region in enumerate(self.opened)
            if hasattr(region, "scratch") == on_card and region.holds(array)
        )
        return device


@SOME
@given(cases(), st.sampled_from(("sync", "async")))
def test_a_card_follows_a_simulation_to_the_same_ledger_values_and_places(case, launch):
    placement, feeds = placed(case), feeds_of(case.graph)
    predicted, shortage = attempt(lambda: simulate(placement, launch=launch))
    card = WatchedCard()
    ran, ran_out = attempt(lambda: execute(placement, feeds, storage=card, follow=predicted))
    agreement = compare(predicted, ran)

    assert agreement, agreement.difference
    assert ran_out == shortage
    assert_caps_hold(ran)
    assert races(card.driver.log, card.slabs) == []
    assert card.card_use().free_bytes == 2**44
    if shortage is None:
        assert card.lay == places_of_bytes(placement)
        outputs, _ = execute(placement, feeds, storage=WatchedCard(), follow=predicted)
        assert_values(outputs, evaluate(case.graph, feeds))


@SOME
@given(cases())
def test_run_as_ready_on_a_card_values_are_right_and_spans_are_in_order(case):
    placement, feeds, card = placed(case), feeds_of(case.graph), WatchedCard()
    try:
        outputs, trace = execute(placement, feeds, storage=card)
    except OutOfDeviceMemory as error:
        assert_caps_hold(error.trace)
        return

    assert_values(outputs, evaluate(case.graph, feeds))
    assert_caps_hold(trace)
    assert_spans_are_in_order(trace)
    assert card.card_use().free_bytes == 2**44


def assert_values(outputs, expected):
    assert outputs.keys() == expected.keys()
    for name, value in outputs.items():
        np.testing.assert_array_equal(value, expected[name], strict=True)


def assert_spans_are_in_order(trace):
    """Behind each launch comes what it launched; what a kernel set keeps in host memory is not launched."""
    for number, span in enumerate(trace.spans):
        assert 0 <= span.ready_ps <= span.start_ps <= span.end_ps
        assert span.cause == NO_CAUSE or 0 <= span.cause < number
        if span.cause != NO_CAUSE:
            assert trace.spans[span.cause].start_ps <= span.start_ps
        if span.kind == "launch":
            follower = trace.spans[number + 1]
            assert (follower.kind != "launch", follower.name) == (True, span.name)
            assert span.start_ps <= follower.start_ps
