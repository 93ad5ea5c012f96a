"""Array functions on drawn shapes, dtypes, axes and keys: what is inferred is what NumPy gives, or both refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels import infer, rule
from simgpu.kernels.array_api import key_attribute

INTEGER = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
REAL = [*INTEGER, "float16", "float32", "float64"]
DTYPES = ["bool", *REAL, "complex64", "complex128"]
dtypes = st.sampled_from(DTYPES)
shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
shapes_with_axes = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)


def values(shape, dtype="int64"):
    numbers = np.random.default_rng([*shape]).integers(-4, 5, shape)
    return numbers.astype(dtype)


def specs(arrays):
    return [TensorSpec(array.shape, array.dtype.name) for array in arrays]


def computed(name, *inputs, **attributes):
    """Infer and compute; the outputs are poisoned before, so that what is not written shows."""
    outputs = [np.full(spec.shape, 77, spec.dtype) for spec in infer(name, specs(inputs), attributes)]
    rule(name).compute(np, inputs, outputs, attributes)
    return outputs


def same(result, expected):
    expected = np.asarray(expected)
    return result.dtype == expected.dtype and np.array_equal(result, expected)


def agree(name, expression, *inputs, **attributes):
    """Check that the row and NumPy give the same, or both refuse."""
    try:
        expected = expression()
    except (ValueError, IndexError, TypeError):
        with pytest.raises(GraphError):
            infer(name, specs(inputs), attributes)
        return
    (result,) = computed(name, *inputs, **attributes)
    assert same(result, expected)


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4), dtypes, dtypes)
def test_operands_of_any_dtypes_meet_as_in_numpy(drawn, left, right):
    x, y = (values(shape, dtype) for shape, dtype in zip(drawn.input_shapes, (left, right), strict=True))

    (equal,) = computed("equal", x, y)
    (chosen,) = computed("where", values(x.shape, "bool"), x, y)

    assert same(equal, np.equal(x, y))
    assert same(chosen, np.where(values(x.shape, "bool"), x, y))
    if "bool" not in (left, right):
        assert same(computed("subtract", x, y)[0], np.subtract(x, y))


@given(shapes, shapes)
def test_shapes_that_do_not_broadcast_are_refused(left, right):
    x, y = values(left), values(right)

    agree("multiply", lambda: x * y, x, y)


@given(shapes, st.sampled_from(REAL), st.one_of(st.booleans(), st.integers(-100, 100), st.floats(width=16)))
def test_python_scalars_promote_weakly(shape, dtype, scalar):
    x = values(shape, dtype)
    with np.errstate(all="ignore"):
        if dtype.startswith("uint") and type(scalar) is int and scalar < 0:
            with pytest.raises(GraphError, match="is beyond"):
                infer("add", specs([x]), {"scalar": scalar})
            return
        (result,) = computed("add", x, scalar=scalar)
        (left,) = computed("subtract", x, scalar=scalar, side="left")

        np.testing.assert_array_equal(result, np.add(x, scalar), strict=True)
        np.testing.assert_array_equal(left, np.subtract(scalar, x), strict=True)


@given(st.data(), shapes_with_axes, st.sampled_from(["int16", "uint8", "float64"]), st.booleans())
def test_reductions_take_axes_in_every_form(data, shape, dtype, keepdims):
    x = values(shape, dtype)
    axis = data.draw(
        st.one_of(
            st.none(),
            st.integers(-5, 4),
            st.lists(st.integers(-4, 3), max_size=3).map(tuple),
        )
    )

    agree("sum", lambda: np.sum(x, axis=axis, keepdims=keepdims), x, axis=axis, keepdims=keepdims)
    agree("all", lambda: np.all(x, axis=axis, keepdims=keepdims), x, axis=axis, keepdims=keepdims)
    if axis is None or isinstance(axis, int):
        agree("argmax", lambda: np.argmax(x, axis=axis, keepdims=keepdims), x, axis=axis, keepdims=keepdims)


def dtype_of(entry):
    return entry.dtype.name if isinstance(entry, np.ndarray) else None


def indexed(x, key):
    attribute, arrays = key_attribute(key, dtype_of)
    return computed("getitem_arrays" if arrays else "getitem", x, *arrays, key=attribute)


def python_entries(side):
    bound = st.one_of(st.none(), st.integers(-6, 6))
    return st.one_of(
        st.integers(-side - 1, side),
        st.builds(slice, bound, bound, st.one_of(st.none(), st.integers(-3, 3).filter(bool))),
        st.none(),
        st.just(...),
        hnp.arrays(np.int64, st.sampled_from([(), (1,), (2,), (2, 2)]), elements=st.integers(-side, max(0, side - 1))),
    )


@given(st.data(), hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=4))
def test_keys_of_integers_slices_and_arrays_index_as_in_numpy(data, shape):
    x = values(shape)
    key = tuple(data.draw(st.lists(python_entries(min(shape, default=1)), max_size=5)))
    try:
        expected = x[key]
    except IndexError:
        with pytest.raises(GraphError):
            indexed(x, key)
        return
    changed = x.copy()
    changed[key] = 50

    attribute, arrays = key_attribute(key, dtype_of)
    (result,) = indexed(x, key)
    (put,) = computed("setitem", x, *arrays, key=attribute, value=50)

    assert same(result, expected)
    assert same(put, changed)


@given(st.data(), shapes)
def test_what_a_mask_selects_is_learned_by_doing_it(data, shape):
    x = values(shape)
    rank = data.draw(st.integers(0, len(shape)))
    mask = data.draw(hnp.arrays(np.bool_, shape[:rank]))

    (selected,) = rule("getitem_mask").compute_dynamic(np, [x, mask], {"key": ("mask",)})
    (put,) = computed("setitem", x, mask, np.arange(len(selected))[(..., *[None] * (len(shape) - rank))], key=("mask",))

    assert same(selected, x[mask])
    assert same(
        put[mask], np.broadcast_to(np.arange(len(selected))[(..., *[None] * (len(shape) - rank))], x[mask].shape)
    )


@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
def test_moving_elements_there_and_back_changes_nothing(data, shape):
    x, rank = values(shape), len(shape)
    axis = data.draw(st.integers(-rank, rank - 1))
    shift = data.draw(st.integers(-9, 9))
    order = tuple(data.draw(st.permutations(range(rank))))

    (rolled,) = computed("roll", x, shift=shift, axis=axis)
    (there,) = computed("permute_dims", x, axes=order)

    for name, inputs, attributes in (
        ("roll", [rolled], {"shift": -shift, "axis": axis}),
        ("permute_dims", [there], {"axes": tuple(int(place) for place in np.argsort(order))}),
        ("stack", computed("unstack", x, axis=axis), {"axis": axis}),
        ("squeeze", computed("expand_dims", x, axis=axis), {"axis": axis}),
        ("flip", computed("flip", x, axis=axis), {"axis": axis}),
        ("diff", computed("cumulative_sum", x, axis=axis, include_initial=True), {"axis": axis}),
        ("take_along_axis", [rolled, computed("argsort", rolled, axis=axis)[0]], {"axis": axis}),
    ):
        expected = np.sort(x, axis) if name == "take_along_axis" else x
        assert same(computed(name, *inputs, **attributes)[0], expected), name


@given(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3), dtypes, dtypes)
def test_products_of_any_dtypes_are_numpys(drawn, left, right):
    x, y = (values(shape, dtype) for shape, dtype in zip(drawn.input_shapes, (left, right), strict=True))
    if "bool" in (left, right):
        with pytest.raises(GraphError, match="it must be one of"):
            infer("matmul", specs([x, y]), {})
        return

    assert same(computed("matmul", x, y)[0], x @ y)


@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=3, max_side=5))
def test_transforms_have_the_shapes_and_values_of_numpys(data, shape):
    axes = tuple(data.draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True)))
    sizes = tuple(data.draw(st.integers(1, 6)) for _ in axes)
    x = values(shape).astype("float64")

    for name in ("fftn", "ifftn", "rfftn", "irfftn"):
        given_array = x if name == "rfftn" else x * (1 + 2j)
        expected = getattr(np.fft, name)(given_array, sizes, axes)

        assert same(computed(f"fft.{name}", given_array, s=sizes, axes=axes)[0], expected)
