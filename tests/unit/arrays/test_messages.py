"""What arrays, namespaces and settings say to what they cannot do: a line of a program, and the whole message."""

from __future__ import annotations

import operator

import pytest

import simgpu as sg
import simgpu.xp

GPU0 = "/job:localhost/replica:0/task:0/device:GPU:0"
DTYPES = ": bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, complex64, complex128"
ROWS = {
    "xp.sum(3)": "sum takes arrays of this library, not int; make one first: xp.asarray(...)",
    "xp.abs(3)": "abs takes arrays of this library, not int; make one first: xp.asarray(...)",
    "xp.add(3, 4)": "add takes arrays of this library, not int; make one first: xp.asarray(...)",
    'xp.add(x, "y")': "add takes arrays of this library, not str; make one first: xp.asarray(...)",
    "xp.where(3, 4, 5)": "where takes arrays of this library, not int; make one first: xp.asarray(...)",
    'xp.where(x > 0, x, "y")': "where takes a bool, int, float or complex, or an array of this library, and not str",
    "xp.astype(3, xp.int8)": "astype takes arrays of this library, not int; make one first: xp.asarray(...)",
    "xp.concat(3)": "concat takes a list of arrays, not int",
    "xp.concat([])": "concat takes a list of arrays, and this one is empty; give it one at least",
    "xp.stack([3])": "stack takes arrays of this library, not int; make one first: xp.asarray(...)",
    "xp.full(3, None)": "full takes a number here, not NoneType; arrays of this library are made by xp.asarray(...)",
    'xp.arange("3")': "arange takes a number here, not str; arrays of this library are made by xp.asarray(...)",
    'xp.clip(x, "0")': "clip takes a bool, int, float or complex, or an array of this library, and not str",
    "xp.reshape(x, 1.5)": "shape must be an int, not 1.5",
    'xp.eye("3")': "n_rows must be an int, not '3'",
    'xp.sum(x, axis="0")': "axis must be an int, not '0'",
    "xp.broadcast_shapes(3)": "broadcast_shapes takes shapes, such as (2, 3), not 3",
    "xp.result_type(1, 2)": "result_type needs at least one array or dtype",
    'xp.result_type("text")': "'text' is neither an array nor a dtype; take one of the namespace, such as xp.float32",
    "xp.linalg.pinv(xp.ones((2, 2)), rtol=1j)": "linalg.pinv: a tolerance is real, and this is 1j",
    'xp.asarray("text")': "asarray: arrays hold numbers or bools, and 'text' is of <U4",
    "xp.asarray([1, [2, 3]])": "asarray: [1, [2, 3]] has no one shape; give lists of one length each",
    'xp.result_type("bfloat16", xp.int64)': ("result_type: no dtype holds bfloat16 and int64; cast some of them"),
    "x[xp.ones(2)]": "an array of float64 is no index; use one of integers or bools",
    "xp.asarray(2**63)": "asarray: an int of 9223372036854775808 is beyond int64; give dtype=xp.uint64",
    "xp.asarray([1, 2], copy=False)": (
        "asarray: values of the host come onto a logical device by a copy; do not forbid it"
    ),
    "xp.asarray(x, dtype=xp.int8, copy=False)": (
        f"asarray: this float64[4] on {GPU0} needs a copy for that; do not forbid it"
    ),
    "xp.ones(3, dtype=int)": (
        f"<class 'int'> is no dtype of arrays; take one of the namespace, such as xp.float32{DTYPES}"
    ),
    "len(xp.asarray(1.0))": "a float64[] has no axes, and so no length",
    "bool(x)": "only an array without dimensions can become bool, not float64[4]; take one element: x[0]",
    "int(xp.asarray(1j))": "complex128[] cannot become int; take xp.real or xp.imag of it",
    "float(xp.asarray(1j))": "complex128[] cannot become float; take xp.real or xp.imag of it",
    "operator.index(xp.asarray(1.5))": "float64[] cannot become an index; cast it: xp.astype(x, xp.int64)",
    'x.__setitem__(0, "y")': (
        "elements of float64[4] can be set to an array on its device or to a scalar, not to str; make an "
        "array of it: xp.asarray(value, device=x.device)"
    ),
    "x.__setitem__(0, [1])": (
        "elements of float64[4] can be set to an array on its device or to a scalar, not to list; make an "
        "array of it: xp.asarray(value, device=x.device)"
    ),
    "x.T": "T is for two dimensions, and this is float64[4]; use .mT, or permute_dims",
    "xp.permute_dims(x, (0, 0))": "permute_dims(float64[4]): axes don't match array",
    "xp.reshape(xp.ones((2, 3)).mT, (6,), copy=False)": (
        "reshape(float64[3,2]) cannot be a view: Unable to avoid creating a copy while reshaping.; allow a copy"
    ),
    "xp.expand_dims(x, axis=7)": "expand_dims(float64[4]): axis 7 is out of bounds for array of dimension 2",
    'x["a"]': "'a' is no index; use integers, slices, None, an ellipsis, or arrays of integers or bools",
    "x[..., ...]": "an index has at most one ellipsis",
    "x[1.5]": "1.5 is no index; use integers, slices, None, an ellipsis, or arrays of integers or bools",
    "xp.nothing": "the array API standard 2025.12 has no 'nothing'",
    "xp.linalg.nothing": "the array API standard has no 'nothing' in simgpu.xp.linalg",
    "sg.config.nothing": "module 'simgpu.config' has no attribute 'nothing'",
    "sg.xp.__nothing__": "module 'simgpu.xp' has no attribute '__nothing__'",
    'runtime.config.set_memory_reserve("2 parsecs")': (
        "memory reserve: '2 parsecs' has the unknown unit 'parsecs'; accepted: an int in B, or text such as "
        "'512 MiB', '1.5GiB', '2 GB'"
    ),
    'runtime.config.set_logical_device_configuration(gpu, [sg.config.LogicalDeviceConfiguration("2 parsecs")])': (
        "/physical_device:GPU:0: memory_limit: '2 parsecs' has the unknown unit 'parsecs'; accepted: an int "
        "in B, or text such as '512 MiB', '1.5GiB', '2 GB'"
    ),
}


@pytest.fixture(scope="module")
def names():
    """What the rows use."""
    with sg.Runtime("2 x 1MiB") as runtime:
        xp = runtime.xp()
        gpu = runtime.config.list_physical_devices("GPU")[0]
        yield {"sg": sg, "operator": operator, "runtime": runtime, "xp": xp, "x": xp.ones(4), "gpu": gpu}


@pytest.mark.parametrize("line", ROWS)
def test_what_cannot_be_done_is_refused_in_words(line, names):
    with pytest.raises((sg.SimgpuError, TypeError, AttributeError)) as caught:
        eval(line, names)

    assert str(caught.value) == ROWS[line]


def test_scopes_are_left_in_order():
    with sg.Runtime("2 x 1MiB") as runtime:
        outer, inner = runtime.device("/gpu:0"), runtime.device("/gpu:1")
        outer.__enter__()
        inner.__enter__()

        with pytest.raises(sg.DeviceScopeError) as caught:
            outer.__exit__(None, None, None)
    assert str(caught.value) == "a device scope is left that is not the innermost one; leave scopes in order"


def test_storage_without_values_has_no_shapes_that_follow_from_them():
    with sg.Runtime("1 x 1MiB", storage="shape") as runtime, pytest.raises(sg.GraphError) as caught:
        runtime.xp().nonzero(runtime.xp().ones(3))

    assert str(caught.value) == (
        "the result shapes of nonzero follow from values, and `shape` storage holds none; run it on `numpy` storage"
    )
