from dataclasses import replace

import pytest

from simgpu.calibration.case import case
from simgpu.report import calibration_report
from tests.unit.calibration.laws import calibration, sampled

GOOD = sampled(case("Relu", (5,)))
FAILED = replace(GOOD, type="Tanh", failed="RuntimeError: no kernel")


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        ([FAILED], "1 sample failed, of Tanh; the first: Tanh(float32[5]): RuntimeError: no kernel"),
        ([FAILED, FAILED], "2 samples failed, of Tanh; the first: Tanh(float32[5]): RuntimeError: no kernel"),
    ],
)
def test_failures_are_counted_and_the_first_is_told(failed, expected):
    parts = calibration_report(calibration((), operations=(GOOD, *failed)))

    assert parts[-1] == expected


def test_where_nothing_failed_nothing_is_said_of_it():
    assert "failed" not in str(calibration_report(calibration((), operations=(GOOD,)))[-1])
