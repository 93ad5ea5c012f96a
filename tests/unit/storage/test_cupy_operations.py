"""Every operation, and the namespace, over the arrays that CuPy storage makes: views, dtypes, host values, scratch."""

from __future__ import annotations

import pytest

from tests.gpu import test_namespace as namespace
from tests.gpu import test_operations as operations

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")


@pytest.fixture(scope="module")
def on_card():
    on_card = operations.OnCard(host.host_storage(poison=True))
    yield on_card
    on_card.region.close()


@pytest.mark.parametrize("name", sorted(operations.BY_NAME))
def test_an_operation_writes_all_of_its_outputs_and_keeps_no_scratch_memory(name, on_card):
    differences = [operations.difference(example, on_card) for example in operations.BY_NAME[name]]

    assert [text for text in differences if text is not None] == []
    assert on_card.region.scratch.used_bytes() == 0


@pytest.mark.parametrize("name", sorted(namespace.CALLS))
def test_the_namespace_gives_the_results_dtypes_and_devices_of_numpy_storage(name):
    namespace.test_results_dtypes_and_devices_are_those_on_numpy_storage(host.host_storage, name)
