from __future__ import annotations

import gc

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.errors import AxisError, GraphError, InvalidValue
from tests.messages import exactly

VALUES = np.arange(24.0).reshape(2, 3, 4)

VIEWS = {
    "an item": lambda xp, x: x[1],
    "an element": lambda xp, x: x[1, 2, 3],
    "a slice": lambda xp, x: x[:, 1:, ::2],
    "backwards": lambda xp, x: x[::-1, ..., ::-2],
    "a new axis": lambda xp, x: x[:, None, ..., None],
    "nothing": lambda xp, x: x[1:1],
    "transposed": lambda xp, x: x.mT,
    "permuted": lambda xp, x: xp.permute_dims(x, (2, 0, 1)) if x.ndim == 3 else x,
    "moved": lambda xp, x: xp.moveaxis(x, 0, -1),
    "flipped": lambda xp, x: xp.flip(x, axis=1),
    "expanded": lambda xp, x: xp.expand_dims(x, axis=(0, 2)),
    "squeezed": lambda xp, x: xp.squeeze(x[:1], axis=0),
    "reshaped": lambda xp, x: xp.reshape(x, (6, -1)),
    "broadcast": lambda xp, x: xp.broadcast_to(x, (5, 2, 3, 4)),
    "broadcast together": lambda xp, x: xp.broadcast_arrays(x, xp.ones((5, 1, 1, 1)))[0],
    "taken apart": lambda xp, x: xp.unstack(x, axis=2)[3],
    "real part": lambda xp, x: xp.real(x),
    "a view of a view": lambda xp, x: xp.reshape(x[1], (2, 6))[:, 1::3],
}


@pytest.fixture(params=["numpy", "shape"])
def runtime(request):
    with Runtime("1 x 1GiB", storage=request.param) as runtime:
        yield runtime


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_costs_no_memory_and_shows_what_numpy_shows(runtime, name):
    xp = runtime.xp()
    x = xp.asarray(VALUES)
    before = runtime.memory_statistics().current_bytes

    view = VIEWS[name](xp, x)

    gc.collect()
    assert runtime.memory_statistics().current_bytes == before
    expected = VIEWS[name](np, VALUES) if name not in NAMED_OTHERWISE else NAMED_OTHERWISE[name]
    assert view.shape == expected.shape
    if runtime.storage.name == "numpy":
        np.testing.assert_array_equal(view.value(), expected)


NAMED_OTHERWISE = {
    "squeezed": VALUES[0],
    "broadcast together": np.broadcast_to(VALUES, (5, 2, 3, 4)),
    "permuted": VALUES.transpose(2, 0, 1),
    "taken apart": VALUES[..., 3],
}


def test_both_storages_lay_views_out_alike():
    layouts = []
    for storage in ("numpy", "shape"):
        with Runtime("1 x 1GiB", storage=storage) as runtime:
            xp = runtime.xp()
            x = xp.asarray(VALUES)
            views = [view(xp, x) for view in VIEWS.values()]
            layouts.append([_layout(x, view) for view in views])

    assert layouts[0] == layouts[1]


def _layout(x, view):
    data, base = view._data, x._data
    if isinstance(data, np.ndarray):
        return data.ctypes.data - base.ctypes.data, data.strides, data.flags.writeable
    return data.offset - base.offset, data.layout().strides, data.is_writable


def test_the_bytes_of_a_view_lie_in_its_device(runtime):
    xp = runtime.xp()
    x = xp.asarray(VALUES)
    region = runtime.memories[1].region

    assert all(region.holds(view(xp, x)._data) for view in VIEWS.values())
    assert not any(runtime.memories[0].region.holds(view(xp, x)._data) for view in VIEWS.values() if view(xp, x).size)


def test_a_change_through_a_view_is_seen_by_all():
    with Runtime("1 x 1GiB") as runtime:
        xp = runtime.xp()
        x = xp.zeros((2, 3))
        row, transposed = x[1], x.T

        row[:] = xp.asarray([1.0, 2.0, 3.0])
        transposed[0, 0] = 9
        x += 1

        np.testing.assert_array_equal(x.value(), [[10.0, 1.0, 1.0], [2.0, 3.0, 4.0]])
        np.testing.assert_array_equal(row.value(), [2.0, 3.0, 4.0])


def test_a_shape_that_needs_a_copy_is_a_copy_on_both_storages(runtime):
    xp = runtime.xp()
    x = xp.asarray(VALUES)

    flat = xp.reshape(x.mT, (-1,))

    assert flat.shape == (24,)
    assert runtime.memory_statistics().current_count == 2
    with pytest.raises(InvalidValue, match=r"reshape\(float64\[2,4,3\]\) cannot be a view: .*; allow a copy"):
        xp.reshape(x.mT, (-1,), copy=False)


