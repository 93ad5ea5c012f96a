"""Predictions of what grows faster than its bytes, between samples: by synthetic times, so that the tests are exact."""

import math

import pytest

from simgpu.calibration import default_plan
from simgpu.costs import Measured, OperationSample
from simgpu.costs.measured_features import features
from simgpu.kernels import OPERATIONS
from tests.unit.calibration.laws import calibration
from tests.unit.costs.test_measured import operation_of

CUBIC = (
    *("cholesky", "det", "eig", "eigh", "eigvals", "eigvalsh", "inv", "matrix_power", "matrix_rank", "pinv", "qr"),
    *("slogdet", "solve", "svd", "svdvals"),
)
SORTING = ("sort", "argsort")
FOURIER = [name for name in OPERATIONS if name.startswith("fft.") and not name.endswith(("freq", "shift"))]


def edge_of(found):
    return found.inputs[0].shape[-1]


def wave(found):
    """Ten percent up and down over the sizes, which no law foresees."""
    return 1 + 0.1 * math.sin(2 * math.log2(found.work.bytes))


def cubic_ps(found):
    """20 us, bytes at 500 GB/s, n^3 at 200 GFLOP/s, and 30 n^2."""
    edge = edge_of(found)
    stack = found.inputs[0].size // math.prod(found.inputs[0].shape[-2:])
    return round((2e7 + 2 * found.work.bytes + stack * (5 * edge**3 + 30 * edge**2)) * wave(found))


def sorting_ps(found):
    """5 us, bytes at 100 GB/s, and 2 ns for each comparison of merging."""
    size = found.inputs[0].size
    return round((5e6 + 10 * found.work.bytes + 2000 * size * math.log2(edge_of(found))) * wave(found))


def fourier_ps(found):
    """8 us, bytes at 500 GB/s, and 5 n log n at 200 GFLOP/s of the larger side."""
    size = max(found.inputs[0].size, found.outputs[0].size)
    return round((8e6 + 2 * found.work.bytes + 25 * size * math.log2(2 + edge_of(found))) * wave(found))


def sampled(found, law):
    return OperationSample(
        found.kind, found.type, found.inputs, found.outputs, found.attributes,
        host_ps=0, host_spread_ps=0, device_ps=law(found), device_spread_ps=0, repetitions=3,
    )  # fmt: skip


def of_one_kind(type):
    """The cases of a type in the plan that share path and dtype with its first one in the largest number."""
    groups = {}
    for found in default_plan().operations:
        if found.type == type:
            key = features(found.type, found.inputs, found.outputs, found.attributes).key
            groups.setdefault(key, []).append(found)
    return max(groups.values(), key=len)


def predicted_ps(found, known, law):
    samples = tuple(sampled(other, law) for other in known)
    return Measured(calibration([], operations=samples)).estimate(operation_of(found), "GPU").device_ps


def worst_factor(type, law, is_near):
    """How far off the worst prediction of a case is from the first, the last, and all others that are not near it."""
    first, *between, last = sorted(of_one_kind(type), key=law)
    worst = 1.0
    for found in between:
        known = [first, *(other for other in between if not is_near(found, other)), last]
        ratio = predicted_ps(found, known, law) / law(found)
        worst = max(worst, ratio, 1 / ratio)
    assert len(between) > 2
    return worst


def is_as_large(found, other):
    return found.inputs[0].size == other.inputs[0].size


def is_half_to_twice_as_wide(found, other):
    return edge_of(other) in (edge_of(found) // 2, edge_of(found), 2 * edge_of(found))


@pytest.mark.parametrize("name", CUBIC)
def test_linear_algebra_far_from_other_sizes_is_predicted_from_the_cube_of_its_edge(name):
    assert worst_factor(f"linalg.{name}", cubic_ps, is_half_to_twice_as_wide) < 1.5


@pytest.mark.parametrize("type", SORTING)
def test_sorting_between_two_sizes_is_predicted_from_its_comparisons(type):
    assert worst_factor(type, sorting_ps, is_as_large) < 1.2


@pytest.mark.parametrize("type", FOURIER)
def test_fourier_transforms_between_two_sizes_are_predicted_from_n_log_n(type):
    assert worst_factor(type, fourier_ps, is_as_large) < 1.25
