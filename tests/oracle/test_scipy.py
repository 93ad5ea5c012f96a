"""SciPy's functions for arrays of any library, on simulated GPUs: values of NumPy, and every result where its input is.

SciPy computes in the namespace of its arrays only with `SCIPY_ARRAY_API=1`, which `tests/conftest.py` sets.
"""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import scipy
from array_api_compat import array_namespace

import simgpu as sg

RANDOM = np.random.default_rng(7)
A, B = RANDOM.standard_normal((2, 20, 3))
POSITIVE = RANDOM.uniform(0.1, 1.0, (20, 3))
SHARES = POSITIVE / POSITIVE.sum(axis=0)
SIGNAL = RANDOM.uniform(0.1, 1.0, 64)
QUATERNIONS = RANDOM.standard_normal((20, 4))
COUNTS = RANDOM.integers(0, 5, (20, 3)).astype(float)


def mean(x, axis):
    return array_namespace(x).mean(x, axis=axis)


def sums_of_squares(x):
    return array_namespace(x).sum(x**2, axis=-1)


def rotations(values):
    return scipy.spatial.transform.Rotation.from_rotvec(values)


def elementwise():
    from scipy.optimize import elementwise  # SciPy loads all other modules when they are first used

    return elementwise


# Each takes `a`, which makes an array of NumPy's values, and returns arrays.
CALLS = {
    "cluster.vq.whiten": lambda a: scipy.cluster.vq.whiten(a(A)),
    "constants.convert_temperature": lambda a: scipy.constants.convert_temperature(a(A), "C", "K"),
    "fft.fft": lambda a: scipy.fft.fft(a(A), axis=0),
    "fft.fftshift": lambda a: scipy.fft.fftshift(a(A)),
    "fft.hfft2": lambda a: scipy.fft.hfft2(a(A + 1j * B)),
    "fft.rfftn": lambda a: scipy.fft.rfftn(a(A)),
    "integrate.cumulative_trapezoid": lambda a: scipy.integrate.cumulative_trapezoid(a(A), axis=0),
    "integrate.trapezoid": lambda a: scipy.integrate.trapezoid(a(A), axis=0),
    "linalg.orthogonal_procrustes": lambda a: scipy.linalg.orthogonal_procrustes(a(A), a(B)),
    "optimize.rosen": lambda a: scipy.optimize.rosen(a(A)),
    "optimize.rosen_der": lambda a: scipy.optimize.rosen_der(a(SIGNAL)),
    "signal.envelope": lambda a: scipy.signal.envelope(a(SIGNAL)),
    "signal.fftconvolve": lambda a: scipy.signal.fftconvolve(a(SIGNAL), a(SIGNAL[:9])),
    "signal.gauss_spline": lambda a: scipy.signal.gauss_spline(a(SIGNAL), 3),
    "signal.hilbert": lambda a: scipy.signal.hilbert(a(SIGNAL)),
    "signal.oaconvolve": lambda a: scipy.signal.oaconvolve(a(SIGNAL), a(SIGNAL[:9])),
    "signal.resample": lambda a: scipy.signal.resample(a(SIGNAL), 32),
    "spatial.transform.RigidTransform.apply": lambda a: scipy.spatial.transform.RigidTransform.from_components(
        a(A), rotations(a(B))
    ).apply(a(A)),
    "spatial.transform.Rotation.align_vectors": lambda a: scipy.spatial.transform.Rotation.align_vectors(a(A), a(B))[
        0
    ].as_matrix(),
    "spatial.transform.Rotation.as_euler": lambda a: scipy.spatial.transform.Rotation.from_quat(
        a(QUATERNIONS)
    ).as_euler("zyx"),
    "spatial.transform.Rotation.mean": lambda a: rotations(a(A)).mean().as_quat(),
    "spatial.transform.Rotation.product": lambda a: (rotations(a(A)) * rotations(a(B))).as_quat(),
    "spatial.transform.Slerp": lambda a: scipy.spatial.transform.Slerp(a(np.arange(20.0)), rotations(a(A)))(
        a(np.asarray([0.5, 3.25]))
    ).as_quat(),
    "special.log_softmax": lambda a: scipy.special.log_softmax(a(A), axis=1),
    "special.logsumexp": lambda a: scipy.special.logsumexp(a(A), axis=0),
    "special.rel_entr": lambda a: scipy.special.rel_entr(a(SHARES), a(SHARES[::-1])),
    "special.softmax": lambda a: scipy.special.softmax(a(A), axis=1),
    "special.xlogy": lambda a: scipy.special.xlogy(a(SHARES), a(POSITIVE)),
    "stats.bootstrap": lambda a: (
        scipy.stats.bootstrap((a(A),), mean, n_resamples=20, rng=3, method="percentile").confidence_interval
    ),
    "stats.boxcox_llf": lambda a: scipy.stats.boxcox_llf(0.5, a(POSITIVE)),
    "stats.circmean": lambda a: scipy.stats.circmean(a(A), axis=0),
    "stats.describe": lambda a: scipy.stats.describe(a(A))[1:],
    "stats.differential_entropy": lambda a: scipy.stats.differential_entropy(a(A)),
    "stats.directional_stats": lambda a: scipy.stats.directional_stats(a(A)).mean_direction,
    "stats.false_discovery_control": lambda a: scipy.stats.false_discovery_control(a(POSITIVE)),
    "stats.gmean": lambda a: scipy.stats.gmean(a(POSITIVE)),
    "stats.kstat": lambda a: scipy.stats.kstat(a(A), 2, axis=0),
    "stats.kurtosis": lambda a: scipy.stats.kurtosis(a(A)),
    "stats.moment": lambda a: scipy.stats.moment(a(A), 3),
    "stats.quantile": lambda a: scipy.stats.quantile(a(A), a(np.asarray([[0.1], [0.5]])), axis=0),
    "stats.sem": lambda a: scipy.stats.sem(a(A)),
    "stats.sigmaclip": lambda a: scipy.stats.sigmaclip(a(SIGNAL)),
    "stats.skew": lambda a: scipy.stats.skew(a(A)),
    "stats.tmean": lambda a: scipy.stats.tmean(a(A), (-1, 1)),
    "stats.trim_mean": lambda a: scipy.stats.trim_mean(a(A), 0.1),
    "stats.variation": lambda a: scipy.stats.variation(a(POSITIVE)),
    "stats.zscore": lambda a: scipy.stats.zscore(a(A)),
}

