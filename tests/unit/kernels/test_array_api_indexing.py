"""Indexing rows against NumPy: taking elements out, and putting them in."""

from __future__ import annotations

import numpy as np
import pytest

from simgpu.graph import TensorSpec
from simgpu.kernels import infer, rule
from simgpu.kernels.array_api import key_attribute
from tests.unit.kernels.array_api_checks import ALL, INTEGER, check, check_dynamic, refused, specs, values

X = values("float32", 3, 4, 5)


def dtype_of(entry):
    return entry.dtype.name if isinstance(entry, np.ndarray) else None


def split(key):
    return key_attribute(key, dtype_of)


BASIC = [0, -1, slice(1, 3), slice(None, None, -2), ..., None, (), (0, 1, 2), (..., 1), (slice(None), None, -2, ...)]
ROWS = np.array([[2, 0], [1, -1]])
ARRAYS = [
    ROWS,
    np.array(1),
    (ROWS, 1),
    (1, ROWS),
    (slice(None), ROWS),
    (slice(1), ROWS, slice(None, None, 2)),
    (ROWS, slice(None), ROWS[0]),
    (0, slice(None), ROWS),
    (..., ROWS),
    (None, ROWS, ..., ROWS),
    (ROWS, None, ROWS),
    (ROWS[:, :1], ROWS[0], 3),
]
MASK = values("bool", 3, 4)
MASKS = [MASK, (MASK, slice(2)), (slice(None), MASK[0]), values("bool", 3, 4, 5), (MASK, 2), (MASK[:, 0], ..., 1)]


@pytest.mark.parametrize("key", BASIC, ids=repr)
def test_a_basic_index_shows_what_numpys_view_shows(key):
    attribute, arrays = split(key)

    assert arrays == ()
    check("getitem", [X], X[key], key=attribute)


@pytest.mark.parametrize("key", ARRAYS, ids=range(len(ARRAYS)))
def test_arrays_of_integers_index_as_in_numpy(key):
    attribute, arrays = split(key)

    check("getitem_arrays", [X, *arrays], X[key], key=attribute)


@pytest.mark.parametrize("key", MASKS, ids=range(len(MASKS)))
def test_the_shape_of_what_a_mask_selects_depends_on_it(key):
    attribute, arrays = split(key)

    check_dynamic("getitem_mask", [X, *arrays], [X[key]], key=attribute)


@pytest.mark.parametrize("key", [*BASIC, *ARRAYS, *MASKS], ids=range(len(BASIC + ARRAYS + MASKS)))
def test_a_value_is_put_where_numpy_puts_it(key):
    attribute, arrays = split(key)
    one, many = X.copy(), X.copy()
    one[key] = 7
    many[key] = 2 * X[key]

    check("setitem", [X, *arrays], one, key=attribute, value=7)
    check("setitem", [X, *arrays, 2 * X[key]], many, key=attribute)


def test_only_the_new_elements_are_written_where_the_output_is_the_input():
    x = np.arange(6).reshape(2, 3)
    view = x[:, ::2]

    rule("setitem").compute(np, [view, np.array([8, 9])], [view], {"key": (1,)})

    assert x.tolist() == [[0, 1, 2], [8, 4, 9]]


def test_a_key_becomes_plain_values_and_its_arrays():
    key = (np.int64(1), slice(None, np.int8(3), 2), None, ..., MASK, ROWS)

    attribute, arrays = split(key)

    assert attribute == (1, ("slice", None, 3, 2), None, "...", "mask", "array")
    assert [array is given for array, given in zip(arrays, (MASK, ROWS), strict=True)] == [True, True]
    assert split(0) == ((0,), ())


@pytest.mark.parametrize("key", [1.5, True, "a", [0, 1], slice(0.5), (..., ...), values("float32", 2)], ids=repr)
def test_what_is_no_index_is_refused(key):
    with pytest.raises(ValueError, match=r"no index|at most one ellipsis"):
        split(key)


