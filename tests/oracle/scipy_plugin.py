"""A pytest plugin for SciPy's own tests: those for arrays of any library run on simgpu alone.

SciPy keeps lists of the libraries that it knows; ours joins them, as one on a GPU. `SIMGPU_SUITE_DEVICE` says on which.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest
import scipy._lib._array_api as array_api
import scipy.conftest

from simgpu.arrays import Array, Runtime

XP = Runtime("2 x 2GiB").xp(default_device=os.environ["SIMGPU_SUITE_DEVICE"], api_version="2024.12")
EXPECTED_TO_FAIL = """
SciPy's test has a case for each library that it knows, and so none for this one
    TestChandrupatlaMinimize::test_input_validation[simgpu]
    TestFindRoot::test_input_validation[simgpu]
    TestPower::test_input_validation[simgpu]
computes with dtypes that the standard leaves out
    TestDerivative::test_step_direction[simgpu]
    TestLogSoftmax::test_log_softmax_int_array[simgpu]
    TestSoftmax::test_softmax_int_array[simgpu]
    TestTanhSinh::test_integral_transforms[simgpu-limits3--1.0]
    TestTanhSinh::test_integral_transforms[simgpu-limits4--0.6826894921370859]
pickles arrays, which belong to a runtime
    test_rigid_transform.py::test_pickling[simgpu]
    test_rotation.py::test_pickling[simgpu]
changes an array whose elements share places
    TestTanhSinh::test_improper_integrals[simgpu]
wants a result of the CPU's arrays there, and SciPy forgets the device
    test_device_dtype.py::test_entropy[simgpu-float32-1]
    test_device_dtype.py::test_entropy[simgpu-float64-1]
    test_device_dtype.py::test_quantile[simgpu-float32-harrell-davis]
    test_device_dtype.py::test_quantile[simgpu-float64-harrell-davis]
takes an array of one element for a scalar
    TestFindRoot::test_nit_expected[simgpu-case30]
    TestFindRoot::test_nit_expected[simgpu-case31]
    TestFindRoot::test_nit_expected[simgpu-case32]
    TestFindRoot::test_nit_expected[simgpu-case33]
    TestFindRoot::test_nit_expected[simgpu-case34]
uses what only NumPy has
    TestChandrupatlaMinimize::test_vectorization[simgpu-shape1]
    TestChandrupatlaMinimize::test_vectorization[simgpu-shape2]
    TestChandrupatlaMinimize::test_vectorization[simgpu-shape3]
    TestDerivative::test_initial_step[simgpu]
expects a warning of code of the host
    TestBootstrap::test_bootstrap_degenerate[simgpu-BCa]
"""
"""Reasons, and under each the tests of SciPy 1.17 that fail for it."""

scipy.conftest.xp_known_backends.add(XP.__name__)
scipy.conftest.xp_skip_cpu_only_backends.add(XP.__name__)
scipy.conftest.xp = pytest.fixture(params=[pytest.param(XP, id="simgpu", marks=pytest.mark.array_api_backends)])(
    scipy.conftest.xp.__wrapped__
)

_copied, _checked = array_api._xp_copy_to_numpy, array_api._strict_check


def copy_to_numpy(x: Any) -> Any:
    """Bring an array to NumPy, for comparisons in tests. SciPy has a case for each library here."""
    return x.value() if isinstance(x, Array) else _copied(x)


def strict_check(*arguments: Any, **options: Any) -> tuple[Any, Any, Any]:
    """Check two arrays as SciPy does, and hand them on as NumPy's."""
    actual, desired, xp = _checked(*arguments, **options)
    if xp is XP:
        actual, desired = copy_to_numpy(actual), copy_to_numpy(desired)
    return actual, desired, xp


array_api._xp_copy_to_numpy, array_api._strict_check = copy_to_numpy, strict_check


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that are expected to fail."""
    reasons, reason = {}, ""
    for line in EXPECTED_TO_FAIL.strip().splitlines():
        if line.startswith(" "):
            reasons[line.strip()] = reason
        else:
            reason = line
    for item in items:
        found = next((reason for test, reason in reasons.items() if item.nodeid.endswith(test)), None)
        if found is not None:
            item.add_marker(pytest.mark.xfail(reason=found, strict=True))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, Any, Any]:
    """Skip what asks for NumPy's arrays: it has code of the host only, and no GPU gives it its memory."""
    try:
        return (yield)
    except TypeError as error:
        if "does not become one of NumPy by itself" not in str(error):
            raise
    pytest.skip("code of the host only")
