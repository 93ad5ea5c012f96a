"""The plan covers the operation table: every type, over sizes and dtypes, as it can be computed from shapes."""

from collections import defaultdict
from pathlib import Path

import pytest

from simgpu.calibration import Case, default_plan
from simgpu.calibration.bench import Bench
from simgpu.calibration.plan import NOT_MEASURED
from simgpu.costs.measured_features import features
from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels import OPERATIONS
from simgpu.storage import NumpyStorage
from simgpu.units import MiB

CASES = [found for found in default_plan().operations if found.kind == "GPU"]
BY_TYPE = defaultdict(list)
for _found in CASES:
    BY_TYPE[_found.type].append(_found)
TYPES = sorted(BY_TYPE)


def dtype_of(found):
    """The dtype that a case is measured on, as its samples are grouped."""
    return features(*asked(found)).dtype


def asked(found):
    return found.type, found.inputs, found.outputs, found.attributes


def on_dtype(found, dtype):
    """A case on another dtype in the place of float32."""
    inputs = tuple(TensorSpec(spec.shape, dtype) if spec.dtype == "float32" else spec for spec in found.inputs)
    attributes = {key: dtype if key == "dtype" else value for key, value in found.attributes.items()}
    return Case(found.type, inputs, attributes)


def is_permitted(found):
    try:
        return bool(found.outputs)
    except GraphError:
        return False


def test_every_type_of_the_table_is_in_the_plan_or_named_with_a_reason_why_not():
    assert set(TYPES) | set(NOT_MEASURED) == OPERATIONS.keys()
    assert set(TYPES) & set(NOT_MEASURED) == set()


def test_the_documentation_says_what_is_not_measured_and_why():
    lines = (Path(__file__).parents[3] / "docs" / "calibration.md").read_text().splitlines()
    told = [line for line in lines if line.startswith("| `") and line.split("|")[1].strip(" `") in OPERATIONS]

    assert told == [f"| `{name}` | {reason} |" for name, reason in NOT_MEASURED.items()]


@pytest.mark.parametrize("type", TYPES)
def test_a_type_has_cases_of_three_sizes_at_least(type):
    sizes = {found.work.bytes for found in BY_TYPE[type]}

    assert len(sizes) >= 3
    assert max(sizes) >= 256 * min(sizes)


@pytest.mark.parametrize("type", TYPES)
def test_a_type_is_measured_on_another_dtype_than_float32_if_it_has_one(type):
    dtypes = {dtype_of(found) for found in BY_TYPE[type]}
    like = [found for found in BY_TYPE[type] if dtype_of(found) == "float32"][:5]
    others = ("float64", "float16", "int64", "int32", "bool", "complex64")
    permitted = {dtype for dtype in others for found in like if is_permitted(on_dtype(found, dtype))}

    assert dtypes - {"float32"} or not permitted


@pytest.mark.parametrize(
    ("dtype", "types"),
    [
        ("float16", {"Add", "Conv", "MatMul", "Softmax", "exp", "sort", "sum"}),
        ("bfloat16", {"Add", "Conv", "MatMul", "Softmax", "Identity", "concat"}),
        ("int64", {"Add", "add", "bitwise_and", "matmul", "sort", "take", "sum"}),
        ("int32", {"Add", "add", "bitwise_left_shift", "multiply"}),
        ("bool", {"And", "Not", "all", "any", "logical_and", "where"}),
        ("complex64", {"add", "fft.fft", "linalg.eigh", "linalg.svd", "matmul", "imag"}),
        ("complex128", {"fft.ifft", "linalg.cholesky", "linalg.solve", "conj"}),
    ],
)
def test_a_dtype_is_measured_with_what_is_computed_on_it(dtype, types):
    assert types <= {found.type for found in CASES if dtype in {spec.dtype for spec in found.inputs}}


def test_a_small_sample_of_every_type_comes_in_the_first_tier():
    first = [found for found in CASES if found.tier == 0]

    assert {found.type for found in first} == set(TYPES)
    assert {found.type for found in first if found.work.bytes < 2**20} == set(TYPES)


def test_a_large_sample_of_every_type_comes_in_the_first_tier_behind_the_small_ones_of_all():
    first = [found for found in CASES if found.tier == 0]
    largest = {type: max(found.work.bytes for found in first if found.type == type) for type in TYPES}
    of_array_api = [found for found in first if not found.type[0].isupper()]
    small = [place for place, found in enumerate(of_array_api) if found.work.bytes < 2**18]

    assert {type: size for type, size in largest.items() if size < 2**17} == {}
    assert {found.type for found in of_array_api[: max(small) + 1]} == {found.type for found in of_array_api}
    assert max(small) < len(of_array_api) - 150


@pytest.fixture(scope="module")
def bench():
    return Bench(NumpyStorage(), 64 * MiB)


@pytest.mark.parametrize("type", TYPES)
def test_numpy_computes_the_smallest_case_of_a_type_on_each_dtype(type, bench):
    smallest = {}
    for found in sorted(BY_TYPE[type], key=lambda found: found.work.bytes):
        smallest.setdefault(tuple(spec.dtype for spec in found.inputs), found)

    assert [found for found in smallest.values() if not bench.fits(found)] == []
    assert [sample.failed for found in smallest.values() if (sample := bench.sample(found)).failed] == []


@pytest.fixture(scope="module")
def on_card():
    host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
    bench = Bench(host.host_storage(scratch_bytes=16 * MiB), 64 * MiB)
    yield bench
    bench.close()


@pytest.mark.parametrize("type", TYPES)
def test_the_smallest_case_of_a_type_is_launched_on_a_card(type, on_card):
    sample = on_card.sample(min(BY_TYPE[type], key=lambda found: found.work.bytes))

    assert sample.failed == ""
    assert sample.host_ps > 0
