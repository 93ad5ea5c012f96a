"""The tests that SciPy and scikit-learn themselves have for arrays of any library, run on simulated GPUs.

Each runs in a process of its own, under a plugin that names simgpu to it. What it expects to fail is listed there.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCIPY = (
    *("cluster", "constants", "differentiate", "fft", "integrate.tests.test_cubature"),
    *("integrate.tests.test_quadrature", "integrate.tests.test_tanhsinh", "optimize.tests.test_bracket"),
    *("optimize.tests.test_chandrupatla", "spatial.transform", "special.tests.test_logsumexp"),
    *("special.tests.test_support_alternative_backends", "stats"),
)
SCIKIT_LEARN = (
    *("decomposition.tests.test_pca", "linear_model.tests.test_logistic", "linear_model.tests.test_ridge"),
    *("linear_model._glm.tests.test_glm", "metrics.cluster.tests.test_common", "metrics.tests.test_classification"),
    *("metrics.tests.test_common", "metrics.tests.test_pairwise", "mixture.tests.test_gaussian_mixture"),
    *("model_selection.tests.test_search", "model_selection.tests.test_split", "preprocessing.tests.test_data"),
    *("preprocessing.tests.test_label", "preprocessing.tests.test_polynomial", "tests.test_calibration"),
    *("tests.test_kernel_approximation", "tests.test_naive_bayes", "tests.test_pipeline", "utils.tests.test_array_api"),
    *("utils.tests.test_extmath", "utils.tests.test_indexing", "utils.tests.test_validation"),
)


def passed(directory, plugin, chosen, modules, **environment):
    """Run tests of installed packages, and return how many passed. Fails if any failed that was not expected to."""
    library = modules[0].partition(".")[0]
    if find_spec(f"{library}.{'special' if library == 'scipy' else 'utils'}.tests") is None:
        pytest.skip(f"this installation of {library} is without its tests")
    (directory / "pytest.ini").write_text("[pytest]\n")
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", plugin, "-p", "no:cacheprovider"),
            *("-c", "pytest.ini", *chosen, "--pyargs", *modules),
        ],
        cwd=directory,
        env=os.environ | {"SCIPY_ARRAY_API": "1", "PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    found = re.search(r"(\d+) passed", ran.stdout)
    return int(found[1]) if found else 0


@pytest.mark.slow
def test_scipys_tests_pass_on_the_second_gpu(tmp_path):
    # Without nsum and hessian, which call methods that only NumPy's arrays have, and without what takes longest.
    left_out = "not TestNSum and not TestHessian and not against_itself and not TestBracketRoot"
    chosen = ("-m", "array_api_backends", "-k", left_out)
    modules = [f"scipy.{name}" for name in SCIPY]

    count = passed(tmp_path, "tests.oracle.scipy_plugin", chosen, modules, SIMGPU_SUITE_DEVICE="gpu:1")

    assert count > 2000


@pytest.mark.slow
def test_the_tests_of_scikit_learn_pass_on_two_gpus(tmp_path):
    # Without those of CuPy's arrays, which need a card wherever CuPy is installed.
    chosen, modules = ("-k", "(array_api or simgpu) and not cupy"), [f"sklearn.{name}" for name in SCIKIT_LEARN]

    count = passed(tmp_path, "tests.oracle.scikit_learn_plugin", chosen, modules)

    assert count > 1500
