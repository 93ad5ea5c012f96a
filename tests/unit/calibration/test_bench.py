import numpy as np
import pytest

from simgpu.calibration import bench as bench_module
from simgpu.calibration.bench import Bench
from simgpu.calibration.case import Case, case
from simgpu.graph import TensorSpec
from simgpu.kernels import OPERATIONS
from simgpu.storage import NumpyStorage
from simgpu.units import MiB
from tests.unit.calibration.laws import LawStorage, device_ps, host_ps

RELU = case("Relu", (4096,))


def asked(found):
    return found.type, found.inputs, found.outputs, found.attributes


@pytest.fixture
def asynchronous(monkeypatch):
    storage = LawStorage(is_asynchronous=True)
    monkeypatch.setattr(bench_module, "perf_counter_ns", storage.perf_counter_ns)
    return storage


def test_where_nothing_is_asynchronous_all_the_time_is_the_device_s():
    sample = Bench(LawStorage(), 16 * MiB).sample(RELU)

    assert (sample.host_ps, sample.device_ps) == (0, device_ps(*asked(RELU)))
    assert (sample.host_spread_ps, sample.device_spread_ps, sample.failed) == (0, 0, "")
    assert sample.outputs == (TensorSpec((4096,), "float32"),)


@pytest.mark.parametrize("found", [RELU, case("Conv", (1, 8, 14, 14), (8, 8, 3, 3)), case("Sum", *[(2**20,)] * 4)])
def test_host_and_device_times_are_told_apart(asynchronous, found):
    sample = Bench(asynchronous, 64 * MiB).sample(found)

    assert sample.host_ps == pytest.approx(host_ps(*asked(found)), abs=1000)
    assert sample.device_ps == pytest.approx(device_ps(*asked(found)), abs=1000)


def test_what_is_computed_by_the_cpu_of_an_asynchronous_storage_returns_when_it_is_done():
    sample = Bench(LawStorage(is_asynchronous=True), 16 * MiB, "CPU").sample(RELU)

    assert sample.host_ps == 0


def test_an_operation_that_fails_is_kept_with_its_reason():
    sample = Bench(LawStorage(failing=("Relu",)), 16 * MiB).sample(RELU)

    assert sample.failed == "RuntimeError: no kernel for Relu"
    assert (sample.type, sample.inputs, sample.device_ps) == ("Relu", RELU.inputs, 0)


def test_an_operation_that_does_not_fit_is_kept_with_its_reason():
    sample = Bench(LawStorage(), 16 * MiB).sample(case("Relu", (2**22,)))

    assert sample.failed == (
        "CalibrationError: float32[4194304] does not fit into 6291456 B; calibrate with more memory"
    )


def test_what_takes_long_is_measured_once_and_the_rest_several_times():
    long, short = (Bench(LawStorage(), 2**40).sample(case("Relu", (size,))) for size in (2**36, 1))

    assert long.repetitions == 1
    assert short.repetitions > 3


def test_arrays_lie_apart_and_inputs_stay_as_they_are():
    storage = NumpyStorage()
    bench = Bench(storage, 16 * MiB)
    inputs, outputs = bench._arrays(case("Add", (1000,), (1000,)))
    before = inputs[1].copy()
    bench.sample(case("Add", (1000,), (1000,)))

    assert np.array_equal(inputs[1], before)
    assert min(array.min() for array in inputs) >= 0.5
    assert max(array.max() for array in inputs) < 1.5
    assert not any(np.shares_memory(a, b) for a, b in [(inputs[0], inputs[1]), (inputs[0], outputs[0])])


def test_indices_and_truth_values_are_such_as_the_operation_takes():
    table, rows = TensorSpec((16, 4), "float32"), TensorSpec((100,), "int64")
    (_, index), _ = Bench(NumpyStorage(), 16 * MiB)._arrays(Case("Gather", (table, rows)))
    (truth,), _ = Bench(NumpyStorage(), 16 * MiB)._arrays(Case("Not", (TensorSpec((100,), "bool"),)))

    assert sorted(set(index.tolist())) == list(range(16))
    assert sorted(set(truth.view(np.uint8).tolist())) == [0, 1]


def test_all_but_the_first_input_lie_elsewhere_each_time():
    bench = Bench(NumpyStorage(), 16 * MiB)
    found = case("Add", (1000,), (1000,))
    places = [bench._arrays(found, shift) for shift in bench._shifts(found)]
    first, second, result = (
        {array.ctypes.data for array in arrays}
        for arrays in zip(*((*inputs, *outputs) for inputs, outputs in places), strict=True)
    )

    assert (len(first), len(second), len(result)) == (1, 5, 5)


@pytest.mark.parametrize("type", ["Conv", "MatMul", "Softmax", "Gather", "Where", "Transpose"])
def test_numpy_computes_the_cases_of_the_plan(type):
    from simgpu.calibration import default_plan

    small = [found for found in default_plan().operations if found.type == type and found.work.bytes < 2**18][:3]
    bench = Bench(NumpyStorage(), 16 * MiB)

    assert OPERATIONS[type].name == type
    assert [bench.sample(found).failed for found in small] == [""] * 3


@pytest.mark.parametrize("found", [case("Relu", (3 * 2**19,)), case("Add", (3 * 2**18,), (3 * 2**18,))])
def test_a_case_fits_that_fills_one_half_of_the_memory(found):
    (spec,) = set(found.inputs)
    more = TensorSpec((spec.size + 1,), "float32")
    bench = Bench(LawStorage(), 16 * MiB)

    assert bench.fits(found)
    assert not bench.fits(Case(found.type, (more,) * len(found.inputs)))
