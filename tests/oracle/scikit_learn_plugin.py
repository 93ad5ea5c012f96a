"""A pytest plugin for scikit-learn's own tests: those for arrays of any library run on the two GPUs of simgpu alone.

scikit-learn's tests take libraries, devices and dtypes from three functions, which are replaced before it is loaded.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import sklearn.utils._array_api as array_api

from simgpu.arrays import Runtime
from simgpu.arrays.default import set_default_runtime

NAMESPACE = "simgpu.xp"  # that of the default runtime
XFAILS = {"test_label_binarize_unsigned_integer_overflow": "it has numpy.asarray take the memory of a GPU"}

set_default_runtime(Runtime("2 x 2GiB"))


def namespaces(include_numpy_namespaces: bool = True) -> Iterator[str]:
    """Name the one library."""
    yield NAMESPACE


def combinations(include_numpy_namespaces: bool = True) -> Iterator[tuple[str, str, str]]:
    """Name library, device and dtype."""
    for device, dtype in itertools.product(("gpu:0", "gpu:1"), ("float64", "float32")):
        yield NAMESPACE, device, dtype


def mixtures() -> Iterator[tuple[array_api.NamespaceAndDevice, array_api.NamespaceAndDevice, str]]:
    """Name two libraries and devices that inputs of one call come from."""
    first, second, host = ((NAMESPACE, "gpu:0"), (NAMESPACE, "gpu:1"), ("numpy", None))
    for one, other in ((first, second), (second, host), (host, second), (("array_api_strict", "device1"), second)):
        yield array_api.NamespaceAndDevice(*one), array_api.NamespaceAndDevice(*other), f"{one} to {other}"


array_api.yield_namespaces = namespaces
array_api.yield_namespace_device_dtype_combinations = combinations
array_api.yield_mixed_namespace_input_permutations = mixtures


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that are expected to fail."""
    for item in items:
        if reason := XFAILS.get(getattr(item, "originalname", "")):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
