from math import inf, nan, sqrt

import pytest

from simgpu.errors import InvalidValue
from simgpu.metrics import Replications, replications, student_t


def test_a_mean_has_the_interval_of_students_t():
    found = replications([10, 12, 11, 15])  # deviation sqrt(14/3), and t for 3 degrees and 95 % is 3.182446

    assert found.count, found.confidence == (4, 0.95)
    assert found.mean == 12
    assert found.deviation == pytest.approx(sqrt(14 / 3))
    assert found.half_width == pytest.approx(3.182446 * sqrt(14 / 3) / 2, rel=1e-6)
    assert (found.low, found.high) == (12 - found.half_width, 12 + found.half_width)


def test_replications_that_all_agree_leave_no_doubt():
    assert replications(iter([5, 5, 5]), confidence=0.9) == Replications(3, 5.0, 0.0, 0.0, 0.9)


def test_more_confidence_needs_a_wider_interval():
    assert replications([1, 2, 4]).half_width < replications([1, 2, 4], confidence=0.99).half_width


@pytest.mark.parametrize("values", [[], [3], [1, nan], [1, inf]], ids=str)
def test_fewer_than_two_finite_values_are_refused(values):
    with pytest.raises(InvalidValue) as caught:
        replications(values)

    assert str(caught.value) == f"an interval needs two or more finite values, not {list(map(float, values))}"


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 95, nan])
def test_a_confidence_that_is_no_share_is_refused(confidence):
    with pytest.raises(InvalidValue) as caught:
        replications([1, 2], confidence=confidence)

    assert str(caught.value) == f"confidence={confidence!r} must lie between 0 and 1, such as 0.95"


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042), (120, 1.980), (10**9, 1.960)],
)
def test_quantiles_are_those_of_the_printed_table(degrees, quantile):
    """Abramowitz and Stegun (1964), table 26.10, two-sided 95 %."""
    assert student_t(0.95, degrees) == pytest.approx(quantile, abs=5e-4)
