from threading import get_ident
from time import monotonic

import pytest

from simgpu.calibration.case import case
from simgpu.calibration.compiling import compile_kernels, smallest_of_each_sort
from simgpu.units import MiB

cupy_on_host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed")

SMALL, LARGE, HALF = case("Relu", (4,)), case("Relu", (4096,)), case("Relu", (512,), dtype="float16")
STRETCHED, ODD, HUGE = case("Add", (8, 4), (4,)), case("MatMul", (2, 3), (4, 5)), case("Relu", (2**28,))


def watched(storage):
    """Return what a storage computes, and by which threads."""
    seen, compute = [], storage.compute

    def computing(rule, inputs, outputs, attributes):
        seen.append((rule.name, [(it.shape, it.dtype.name) for it in inputs], get_ident()))
        compute(rule, inputs, outputs, attributes)

    storage.compute = computing
    return seen


def test_the_smallest_case_of_each_type_way_and_dtype_stands_for_all():
    plain = case("Add", (4,), (4,))

    assert smallest_of_each_sort([LARGE, SMALL, HALF, plain, STRETCHED]) == [SMALL, HALF, plain, STRETCHED]


def test_each_sort_runs_once_in_threads_and_what_fails_or_does_not_fit_stops_nothing():
    storage, told = cupy_on_host.host_storage(2**30), []
    seen = watched(storage)

    cases = [LARGE, ODD, HUGE, SMALL, HALF, STRETCHED]
    count = compile_kernels(storage, cases, monotonic() + 60, lambda *it: told.append(it))

    assert count == 3
    assert sorted(it[:2] for it in seen) == [
        ("Add", [((8, 4), "float32"), ((4,), "float32")]),
        ("Relu", [((4,), "float32")]),
        ("Relu", [((512,), "float16")]),
    ]
    assert get_ident() not in {it[2] for it in seen}
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert storage.driver.used_bytes == 0


def test_an_operation_that_cannot_be_run_is_left_to_be_measured():
    storage = cupy_on_host.host_storage(2**30)

    def compute(rule, inputs, outputs, attributes):
        raise RuntimeError("no kernel")

    storage.compute = compute
    compile_kernels(storage, [SMALL], monotonic() + 60, lambda done, all: None)

    assert storage.driver.used_bytes == 0


def test_when_the_time_is_up_nothing_more_runs():
    storage = cupy_on_host.host_storage(2**30)
    seen = watched(storage)

    compile_kernels(storage, [SMALL, HALF], monotonic() - 1, lambda done, all: None)

    assert seen == []


def test_without_memory_for_its_devices_nothing_is_compiled():
    storage = cupy_on_host.host_storage(16 * MiB)
    seen = watched(storage)

    compile_kernels(storage, [SMALL], monotonic() + 60, lambda done, all: None)

    assert (seen, storage.driver.used_bytes) == ([], 0)
