"""Every function of the array API standard: signature, values (against NumPy's), dtypes, devices, caps."""

from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest

from simgpu.arrays import Array, Runtime
from simgpu.errors import DeviceMismatchError, GraphError, OutOfDeviceMemory
from simgpu.graph import TensorSpec
from simgpu.kernels import OPERATIONS
from tests.oracle.array_api_standard import (
    BY_VALUES,
    CALLS,
    MAKING,
    OF_DTYPES,
    SIGNATURES,
    SINCE_2025,
    VIEWS,
)

NAMES = [line.partition("(")[0] for line in SIGNATURES.split("\n") if line]
WITH_ARRAYS = sorted(set(CALLS) - {"linalg.eig"})  # the order and signs of eigenvectors are nobody's
OTHER_NAMES = {"linalg.matrix_transpose": "matrix_transpose", "linalg.vecdot": "vecdot"}
EMPTY = {"empty", "empty_like"}


def function_of(namespace, name):
    for part in name.split("."):
        namespace = getattr(namespace, part)
    return namespace


def arrays_of(result):
    return list(result) if isinstance(result, tuple | list) else [result]


@pytest.fixture(scope="module")
def runtime():
    with Runtime("2 x 64MiB") as runtime:
        yield runtime


@pytest.fixture(scope="module")
def xp(runtime):
    return runtime.xp()


def test_every_function_of_the_standard_has_a_call_here():
    assert sorted([*CALLS, *MAKING, *OF_DTYPES]) == sorted(NAMES)
    assert len([name for name in NAMES if "." not in name]) == 135


@pytest.mark.parametrize("line", [line for line in SIGNATURES.split("\n") if line])
def test_signatures_are_those_of_the_standard(xp, line):
    name = line.partition("(")[0]
    function = function_of(xp, name)

    signature = inspect.signature(function)

    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    text = str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty))
    assert f"{name}{text}" == line
    assert function.__name__ == name.rpartition(".")[2]
    assert function.__doc__


@pytest.mark.parametrize("name", WITH_ARRAYS)
def test_values_and_dtypes_are_those_of_numpy(xp, name):
    made = arrays_of(CALLS[name](function_of(xp, name), xp.asarray))

    reference = getattr(np, OTHER_NAMES[name]) if name in OTHER_NAMES else function_of(np, name)
    expected = arrays_of(CALLS[name](reference, np.asarray))
    assert [array.shape for array in made] == [array.shape for array in expected]
    if name == "linalg.eigvals":
        expected = [array.astype(np.complex128) for array in expected]
    assert [array.dtype for array in made] == [array.dtype for array in expected]
    if name not in EMPTY:
        for found, wanted in zip(made, expected, strict=True):
            np.testing.assert_allclose(found.value(), wanted, rtol=1e-12)


def test_eigenvalues_and_eigenvectors_are_complex_and_belong_together(xp):
    matrix = np.asarray([[2.0, 1.0], [0.0, 3.0]])

    values, vectors = xp.linalg.eig(xp.asarray(matrix))

    assert (values.dtype, vectors.dtype) == (xp.complex128, xp.complex128)
    np.testing.assert_allclose(matrix @ vectors.value(), vectors.value() * values.value())


@pytest.mark.parametrize("name", MAKING)
def test_what_is_made_has_the_values_of_numpy_and_the_device_asked_for(xp, runtime, name):
    function = function_of(xp, name)

    on_default, asked = MAKING[name](function, {}), MAKING[name](function, {"device": "gpu:1"})
    with runtime.device("/gpu:1"):
        in_scope, against_scope = MAKING[name](function, {}), MAKING[name](function, {"device": "gpu:0"})

    expected = MAKING[name](function_of(np, name), {})
    default = "CPU:0" if name == "from_dlpack" else "GPU:0"  # host memory stays where it is
    devices = [array.device[-5:] for array in (on_default, asked, in_scope, against_scope)]
    assert devices == [default, "GPU:1", "CPU:0" if name == "from_dlpack" else "GPU:1", "GPU:0"]
    for array in (on_default, asked, in_scope, against_scope):
        assert (array.shape, array.dtype) == (expected.shape, expected.dtype)
        if name not in EMPTY:
            np.testing.assert_array_equal(array.value(), expected)