def test_reshape_copies_if_asked(runtime):
    xp = runtime.xp()
    x = xp.asarray(VALUES)

    copied, shown = xp.reshape(x, (24,), copy=True), xp.reshape(x, (24,), copy=False)

    assert copied._buffer is not x._buffer
    assert shown._buffer is x._buffer


def test_arrays_and_masks_choose_elements_into_memory_of_their_own():
    with Runtime("1 x 1GiB") as runtime:
        xp = runtime.xp()
        x = xp.asarray(VALUES)
        places, mask = xp.asarray([2, 0, 2]), x > 20.0

        chosen, masked = x[:, places], x[mask]

        np.testing.assert_array_equal(chosen.value(), VALUES[:, [2, 0, 2]])
        np.testing.assert_array_equal(masked.value(), VALUES[VALUES > 20.0])
        assert {array._buffer for array in (chosen, masked)}.isdisjoint({x._buffer})


def test_elements_are_set_to_scalars_and_arrays_by_any_key():
    with Runtime("1 x 1GiB") as runtime:
        xp = runtime.xp()
        x, expected = xp.asarray(VALUES), VALUES.copy()

        x[0, 1], expected[0, 1] = 5, 5
        x[..., -1] = xp.asarray([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        expected[..., -1] = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
        x[x > 20.0] = -1.0
        expected[expected > 20.0] = -1.0
        x[:, xp.asarray([0, 2])] = xp.zeros((2, 2, 4))
        expected[:, [0, 2]] = 0.0

        np.testing.assert_array_equal(x.value(), expected)


@pytest.mark.parametrize("value", [[1.0], np.ones(3), "text", None])
def test_elements_are_not_set_to_values_of_the_host(runtime, value):
    x = runtime.xp().ones(3)

    with pytest.raises(TypeError, match="can be set to an array on its device or to a scalar"):
        x[:] = value


@pytest.mark.parametrize("key", [3, -4, (0, 0), (slice(None), slice(None), 0)])
def test_an_index_beyond_an_axis_is_an_index_error(runtime, key):
    x = runtime.xp().ones(3)

    with pytest.raises(AxisError, match=r"^getitem\(float64\[3\]\): (the index|there are too many indices)") as reading:
        x[key]
    with pytest.raises(AxisError, match=r"^setitem\(float64\[3\]\): (the index|there are too many indices)"):
        x[key] = 0.0

    assert isinstance(reading.value, IndexError)


@pytest.mark.parametrize("key", [1.0, "a", [0, 1], True, (..., ...), np.ones(3)])
def test_what_is_no_index_is_refused(runtime, key):
    with pytest.raises((GraphError, TypeError)):
        runtime.xp().ones(3)[key]


def test_a_broadcast_view_cannot_change(runtime):
    xp = runtime.xp()
    x = xp.broadcast_to(xp.ones(3), (2, 3))

    with pytest.raises(
        InvalidValue,
        match=exactly("this float64[2,3] is a broadcast view: its elements share places; change a copy of it"),
    ):
        x += 1.0
    with pytest.raises(InvalidValue):
        x[0] = 1.0


def test_only_matrices_have_a_transpose(runtime):
    xp = runtime.xp()

    assert xp.ones((2, 3)).T.shape == (3, 2)
    with pytest.raises(
        InvalidValue, match=exactly("T is for two dimensions, and this is float64[2,3,4]; use .mT, or permute_dims")
    ):
        _ = xp.ones((2, 3, 4)).T
    with pytest.raises(GraphError):
        _ = xp.ones(3).mT


def test_wrong_arguments_of_views_are_refused_in_the_words_of_the_operation(runtime):
    x = runtime.xp().ones((2, 3))
    xp = runtime.xp()

    for wrong in (
        lambda: xp.permute_dims(x, (0, 0)),
        lambda: xp.squeeze(x, axis=0),
        lambda: xp.expand_dims(x, axis=5),
        lambda: xp.reshape(x, (4, 2)),
        lambda: xp.broadcast_to(x, (2, 4)),
        lambda: xp.flip(x, axis=2),
        lambda: xp.moveaxis(x, 0, 7),
        lambda: xp.unstack(x, axis=2),
    ):
        with pytest.raises(GraphError, match=r"^\w+\(float64\[2,3\]\): "):
            wrong()
