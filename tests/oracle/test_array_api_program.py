"""A program written for arrays of any library, run unchanged on NumPy, on array-api-strict and on every device here."""

from __future__ import annotations

import array_api_compat
import array_api_strict
import numpy as np
import pytest

import simgpu as sg
from tests.oracle import kmeans

CENTERS = np.asarray([[0.0, 0.0, 0.0, 0.0], [9.0, 9.0, 0.0, 0.0], [0.0, 9.0, 9.0, 0.0], [-9.0, 0.0, 0.0, 9.0]])
POINTS = np.repeat(CENTERS, 64, axis=0) + 4.0 * np.random.default_rng(7).standard_normal((256, 4))
DEVICES = ["gpu:0", "gpu:1", "cpu:0"]
STRICT = [array_api_strict.Device("CPU_DEVICE"), array_api_strict.Device("device1")]


@pytest.fixture(scope="module")
def expected():
    return kmeans.fit(POINTS, 4)


def assert_same(found, expected, values):
    """Claim that clusters are those that NumPy finds. `values` brings an array to NumPy."""
    assert found.steps == expected.steps == 7
    assert found.inertia == pytest.approx(expected.inertia, rel=1e-12)
    np.testing.assert_array_equal(values(found.labels), expected.labels)
    np.testing.assert_allclose(values(found.centers), expected.centers, rtol=1e-12)


def test_the_program_finds_clusters_no_worse_than_those_that_made_the_points(expected):
    distances = kmeans.squared_distances(POINTS, CENTERS)

    assert expected.inertia < distances.min(axis=1).sum()
    assert sorted(np.bincount(expected.labels)) == [63, 64, 64, 65]


@pytest.mark.parametrize("device", STRICT, ids=str)
def test_the_program_keeps_to_the_standard(expected, device):
    found = kmeans.fit(array_api_strict.asarray(POINTS, device=device), 4)

    assert found.centers.device == found.labels.device == device
    host = STRICT[0]
    assert_same(found, expected, lambda array: np.asarray(array.to_device(host)))


@pytest.mark.parametrize("device", DEVICES)
def test_every_device_finds_the_clusters_that_numpy_finds(xp, simgpu_runtime, expected, device):
    found = kmeans.fit(xp.asarray(POINTS, device=device), 4)

    assert found.centers.device == found.labels.device == simgpu_runtime().machine.device(device).name
    assert_same(found, expected, lambda array: array.value())


@pytest.mark.parametrize("device", DEVICES)
def test_float32_stays_float32(xp, expected, device):
    found = kmeans.fit(xp.asarray(POINTS, dtype=xp.float32, device=device), 4, tolerance=1e-5)

    assert found.centers.dtype == xp.float32
    np.testing.assert_allclose(found.centers.value(), expected.centers, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("device", DEVICES)
def test_fitting_moves_nothing(xp, assert_no_transfers, gpu_trace, device):
    x = xp.asarray(POINTS, device=device)

    with assert_no_transfers():
        found = kmeans.fit(x, 4)

    assert gpu_trace.transfers == ()
    assert found.steps == 7


def test_predicting_elsewhere_moves_the_centers_and_nothing_else(xp, gpus, expected, gpu_trace):
    clusters = kmeans.fit(xp.asarray(POINTS, device=gpus[0]), 4)

    labels = kmeans.predict(clusters, xp.asarray(POINTS, device=gpus[1]))

    assert labels.device == gpus[1]
    np.testing.assert_array_equal(labels.value(), expected.labels)
    moved = [(sent.resource, sent.size_bytes) for sent in gpu_trace.transfers]
    assert moved == [("GPU:0 -> GPU:1", CENTERS.nbytes)]


@pytest.mark.multi_gpu(memory="1MiB")
@pytest.mark.parametrize("number", [0, 1])
def test_it_needs_the_memory_of_seven_arrays_of_the_size_of_the_points(xp, gpus, assert_peak, number):
    x = xp.asarray(POINTS, device=gpus[number])

    kmeans.fit(x, 4)

    assert_peak(gpus[number], 7 * x.nbytes)
    assert_peak(gpus[1 - number], 0)


@pytest.mark.multi_gpu(memory="48KiB")
def test_a_smaller_device_runs_out_of_memory_and_gets_it_all_back(xp, simgpu_runtime):
    x = xp.asarray(POINTS, device="gpu:1")

    with pytest.raises(sg.OutOfDeviceMemory, match="GPU:1"):
        kmeans.fit(x, 4)

    assert simgpu_runtime().memory_statistics("gpu:1").current_bytes == x.nbytes


def test_what_it_did_can_be_simulated_on_a_card_that_is_not_here(xp, gpus, gpu_trace):
    kmeans.fit(xp.asarray(POINTS, device=gpus[1]), 4)

    placement = sg.place(gpu_trace.graph_for(as_variables=True), "2 x h100-80g", kernels="all")
    predicted = sg.simulate(placement)

    assert {span.resource for span in predicted.spans if span.kind == "compute"} == {gpus[1]}
    assert 0 < predicted.makespan_ps < 10**9  # 1 ms


def test_points_that_are_too_few_are_refused(xp):
    with pytest.raises(ValueError, match=r"4 clusters of points \[n, d\] need as many points"):
        kmeans.fit(xp.ones((3, 2)), 4)


@pytest.mark.parametrize("device", DEVICES)
def test_array_api_compat_takes_arrays_from_here_as_what_they_are(xp, simgpu_runtime, device):
    x = xp.ones((2, 3), device=device)

    assert array_api_compat.is_array_api_obj(x)
    assert array_api_compat.is_writeable_array(x)
    assert not array_api_compat.is_lazy_array(x)
    assert array_api_compat.array_namespace(x, 1.0, None, x) is xp
    assert array_api_compat.size(x) == 6
    assert array_api_compat.device(x) == simgpu_runtime().machine.device(device).name
    assert array_api_compat.to_device(x, array_api_compat.device(x)) is x
    known = [name for name in dir(array_api_compat) if name.startswith("is_") and name.endswith("_namespace")]
    assert len(known) > 5
    assert not any(getattr(array_api_compat, name)(xp) for name in known)


def test_arrays_of_two_libraries_do_not_meet(xp):
    with pytest.raises(TypeError, match="Multiple namespaces"):
        array_api_compat.array_namespace(xp.ones(3), np.ones(3))
