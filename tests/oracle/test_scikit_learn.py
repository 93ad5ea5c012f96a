"""scikit-learn on simulated GPUs, by its array API dispatch: its own checks of estimators, and metrics against NumPy's.

Its checks import a namespace by name: `simgpu.xp`, which is that of the test's runtime. SciPy must have been imported
with `SCIPY_ARRAY_API=1`, which `tests/conftest.py` sets.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

import simgpu as sg

ESTIMATORS = {
    "Binarizer": ("preprocessing", {"threshold": 0.5}),
    "GaussianNB": ("naive_bayes", {}),
    "KernelCenterer": ("preprocessing", {}),
    "LinearDiscriminantAnalysis": ("discriminant_analysis", {}),
    "LogisticRegression": ("linear_model", {}),
    "MaxAbsScaler": ("preprocessing", {}),
    "MinMaxScaler": ("preprocessing", {"clip": True}),
    "Normalizer": ("preprocessing", {"norm": "max"}),
    "Nystroem": ("kernel_approximation", {"n_components": 5}),
    "PCA": ("decomposition", {"n_components": 2, "svd_solver": "full", "whiten": True}),
    "PoissonRegressor": ("linear_model", {}),
    "PolynomialFeatures": ("preprocessing", {"degree": 3}),
    "Ridge": ("linear_model", {"solver": "svd"}),
    "RidgeCV": ("linear_model", {}),
    "RidgeClassifier": ("linear_model", {"solver": "svd"}),
    "RidgeClassifierCV": ("linear_model", {}),
    "StandardScaler": ("preprocessing", {}),
}

RANDOM = np.random.default_rng(7)
CLASSES = RANDOM.integers(0, 3, 60)
GUESSES = np.where(RANDOM.uniform(size=60) < 0.7, CLASSES, RANDOM.integers(0, 3, 60))
IS_FIRST, SCORES = (CLASSES == 0).astype(np.int64), RANDOM.uniform(0.05, 0.95, 60)
SHARES = RANDOM.dirichlet([1.0, 1.0, 1.0], 60)
AMOUNTS = RANDOM.uniform(0.5, 2.0, 60)
A, B = RANDOM.standard_normal((2, 60, 4))
POINTS = A + np.eye(3, 4)[CLASSES] * 4.0

METRICS = {
    "accuracy_score balanced_accuracy_score cohen_kappa_score hamming_loss zero_one_loss": (CLASSES, GUESSES),
    "confusion_matrix multilabel_confusion_matrix precision_recall_fscore_support": (CLASSES, GUESSES),
    "f1_score jaccard_score precision_score recall_score": (IS_FIRST, (GUESSES == 0).astype(np.int64)),
    "average_precision_score brier_score_loss confusion_matrix_at_thresholds det_curve": (IS_FIRST, SCORES),
    "log_loss precision_recall_curve": (IS_FIRST, SCORES),
    "d2_log_loss_score log_loss": (CLASSES, SHARES),
    "d2_tweedie_score explained_variance_score max_error mean_absolute_error mean_gamma_deviance": (AMOUNTS, SCORES),
    "mean_pinball_loss mean_squared_error median_absolute_error r2_score": (AMOUNTS, SCORES),
    "euclidean_distances pairwise_distances": (A, B),
    "pairwise.cosine_similarity pairwise.laplacian_kernel pairwise.linear_kernel pairwise.manhattan_distances": (A, B),
    "pairwise.paired_cosine_distances pairwise.polynomial_kernel pairwise.rbf_kernel pairwise.sigmoid_kernel": (A, B),
}


@pytest.fixture(params=[0, 1])
def gpu(request, gpus):
    return gpus[request.param]


@pytest.fixture
def dispatch():
    from sklearn import config_context

    with config_context(array_api_dispatch=True):
        yield


def made(name):
    module, options = ESTIMATORS[name]
    return getattr(import_module(f"sklearn.{module}"), name)(**options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_passes_the_checks_of_scikit_learn(gpu, name, dtype):
    from sklearn.utils.estimator_checks import check_array_api_input_and_values

    check_array_api_input_and_values(name, made(name), "simgpu.xp", device_name=gpu, dtype_name=dtype)


@pytest.mark.parametrize("name", ["LinearDiscriminantAnalysis", "LogisticRegression", "PCA", "RidgeCV"])
def test_an_estimator_refuses_arrays_of_another_library_than_it_was_fitted_with(gpu, name):
    from sklearn.utils.estimator_checks import check_array_api_same_namespace

    check_array_api_same_namespace(name, made(name), "simgpu.xp", device_name=gpu)


@pytest.mark.parametrize(
    ("name", "values"), [(name, values) for names, values in METRICS.items() for name in names.split()]
)
def test_a_metric_gives_what_it_gives_for_numpy(xp, gpu, dispatch, name, values):
    module, _, function = f"sklearn.metrics.{name}".rpartition(".")
    metric = getattr(import_module(module), function)

    result = metric(*(xp.asarray(array, device=gpu) for array in values))

    found, expected = (part if isinstance(part, tuple) else (part,) for part in (result, metric(*values)))
    for one, wanted in zip(found, expected, strict=True):
        if np.ndim(wanted) == 0 and wanted is not None:
            assert isinstance(one, float)
        assert getattr(one, "device", gpu) == gpu
        np.testing.assert_allclose(getattr(one, "value", lambda one=one: one)(), wanted, rtol=1e-9)


@pytest.fixture
def pipeline():
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), PCA(3, svd_solver="full"), LinearDiscriminantAnalysis())


def test_a_pipeline_learns_and_predicts_on_one_gpu(xp, gpu, dispatch, pipeline, assert_no_transfers):
    x, y = xp.asarray(POINTS, device=gpu), xp.asarray(CLASSES, device=gpu)

    with assert_no_transfers():
        pipeline.fit(x, y)
        classes, shares = pipeline.predict(x), pipeline.predict_proba(x)

    assert {array.device for array in (classes, shares, pipeline[0].mean_, pipeline[1].components_)} == {gpu}
    with import_module("sklearn").config_context(array_api_dispatch=False):
        pipeline.fit(POINTS, CLASSES)
        np.testing.assert_array_equal(classes.value(), pipeline.predict(POINTS))
        np.testing.assert_allclose(shares.value(), pipeline.predict_proba(POINTS), rtol=1e-6, atol=1e-9)
        assert pipeline.score(POINTS, CLASSES) > 0.9


def test_what_was_learned_on_one_gpu_is_moved_before_it_predicts_on_another(xp, gpus, dispatch, gpu_trace):
    from sklearn.utils._array_api import move_estimator_to

    learned = made("LinearDiscriminantAnalysis")
    learned.fit(xp.asarray(POINTS, device=gpus[0]), xp.asarray(CLASSES, device=gpus[0]))
    x = xp.asarray(POINTS, device=gpus[1])
    with pytest.raises(ValueError, match="must use the same namespace and the same device"):
        learned.predict(x)
    assert gpu_trace.transfers == ()

    moved = move_estimator_to(learned, xp, gpus[1])

    np.testing.assert_array_equal(moved.predict(x).value(), learned.predict(x.to_device(gpus[0])).value())
    sent = [transfer for transfer in gpu_trace.transfers if transfer.resource == "GPU:0 -> GPU:1"]
    arrays = [value for value in vars(learned).values() if getattr(value, "device", "") == gpus[0]]
    assert sorted(transfer.size_bytes for transfer in sent) == sorted(array.nbytes for array in arrays)


def test_a_step_that_does_not_look_at_devices_is_stopped_where_they_meet(xp, dispatch, pipeline):
    pipeline.fit(xp.asarray(POINTS, device="gpu:0"), xp.asarray(CLASSES, device="gpu:0"))

    with pytest.raises(sg.DeviceMismatchError, match="subtract has inputs on GPU:1, GPU:0"):
        pipeline.predict(xp.asarray(POINTS, device="gpu:1"))


def test_data_are_split_on_their_device(xp, gpu, dispatch, assert_no_transfers):
    from sklearn.model_selection import train_test_split

    x = xp.asarray(POINTS, device=gpu)

    with assert_no_transfers():
        parts = train_test_split(x, random_state=7)

    assert [part.device for part in parts] == [gpu, gpu]
    for part, expected in zip(parts, train_test_split(POINTS, random_state=7), strict=True):
        np.testing.assert_array_equal(part.value(), expected)


@pytest.mark.multi_gpu(memory="8KiB")
def test_a_card_that_is_too_small_stops_scikit_learn_and_the_points_stay(xp, dispatch, pipeline, simgpu_runtime):
    x, y = xp.asarray(POINTS, device="gpu:1"), xp.asarray(CLASSES, device="gpu:1")

    with pytest.raises(sg.OutOfDeviceMemory, match="GPU:1"):
        pipeline.fit(x, y)

    np.testing.assert_array_equal(x.value(), POINTS)
    assert simgpu_runtime().memory_statistics("gpu:0").peak_bytes == 0


def test_an_estimator_without_array_code_is_refused_the_memory_of_a_gpu(xp, gpu, dispatch):
    from sklearn.cluster import KMeans

    with pytest.raises(TypeError, match="does not become one of NumPy by itself"):
        KMeans(3).fit(xp.asarray(POINTS, device=gpu))
