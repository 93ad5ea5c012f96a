"""Random eager programs under all rules of placement: the same on NumPy, `shape` and CuPy storage."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.property.placed_programs import STEPS, assert_same_values, rules, run, steps


@settings(max_examples=settings.default.max_examples // 2)
@given(steps, rules)
def test_programs_place_refuse_and_account_alike_on_every_storage(steps, rules):
    host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
    card = host.host_storage(is_lazy=True, poison=True)
    (expected, answers), (shaped, _), (found, values) = (
        run(steps, rules, storage) for storage in ("numpy", "shape", card)
    )

    assert found == expected == shaped
    assert_same_values(values, answers)
    assert card.driver.used_bytes == 0


def test_random_programs_reach_every_kind_of_outcome():
    """What the property above draws is worth drawing: results on every device, and refusals of each kind."""
    seen = set()

    @settings(max_examples=100, derandomize=True, database=None)
    @given(steps, rules)
    def programs(steps, rules):
        for name, what, *_ in run(steps, rules, "shape")[0].outcomes:
            seen.update((name, what[-5:] if what.startswith("/job") else what))

    programs()

    assert {*STEPS, "CPU:0", "GPU:0", "GPU:1"} - {"assign", "drop"} <= seen
    assert {"PlacementError", "DeviceMismatchError", "GraphError", "MachineError"} <= seen
