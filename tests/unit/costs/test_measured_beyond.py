"""Nothing beyond the samples is predicted silently, and nothing that is out of all proportion."""

from __future__ import annotations

from collections import defaultdict

import pytest

from simgpu.calibration import default_plan
from simgpu.calibration.case import case
from simgpu.costs import Measured, MoveCost
from simgpu.costs.measured_features import features
from simgpu.costs.measured_models import Asked, Models
from simgpu.errors import CalibrationError, ExtrapolationWarning
from simgpu.machine import Machine
from tests.messages import exactly
from tests.unit.calibration.laws import BANDWIDTH, PEAK, calibration, device_ps
from tests.unit.costs.test_measured import ADDS, COPIES, GPU, asked, operation_of

UNTOUCHED = ("Shape", "empty", "empty_like")
"""Types that take as long for any size."""
BY_TYPE = defaultdict(list)
for _found in default_plan().operations:
    if _found.kind == "GPU":
        BY_TYPE[_found.type].append(_found)


def alike(found, other):
    """Whether two cases are compared with each other."""
    return features(*asked(found)).key == features(*asked(other)).key


@pytest.mark.parametrize(
    ("size", "ends", "expected", "reason"),
    [
        (
            *(2002, (None, GPU), MoveCost(2_000_000, 6000)),
            "copies h2d-pageable were measured up to 1001 B, and larger ones are predicted at the rate of that",
        ),
        (12, (GPU, None), MoveCost(2_000_000, None), "copies d2h-pageable were not measured, so by the links"),
    ],
)
def test_a_move_beyond_the_copies_is_told_and_a_strict_model_refuses_it(size, ends, expected, reason):
    found, advice = calibration(ADDS, copies=COPIES), "calibrate without --quick, and with memory for larger copies"

    with pytest.warns(ExtrapolationWarning, match=exactly(f"{reason}; {advice}")):
        assert Measured(found).move(size, *ends) == expected
    with pytest.raises(CalibrationError, match=exactly(f"{reason}; {advice}")):
        Measured(found, strict=True).move(size, *ends)


def test_between_two_cards_a_move_is_what_links_say_and_nothing_is_extrapolated():
    one, other = Machine("2 x 4GiB").devices[1:]

    assert Measured(calibration(ADDS, copies=COPIES), strict=True).move(2**30, one, other) == MoveCost(2_000_000)


def test_a_product_of_sizes_that_each_were_measured_is_told_where_together_they_are_more_than_any():
    known = [
        case("MatMul", left, right)
        for left, right in (((1024, 8), (8, 8)), ((8, 1024), (1024, 8)), ((8, 8), (8, 1024)), ((8, 8), (8, 8)))
    ]
    within, together = case("MatMul", (1400, 8), (8, 8)), case("MatMul", (1024, 1024), (1024, 1024))
    model = Measured(calibration(known))

    assert model.estimate(operation_of(within), "GPU").beyond == ""
    with pytest.warns(ExtrapolationWarning, match="1.64e.04 times as much to do as in any that was measured"):
        cost = model.cost(operation_of(together), GPU)
    assert cost.part_ps == pytest.approx(device_ps(*asked(together)), rel=0.3)


@pytest.mark.parametrize("type", sorted(BY_TYPE))
def test_of_each_type_far_beyond_its_samples_a_time_is_told_and_is_about_that_of_the_law_and_the_peaks(type):
    large = max(BY_TYPE[type], key=lambda found: found.work.bytes)
    small = [found for found in BY_TYPE[type] if found.work.bytes * 128 <= large.work.bytes and alike(found, large)]

    estimate = Models(calibration(small)).estimate(Asked(*asked(large)), "GPU")

    by_law_ps, work = device_ps(*asked(large)), large.work
    by_peaks_ps = work.flop * 10**12 // PEAK + work.bytes * 10**12 // BANDWIDTH
    if type in UNTOUCHED:
        assert by_law_ps / 2 < estimate.device_ps < 2 * by_law_ps
    else:
        assert estimate.beyond
        assert by_law_ps / 4 < estimate.device_ps < 4 * (by_law_ps + by_peaks_ps)