@pytest.mark.parametrize("name", CALLS)
def test_results_are_on_the_device_of_the_inputs(xp, runtime, name):
    with runtime.device("/gpu:0"):
        made = arrays_of(CALLS[name](function_of(xp, name), lambda values: xp.asarray(values, device="gpu:1")))

    assert {(array.device, array.backing_device) for array in made} == {(runtime.machine.devices[2].name,) * 2}


@pytest.mark.parametrize("name", CALLS)
def test_arrays_of_two_devices_do_not_meet(xp, name):
    devices = itertools.cycle(["gpu:0", "gpu:1"])
    given = []

    def make(values):
        given.append(xp.asarray(values, device=next(devices)))
        return given[-1]

    function = function_of(xp, name)
    if name in ("astype", "broadcast_arrays") or _arrays_taken(name) == 1:
        CALLS[name](function, make)
    else:
        with pytest.raises(DeviceMismatchError, match="move them to one device first"):
            CALLS[name](function, make)
    assert given


def _arrays_taken(name):
    taken = []
    CALLS[name](lambda *arguments, **options: None, lambda values: taken.append(values) or values)
    return len(taken)


@pytest.mark.parametrize("name", CALLS)
def test_a_full_device_refuses_results_but_not_views_and_its_ledger_stays(name):
    with Runtime("1 x 1MiB", storage="numpy") as runtime:
        xp = runtime.xp()
        inputs = []

        def make(values):
            inputs.append(xp.asarray(values))
            return inputs[-1]

        CALLS[name](function_of(xp, name), make)
        given = iter(inputs)
        free = runtime.memory_statistics().largest_hole_bytes
        filler = xp.empty(free, dtype=xp.int8)
        before = runtime.memories[1].live_owners()

        if name in VIEWS:
            CALLS[name](function_of(xp, name), lambda values: next(given))
        else:
            with pytest.raises(OutOfDeviceMemory):
                CALLS[name](function_of(xp, name), lambda values: next(given))

        assert runtime.memories[1].live_owners() == before
        del filler


@pytest.mark.parametrize("name", MAKING)
def test_a_full_device_refuses_new_arrays(name):
    with Runtime("1 x 1MiB", storage="shape") as runtime:
        xp = runtime.xp()
        filler = xp.empty(2**20, dtype=xp.int8)

        with pytest.raises(OutOfDeviceMemory):
            MAKING[name](function_of(xp, name), {"device": "gpu:0"})

        assert runtime.memories[1].live_owners() == [("empty", 2**20)]
        del filler


@pytest.mark.parametrize("name", [*CALLS, *MAKING])
def test_storage_without_values_gives_the_same_shapes_dtypes_and_ledger(name):
    if name in BY_VALUES:
        with Runtime("1 x 1MiB", storage="shape") as runtime, pytest.raises(GraphError, match="storage"):
            CALLS[name](function_of(runtime.xp(), name), runtime.xp().asarray)
        return

    seen = []
    for storage in ("numpy", "shape"):
        with Runtime("1 x 1MiB", storage=storage) as runtime:
            xp, function = runtime.xp(), function_of(runtime.xp(), name)
            made = arrays_of(CALLS[name](function, xp.asarray) if name in CALLS else MAKING[name](function, {}))
            accounts = [memory.statistics() for memory in runtime.memories]
            seen.append(([TensorSpec(array.shape, array.dtype.name) for array in made], accounts))
            del made

    assert seen[0] == seen[1]


class Noting:
    """An observer that keeps the types of operations and views."""

    def __init__(self):
        self.types = []

    def computed(self, type, attributes, inputs, outputs, decision, start_ns):
        self.types.append(type)

    def viewed(self, type, attributes, source, view):
        self.types.append(type)

    def copied(self, *ignored):
        pass

    changing = granted = returned = copied