# SciPy 1.17 makes arrays in these without saying on which device.
FORGETFUL = {
    "differentiate.derivative": lambda a: scipy.differentiate.derivative(lambda x: x**3, a(np.arange(1.0, 5.0))).df,
    "differentiate.jacobian": lambda a: scipy.differentiate.jacobian(lambda x: x**2, a(np.arange(1.0, 5.0))).df,
    "integrate.cubature": lambda a: scipy.integrate.cubature(sums_of_squares, a(np.zeros(2)), a(np.ones(2))).estimate,
    "integrate.cumulative_simpson": lambda a: scipy.integrate.cumulative_simpson(a(A), axis=0),
    "integrate.romb": lambda a: scipy.integrate.romb(a(A[:17]), axis=0),
    "integrate.tanhsinh": lambda a: (
        scipy.integrate.tanhsinh(lambda x, c: c * x**2, a(np.zeros(3)), a(np.ones(3)), args=(a(POSITIVE[0]),)).integral
    ),
    "linalg.block_diag": lambda a: scipy.linalg.block_diag(a(A), a(QUATERNIONS)),
    "optimize.elementwise.find_minimum": lambda a: (
        elementwise()
        .find_minimum(
            lambda x, c: (x - c) ** 2, (a(np.full(3, -4.0)), a(np.full(3, 0.5)), a(np.full(3, 6.0))), args=(a(A[0]),)
        )
        .x
    ),
    "optimize.elementwise.find_root": lambda a: (
        elementwise().find_root(lambda x, c: x**3 - c, (a(np.zeros(3)), a(np.full(3, 9.0))), args=(a(POSITIVE[0]),)).x
    ),
    "optimize.rosen_hess": lambda a: scipy.optimize.rosen_hess(a(SIGNAL)),
    "signal.freqz": lambda a: scipy.signal.freqz(a(SIGNAL[:5]))[1],
    "signal.vectorstrength": lambda a: scipy.signal.vectorstrength(a(SIGNAL), 0.3),
    "stats.mode": lambda a: scipy.stats.mode(a(COUNTS)),
    "stats.permutation_test": lambda a: (
        scipy.stats.permutation_test(
            (a(SIGNAL[:9]), a(SIGNAL[9:18])), lambda x, y, axis: mean(x, axis) - mean(y, axis), n_resamples=20, rng=3
        ).null_distribution
    ),
    "stats.rankdata": lambda a: scipy.stats.rankdata(a(A), axis=0),
}

