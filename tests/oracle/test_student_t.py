"""Quantiles of Student's t beside SciPy's."""

import pytest
from scipy import stats

from simgpu.metrics import student_t


@pytest.mark.parametrize("degrees", [*range(1, 41), 99, 100, 999, 1000, 1001, 5000, 10**6])
@pytest.mark.parametrize("confidence", [0.01, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999])
def test_a_quantile_is_that_of_scipy(confidence, degrees):
    assert student_t(confidence, degrees) == pytest.approx(stats.t.ppf((1 + confidence) / 2, degrees), rel=1e-9)
