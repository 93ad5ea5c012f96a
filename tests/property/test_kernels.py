"""Operations on drawn shapes: against loops that no one can get wrong, and against NumPy's own rules."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from simgpu.errors import GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels import OPERATIONS, infer


def values(*shape):
    return np.random.default_rng(shape).integers(-8, 9, shape).astype(np.float64)


def computed(type, *inputs, **attributes):
    """Infer and compute; the outputs are poisoned before, so that what is not written shows."""
    specs = infer(type, [TensorSpec(array.shape, array.dtype.name) for array in inputs], attributes)
    outputs = [np.full(spec.shape, 77, spec.dtype) for spec in specs]
    OPERATIONS[type].compute(np, inputs, outputs, attributes)
    return outputs


@st.composite
def windows(draw, *, pads_below_kernel=False):
    """Attributes of a window, its kernel and an image of 1 or 2 axes that it fits into."""
    rank = draw(st.integers(1, 2))
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    kernel, strides, dilations = each(1, 3), each(1, 3), each(1, 2)
    highest = min(kernel) - 1 if pads_below_kernel else 3
    pads = tuple(draw(st.integers(0, highest)) for _ in range(2 * rank))
    reach = [dilation * (taps - 1) + 1 for dilation, taps in zip(dilations, kernel, strict=True)]
    sizes = tuple(draw(st.integers(max(1, least), least + 5)) for least in reach)
    return sizes, kernel, {"strides": strides, "dilations": dilations, "pads": pads}


def naive_windows(image, kernel, attributes, fill):
    """Yield (place of the output, the elements under the window) of an image (channels, ...) padded with `fill`."""
    rank = len(kernel)
    pads, strides, dilations = attributes["pads"], attributes["strides"], attributes["dilations"]
    widths = [(0, 0), *((pads[axis], pads[axis + rank]) for axis in range(rank))]
    padded = np.pad(image, widths, constant_values=fill)
    reach = [dilations[axis] * (kernel[axis] - 1) for axis in range(rank)]
    counts = [(padded.shape[axis + 1] - reach[axis] - 1) // strides[axis] + 1 for axis in range(rank)]
    for place in product(*map(range, counts)):
        starts = [place[axis] * strides[axis] for axis in range(rank)]
        cut = [slice(starts[axis], starts[axis] + reach[axis] + 1, dilations[axis]) for axis in range(rank)]
        yield place, padded[(slice(None), *cut)]


@given(windows(), st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.booleans())
def test_a_convolution_equals_a_loop_over_outputs(window, batch, group, depth, multiple, has_bias):
    sizes, kernel, attributes = window
    images = values(batch, group * depth, *sizes)
    weights, bias = values(group * multiple, depth, *kernel), values(group * multiple)
    inputs = (images, weights, bias) if has_bias else (images, weights)

    (result,) = computed("Conv", *inputs, group=group, **attributes)

    for number, image in enumerate(images):
        for channel in range(group * multiple):
            first = channel // multiple * depth
            for place, elements in naive_windows(image[first : first + depth], kernel, attributes, 0):
                expected = (elements * weights[channel]).sum() + (bias[channel] if has_bias else 0)
                assert result[(number, channel, *place)] == expected


@given(windows(pads_below_kernel=True))
def test_pooling_equals_a_loop_over_outputs(window):
    sizes, kernel, attributes = window
    image = values(2, *sizes)

    (largest,) = computed("MaxPool", image[None], kernel_shape=kernel, **attributes)
    (average,) = computed("AveragePool", image[None], kernel_shape=kernel, **attributes)
    (padded,) = computed("AveragePool", image[None], kernel_shape=kernel, count_include_pad=1, **attributes)

    axes = tuple(range(1, len(sizes) + 1))
    for place, elements in naive_windows(image, kernel, attributes, -np.inf):
        at = (0, slice(None), *place)
        counted = np.isfinite(elements)
        sums = np.where(counted, elements, 0).sum(axes)
        assert np.array_equal(largest[at], elements.max(axes))
        np.testing.assert_allclose(average[at], sums / counted[0].sum(), rtol=1e-14)
        np.testing.assert_allclose(padded[at], sums / counted[0].size, rtol=1e-14)


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4))
def test_shapes_broadcast_as_in_numpy(shapes):
    left, right = (values(*shape) for shape in shapes.input_shapes)

    (total,) = computed("Add", left, right)
    (is_less,) = computed("Less", left, right)

    assert total.shape == is_less.shape == shapes.result_shape
    assert np.array_equal(total, left + right)
    assert np.array_equal(is_less, left < right)


@given(hnp.array_shapes(max_dims=3, max_side=3, min_dims=0), hnp.array_shapes(max_dims=3, max_side=3, min_dims=0))
def test_shapes_that_numpy_refuses_are_refused(left, right):
    inputs = [TensorSpec(left, "float32"), TensorSpec(right, "float32")]
    try:
        expected = np.broadcast_shapes(left, right)
    except ValueError:
        with pytest.raises(GraphError, match="do not broadcast"):
            infer("Mul", inputs, {})
    else:
        assert infer("Mul", inputs, {}) == (TensorSpec(expected, "float32"),)


@given(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3))
def test_matrix_products_have_the_shapes_of_numpy(shapes):
    left, right = (values(*shape) for shape in shapes.input_shapes)

    (result,) = computed("MatMul", left, right)

    assert result.shape == shapes.result_shape
    assert np.array_equal(result, left @ right)


@given(st.data(), hnp.array_shapes(max_dims=3, max_side=6, min_side=0))
def test_a_slice_cuts_as_numpy_does(data, shape):
    steps = st.integers(-3, 3).filter(bool)
    cuts = [slice(data.draw(st.integers(-8, 8)), data.draw(st.integers(-8, 8)), data.draw(steps)) for _ in shape]
    array = values(*shape)
    attributes = {"starts": [cut.start for cut in cuts], "ends": [cut.stop for cut in cuts]}

    (result,) = computed("Slice", array, steps=[cut.step for cut in cuts], **attributes)

    assert np.array_equal(result, array[tuple(cuts)])


@given(st.data(), hnp.array_shapes(max_dims=4, max_side=4))
def test_moving_data_there_and_back_changes_nothing(data, shape):
    array = values(*shape)
    axis = data.draw(st.integers(0, len(shape) - 1))
    order = tuple(data.draw(st.permutations(range(len(shape)))))
    pieces = data.draw(st.integers(1, shape[axis]))
    pads = data.draw(st.lists(st.integers(0, 3), min_size=2 * len(shape), max_size=2 * len(shape)))

    (turned,) = computed("Transpose", array, perm=order)
    (back,) = computed("Transpose", turned, perm=tuple(int(place) for place in np.argsort(order)))
    (joined,) = computed("Concat", *computed("Split", array, axis=axis, num_outputs=pieces), axis=axis)
    (wide,) = computed("Pad", array, pads=pads, value=9)
    (narrow,) = computed("Pad", wide, pads=[-pad for pad in pads])
    (flat,) = computed("Flatten", array, axis=axis)
    (unflat,) = computed("Reshape", flat, shape=shape)

    for result in (back, joined, narrow, unflat):
        assert np.array_equal(result, array)


@given(st.data(), hnp.array_shapes(max_dims=4, max_side=4), st.booleans())
def test_reductions_have_the_shapes_and_values_of_numpy(data, shape, keepdims):
    array = values(*shape)
    axes = tuple(data.draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True)))

    for type, function in (("ReduceSum", np.sum), ("ReduceMax", np.max), ("ReduceMin", np.min)):
        (result,) = computed(type, array, axes=axes, keepdims=int(keepdims))

        assert np.array_equal(result, function(array, axis=axes, keepdims=keepdims))


@given(hnp.arrays(np.int32, 20, elements=st.integers(-20, 20)), st.integers(-5, 5).filter(bool))
def test_integers_divide_toward_zero(dividend, divisor):
    (quotient,) = computed("Div", dividend, np.array(divisor, np.int32))

    assert np.array_equal(quotient, np.trunc(dividend / divisor).astype(np.int32))
