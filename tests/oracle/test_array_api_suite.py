"""The suite of the array API standard, data-apis/array-api-tests, on our namespaces.

It runs on the checkout that `ARRAY_API_TESTS_DIR` names (with its submodule), with whatever it needs installed:
`pip install ndindex pytest-json-report`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
XFAILS = Path(__file__).with_name("array-api-xfails.txt")
NAMESPACE = (
    "exec('from simgpu.arrays import Runtime; "
    'xp = Runtime("2 x 2GiB").xp(default_device="{device}", api_version="{version}")\')'
)


@pytest.fixture(scope="module")
def suite():
    given = os.environ.get("ARRAY_API_TESTS_DIR")
    if not given:
        pytest.skip("set ARRAY_API_TESTS_DIR to a checkout of data-apis/array-api-tests, with its submodule")
    missing = [name for name in ("ndindex", "pytest_jsonreport") if find_spec(name) is None]
    if missing:
        pytest.skip(f"array-api-tests needs {' and '.join(missing)}: pip install ndindex pytest-json-report")
    directory = Path(given).expanduser().resolve()
    if not (directory / "array_api_tests").is_dir():
        pytest.skip(f"ARRAY_API_TESTS_DIR is {directory}, where there is no array_api_tests")
    return directory


@pytest.mark.slow
@pytest.mark.parametrize("version", ["2025.12", "2024.12"])
@pytest.mark.parametrize("device", ["cpu:0", "gpu:1"])
def test_the_suite_of_the_standard_passes_but_for_what_numpy_fails(suite, device, version):
    environment = os.environ | {
        "ARRAY_API_TESTS_MODULE": NAMESPACE.format(device=device, version=version),
        "ARRAY_API_TESTS_VERSION": version,
        "PYTHONPATH": str(ROOT),
    }
    options = ["--max-examples", "20", "--disable-deadline", "--xfails-file", str(XFAILS), "-p", "no:cacheprovider"]

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "array_api_tests", *options],
        cwd=suite,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert " passed" in ran.stdout.splitlines()[-1]