# These have only code of the host, in C or Fortran: SciPy asks for NumPy's arrays.
HOST_ONLY = {
    "cluster.vq.vq": lambda a: scipy.cluster.vq.vq(a(A), a(B)),
    "fft.dct": lambda a: scipy.fft.dct(a(A)),
    "ndimage.gaussian_filter": lambda a: scipy.ndimage.gaussian_filter(a(A), 1.0),
    "signal.detrend": lambda a: scipy.signal.detrend(a(SIGNAL)),
    "signal.lfilter": lambda a: scipy.signal.lfilter(a(SIGNAL[:3]), a(np.ones(1)), a(SIGNAL)),
    "spatial.distance.pdist": lambda a: scipy.spatial.distance.pdist(a(A)),
    "special.gammaln": lambda a: scipy.special.gammaln(a(POSITIVE)),
    "stats.pearsonr": lambda a: tuple(scipy.stats.pearsonr(a(A), a(B))),
}


def leaves(result):
    return [leaf for item in result for leaf in leaves(item)] if isinstance(result, tuple) else [result]


def assert_same(result, expected, device):
    found, wanted = leaves(result), leaves(expected)
    assert [array.device for array in found] == [device] * len(wanted)
    for array, values in zip(found, wanted, strict=True):
        assert (array.shape, array.dtype) == (np.shape(values), np.asarray(values).dtype)
        np.testing.assert_allclose(array.value(), values, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("name", CALLS)
def test_a_function_computes_on_the_device_of_its_arrays(xp, gpus, assert_no_transfers, name, number):
    with assert_no_transfers():
        result = CALLS[name](lambda values: xp.asarray(values, device=gpus[number]))

    assert_same(result, CALLS[name](np.asarray), gpus[number])


@pytest.mark.parametrize("name", FORGETFUL)
def test_a_function_that_forgets_the_device_works_where_new_arrays_go_anyway(xp, gpus, assert_no_transfers, name):
    with assert_no_transfers():
        result = FORGETFUL[name](xp.asarray)

    assert_same(result, FORGETFUL[name](np.asarray), gpus[0])


@pytest.mark.parametrize("way", ["default device", "scope"])
@pytest.mark.parametrize("name", FORGETFUL)
def test_new_arrays_can_be_told_where_to_go(simgpu_runtime, gpus, assert_no_transfers, name, way):
    runtime = simgpu_runtime()
    xp = runtime.xp(default_device=gpus[1] if way == "default device" else None)

    with assert_no_transfers(), runtime.device(gpus[1]) if way == "scope" else nullcontext():
        result = FORGETFUL[name](xp.asarray)

    assert_same(result, FORGETFUL[name](np.asarray), gpus[1])


@pytest.mark.parametrize("name", FORGETFUL)
def test_a_second_gpu_shows_that_a_function_forgets_the_device(xp, name):
    with pytest.raises(sg.DeviceMismatchError, match="move them to one device first"):
        FORGETFUL[name](lambda values: xp.asarray(values, device="gpu:1"))


@pytest.mark.parametrize("name", HOST_ONLY)
def test_code_of_the_host_is_refused_on_a_gpu_and_runs_on_the_cpu(simgpu_runtime, name):
    xp = simgpu_runtime().xp(default_device="cpu:0")
    with pytest.raises(TypeError, match="does not become one of NumPy by itself"):
        HOST_ONLY[name](lambda values: xp.asarray(values, device="gpu:0"))

    result = HOST_ONLY[name](xp.asarray)

    assert_same(result, HOST_ONLY[name](np.asarray), simgpu_runtime().machine.device("cpu:0").name)


def test_a_recording_shows_what_scipy_moves_by_itself(xp, gpus, gpu_trace):
    x = xp.asarray(A, device=gpus[1])

    found = scipy.stats.iqr(x, axis=0)

    assert_same(found, scipy.stats.iqr(A, axis=0), gpus[1])
    moved = [(sent.resource, sent.size_bytes) for sent in gpu_trace.transfers]
    assert moved == [("GPU:0 -> GPU:1", 16)]  # the two quantiles, which it makes elsewhere


@pytest.mark.multi_gpu(memory="1MiB")
def test_softmax_needs_the_memory_of_four_arrays(xp, gpus, assert_peak):
    x = xp.ones((64, 256), device=gpus[1])

    scipy.special.softmax(x, axis=1)

    assert_peak(gpus[1], 4 * x.nbytes)
    assert_peak(gpus[0], 0)


@pytest.mark.multi_gpu(memory="1MiB")
def test_a_full_device_stops_scipy_and_gets_back_what_it_took(xp, gpus, simgpu_runtime):
    x = xp.ones((64, 1024), device=gpus[1])

    with pytest.raises(sg.OutOfDeviceMemory, match="GPU:1"):
        scipy.special.softmax(x, axis=1)

    assert simgpu_runtime().memories[2].live_owners() == [("ones", x.nbytes)]