@pytest.mark.parametrize("name", [*CALLS, *MAKING])
def test_every_function_is_an_operation_of_the_kernel_table(runtime, xp, name):
    inputs = [] if name in MAKING else None
    noting = Noting()
    if inputs is None:
        inputs = []
        CALLS[name](function_of(xp, name), lambda values: inputs.append(xp.asarray(values)) or inputs[-1])
    given = iter(inputs)

    runtime.watch(noting)
    try:
        if name in MAKING:
            result = MAKING[name](function_of(xp, name), {})
        else:
            result = CALLS[name](function_of(xp, name), lambda values: next(given))
    finally:
        runtime.unwatch(noting)

    assert all(isinstance(array, Array) for array in arrays_of(result))
    assert noting.types
    assert all(type in OPERATIONS for type in noting.types)


INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float32", "float64"]
COMPLEX = ["complex64", "complex128"]
ALLOWED = {
    "add subtract multiply": [INTEGERS, FLOATS + COMPLEX],
    "divide": [INTEGERS, FLOATS + COMPLEX],
    "pow": [INTEGERS, FLOATS + COMPLEX],
    "floor_divide remainder maximum minimum less less_equal greater greater_equal": [INTEGERS, FLOATS],
    "equal not_equal": [["bool"], INTEGERS, FLOATS + COMPLEX],
    "atan2 copysign hypot logaddexp nextafter": [FLOATS],
    "bitwise_and bitwise_or bitwise_xor": [["bool"], INTEGERS],
    "bitwise_left_shift bitwise_right_shift": [INTEGERS],
    "logical_and logical_or logical_xor": [["bool"]],
}
PAIRS = [
    (name, left, right)
    for names, kinds in ALLOWED.items()
    for name in names.split()
    for kind in kinds
    for left, right in itertools.product(kind, kind)
    if "uint64" not in (left, right) or {left, right} <= set(INTEGERS[4:])
]  # uint64 with a signed integer has no common integer dtype


@pytest.mark.parametrize("name", sorted({name for name, _, _ in PAIRS}))
def test_dtypes_of_operands_promote_as_the_standard_says(xp, name):
    for _, left, right in (pair for pair in PAIRS if pair[0] == name):
        values = np.asarray([1, 2, 1]).astype(left), np.asarray([2, 1, 1]).astype(right)

        made = getattr(xp, name)(*map(xp.asarray, values))

        expected = getattr(np, name)(*values)
        assert (name, left, right, made.dtype) == (name, left, right, expected.dtype)
        np.testing.assert_array_equal(made.value(), expected)
        assert xp.result_type(getattr(xp, left), getattr(xp, right)) == np.result_type(left, right)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *[("add", "bool"), ("divide", "bool"), ("less", "complex64"), ("atan2", "int64"), ("logical_and", "int8")],
        *[("bitwise_and", "float32"), ("bitwise_left_shift", "bool"), ("maximum", "complex128"), ("pow", "bool")],
    ],
)
def test_dtypes_that_the_standard_excludes_are_refused(xp, name, dtype):
    x = xp.ones(3, dtype=getattr(xp, dtype))

    with pytest.raises(GraphError, match=rf"^{name}\({dtype}\[3\], {dtype}\[3\]\): "):
        getattr(xp, name)(x, x)


def test_the_standard_of_2024_lacks_what_came_later_and_gives_lists(runtime):
    older = runtime.xp(api_version="2024.12")

    def has(name):
        try:
            function_of(older, name)
        except AttributeError:
            return False
        return True

    assert {name for name in NAMES if not has(name)} == SINCE_2025
    x = older.ones(3)
    assert [type(older.meshgrid(x, x)), type(older.broadcast_arrays(x, x))] == [list, list]
    assert type(older.__array_namespace_info__().devices()) is list
    assert (older.__array_api_version__, x.__array_namespace__()) == ("2024.12", older)
    newer = runtime.xp()
    assert [type(newer.meshgrid(newer.ones(3))), type(newer.__array_namespace_info__().devices())] == [tuple, tuple]