@pytest.mark.parametrize("dtype", INTEGER)
def test_taking_is_numpys_for_all_integers(dtype):
    indices = np.array([2, 0, 2], dtype)

    check("take", [X, indices], X.take(indices.astype(int), 1), axis=1)
    check("take", [X[0, 0], indices], X[0, 0][indices])
    check("take_along_axis", [X, indices[:, None, None]], np.take_along_axis(X, indices[:, None, None], 0), axis=0)
    check("take_along_axis", [X, indices[None, None]], np.take_along_axis(X, indices[None, None], -1))


@pytest.mark.parametrize("dtype", ALL)
def test_every_dtype_can_be_indexed(dtype):
    x = values(dtype, 4, 3)
    changed = x.copy()
    changed[1] = True

    check("getitem_arrays", [x, ROWS], x[ROWS], key=("array",))
    check_dynamic("getitem_mask", [x, MASK.T], [x[MASK.T]], key=("mask",))
    check("setitem", [x], changed, key=(1,), value=True)


def test_an_index_beyond_its_dimension_is_refused_as_soon_as_it_is_known():
    refused("getitem", X, key=(3,), says="the index 3 is beyond a dimension of 3")
    refused("getitem", X, key=(0, 0, 0, 0), says="there are too many indices for 3 dimensions: 4")
    refused("getitem", X, key=(("slice", 0, 2, 0),), says="a step of 0 leads nowhere")
    far = np.array([9])
    attributes = {"key": ("array",)}
    (spec,) = infer("getitem_arrays", specs([X, far]), attributes)
    with pytest.raises(IndexError):
        rule("getitem_arrays").compute(np, [X, far], [np.empty(spec.shape, spec.dtype)], attributes)


def test_keys_and_inputs_must_agree():
    refused("getitem", X, says="needs the attribute 'key'")
    refused("getitem", X, key=0, says="key is 0; it must be a tuple")
    refused("getitem_arrays", X, ROWS, key=(0,), says="key names the inputs [], but they are ['array']")
    refused(
        "getitem_arrays",
        X,
        ROWS,
        ROWS[:, :1].repeat(3, 1),
        key=("array", "array"),
        says="shapes (2, 2) and (2, 3) do not broadcast: [2, 3] meet in one axis",
    )
    refused("getitem_mask", X, ROWS, key=("array",), says="key ('array',) has no mask")
    refused(
        "getitem_mask", X, MASK.T, key=("mask",), says="a mask has shape (4, 3), but selects from dimensions (3, 4)"
    )
    refused("take", X, ROWS, axis=0, says="the indices have shape (2, 2); they must have one dimension")
    refused("take", X, ROWS[0], says="needs an axis for 3 dimensions")
    refused(
        "take",
        X,
        MASK[0],
        axis=0,
        says="input 1 is bool[4]; it must be one of int16, int32, int64, int8, uint16, uint32, uint64, uint8",
    )
    refused(
        "take_along_axis",
        X,
        ROWS,
        says="float32[3,4,5] and its indices int64[2,2] must have as many dimensions as one another",
    )


def test_a_value_must_fit():
    whole = values("int32", 3)

    refused(
        "setitem",
        whole,
        key=(0,),
        value=2.5,
        says="the scalar 2.5 does not fit into int32; cast it, or choose another dtype",
    )
    refused(
        "setitem",
        whole,
        key=(0,),
        value=2**40,
        says="the scalar 1099511627776 is beyond int32, which reaches from -2147483648 to 2147483647",
    )
    refused("setitem", whole, X[0, 0, 0], key=(0,), says="a value of float32 does not fit into int32; cast it")
    refused(
        "setitem",
        X,
        X[0],
        key=(0, 0),
        says="a value of shape (4, 5) does not broadcast to (5,), the shape of what it replaces",
    )
    refused("setitem", X, key=(0,), says="needs a value: as its last input, or as the attribute 'value'")
    check("setitem", [X, whole[:1, None]], np.concatenate([np.full((1, 4, 5), whole[0]), X[1:]], dtype="f4"), key=(0,))


def test_shapes_need_no_bytes():
    huge = TensorSpec((2**30, 2**30), "int8")

    assert infer("getitem", [huge], {"key": (("slice", 1, None, None),)}) == (TensorSpec((2**30 - 1, 2**30), "int8"),)
    assert infer("setitem", [huge], {"key": ("...",), "value": 0}) == (huge,)
