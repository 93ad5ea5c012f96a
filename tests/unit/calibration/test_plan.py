from collections import Counter

import pytest

from simgpu.calibration import default_plan
from simgpu.kernels import OPERATIONS

OFTEN_IN_NETWORKS = {
    "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Conv", "Gemm", "GlobalAveragePool", "Identity",
    "LRN", "MatMul", "MaxPool", "Mul", "ReduceMean", "Relu", "Sigmoid", "Softmax", "Sum", "Tanh", "Transpose",
}  # fmt: skip


def test_every_case_has_known_results_and_work():
    works = [found.work for found in default_plan().operations]

    assert min(work.bytes for work in works) > 0


def test_no_case_is_measured_twice():
    cases = [
        (found.type, found.inputs, repr(sorted(found.attributes.items())), found.kind)
        for found in default_plan().operations
    ]

    assert [case for case, count in Counter(cases).items() if count > 1] == []


def test_the_beginning_of_the_plan_has_some_of_what_networks_are_made_of():
    types = Counter(found.type for found in default_plan().operations[:200])

    assert set(types) >= OFTEN_IN_NETWORKS
    assert types["Conv"] > 20


def test_what_matters_most_comes_first():
    tiers = [found.tier for found in default_plan().operations]

    assert tiers == sorted(tiers)


def test_the_same_seed_gives_the_same_plan_and_another_one_other_sizes():
    first, again, other = (default_plan(seed=seed).operations for seed in (3, 3, 4))

    assert first == again
    assert first != other


@pytest.mark.parametrize("quick", [True, False])
def test_a_budget_replaces_that_of_the_plan(quick):
    assert default_plan(quick=quick, budget_s=7).budget_s == 7


def test_a_quick_plan_asks_for_less():
    quick, full = default_plan(quick=True), default_plan()

    assert quick.budget_s < 20 < full.budget_s < 180
    assert max(quick.copy_sizes) < max(full.copy_sizes) == 2**30
    assert quick.region_bytes < full.region_bytes


def test_the_plan_holds_types_of_the_table_alone():
    assert {found.type for found in default_plan().operations} <= OPERATIONS.keys()
