"""No public call reads memory of one device as another's: it refuses, or makes the copy that it was asked for."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

import simgpu as sg
from simgpu.errors import DeviceMismatchError, GraphError
from tests.property.two_devices import (
    ALONE,
    APART,
    MIXED,
    MOVING,
    NO_ARRAYS,
    READING,
    Given,
    arrays_in,
    function,
    functions_of,
    two_devices,
)

pytestmark = pytest.mark.gpu

PAIRS = [(0, 1), (1, 0)]


def given(runtime):
    xp = runtime.xp()
    return xp, [Given.on(xp, f"gpu:{number}") for number in (0, 1)]


def single(kernels):
    """Tell whether each kernel has seen memory of one device alone."""
    return all(len(places) <= 1 for places in kernels)


@pytest.mark.parametrize("name", MIXED)
def test_arrays_of_two_devices_are_refused_and_nothing_is_touched(card, name):
    watched, runtime = two_devices(card)
    with runtime:
        xp, arrays = given(runtime)
        before = [[array.value() for array in some] for some in arrays] if runtime.storage.name != "shape" else []
        for first, second in PAIRS:
            a, b = arrays[first], arrays[second]
            for same in (a, b):  # what is learnt from calls on one device must not be used on two
                with contextlib.suppress(GraphError):  # on `shape` storage, where shapes follow from values
                    MIXED[name](xp, Given.on(xp, same.x.device), Given.on(xp, same.x.device))
            seen = watched.start_over()
            with pytest.raises(DeviceMismatchError, match="move them to one device first"):
                MIXED[name](xp, a, b)

            assert single(seen.kernels)
            assert (seen.copies, seen.reads) == ([], [])
        for some, values in zip(arrays, before, strict=False):
            for array, value in zip(some, values, strict=True):
                np.testing.assert_array_equal(array.value(), value)


@pytest.mark.parametrize("name", MOVING)
def test_what_is_told_to_go_to_another_device_goes_there_by_one_copy(card, name):
    watched, runtime = two_devices(card)
    with runtime:
        xp, arrays = given(runtime)
        for first, second in PAIRS:
            seen = watched.start_over()
            made = MOVING[name](xp, arrays[first], arrays[second])

            assert made.device == arrays[second].x.device
            assert single(seen.kernels)
            assert (seen.copies, seen.reads) == ([(first + 1, second + 1)], [])
            expected = MOVING[name](xp, arrays[first], arrays[first])
            np.testing.assert_array_equal(made.value(), expected.value())


@pytest.mark.parametrize("name", APART)
def test_what_needs_no_other_array_leaves_each_where_it_is(card, name):
    watched, runtime = two_devices(card)
    with runtime:
        xp, (a, b) = given(runtime)
        seen = watched.start_over()
        made = APART[name](xp, a, b)

        assert [array.device for array in made] == [a.x.device, b.x.device]
        assert [watched.place(array._data) for array in made] == [1, 2]
        assert (single(seen.kernels), seen.copies, seen.reads) == (True, [], [])


@pytest.mark.parametrize("name", READING)
def test_what_the_host_reads_it_reads_from_the_device_that_has_it(card, name):
    watched, runtime = two_devices(card)
    with runtime:
        xp, arrays = given(runtime)
        for first, second in PAIRS:
            seen = watched.start_over()
            made = READING[name](xp, arrays[first], arrays[second])

            assert {array.device for array in arrays_in(made)} <= {arrays[second].x.device}
            assert single(seen.kernels)
            assert (seen.copies, set(seen.reads)) == ([], {first + 1})


@pytest.mark.parametrize("name", ["the rest", *ALONE])
def test_what_takes_arrays_of_one_device_works_there_whatever_the_scopes_say(card, name):
    watched, runtime = two_devices(card)
    with runtime:
        xp, _ = given(runtime)
        calls = {name: ALONE[name]} if name in ALONE else the_rest(xp)
        for number in (0, 1):
            for call in calls.values():
                a = Given.on(xp, f"gpu:{number}")
                seen = watched.start_over()
                with runtime.device(f"/gpu:{1 - number}"):
                    made = call(xp, a)

                assert {array.device for array in arrays_in(made)} <= {a.x.device}
                assert {watched.place(array._data) for array in arrays_in(made)} <= {number + 1, None}
                assert set(seen.kernels) <= {frozenset({number + 1}), frozenset()}
                assert (set(seen.copies) <= {(number + 1, number + 1)}, seen.reads) == (True, [])


def the_rest(xp):
    """Return calls of all functions that take one array, as `function(x)`."""
    listed = {name.split(",")[0] for calls in (MIXED, MOVING, APART, READING, ALONE) for name in calls} | NO_ARRAYS

    def call(name):
        is_complex = name.startswith("fft.") and name.removeprefix("fft.") not in ("rfft", "rfftn", "ihfft")
        return lambda xp, a: function(xp, name)(xp.astype(a.x, xp.complex64) if is_complex else a.x)

    return {name: call(name) for name in functions_of(xp) if name not in listed}


def test_views_and_copies_of_arrays_of_two_devices_are_refused_too(card):
    watched, runtime = two_devices(card)
    with runtime:
        xp, (a, b) = given(runtime)
        moved = a.x.to_device("gpu:1")
        seen = watched.start_over()
        for left, right in ((a.x.T, b.x), (a.x, b.x[::-1]), (a.x, moved), (xp.asarray(a.x, copy=True), moved.T)):
            for first, second in ((left, right), (right, left)):
                with pytest.raises(DeviceMismatchError):
                    first + second
                with pytest.raises(DeviceMismatchError):
                    first[...] = second
                with pytest.raises(DeviceMismatchError):
                    first *= second

        assert seen.copies == [(1, 1)]  # the one that was asked for
        np.testing.assert_array_equal((moved + b.x).value(), 2 * b.x.value())


def variables(runtime):
    """Return one variable on each device."""
    made = []
    for number in (0, 1):
        with runtime.device(f"/gpu:{number}"):
            made.append(sg.Variable([1.0 + number, 2.0]))
    return made


def test_under_tensorflows_rules_inputs_come_by_a_copy_or_are_refused(card):
    watched, runtime = two_devices(card)
    with runtime:
        x, y = variables(runtime)
        seen = watched.start_over()
        with runtime.device("/gpu:1"):
            total = x + y

        assert (total.device, seen.copies) == (y.device, [(1, 2)])
        assert single(seen.kernels)
        np.testing.assert_array_equal(total.value(), [3.0, 4.0])

        runtime.config.set_device_policy("explicit")
        x, y = variables(runtime)
        seen = watched.start_over()
        with runtime.device("/gpu:1"), pytest.raises(DeviceMismatchError):
            x + y
        assert (seen.kernels, seen.copies) == ([], [])


def test_an_assignment_brings_values_to_the_variable_by_a_copy(card):
    watched, runtime = two_devices(card)
    with runtime:
        x, y = variables(runtime)
        seen = watched.start_over()
        x.assign(y)

        assert (x.device[-5:], y.device[-5:]) == ("GPU:0", "GPU:1")
        assert (single(seen.kernels), set(seen.copies), seen.reads) == (True, {(2, 1)}, [])
        np.testing.assert_array_equal(x.value(), [2.0, 2.0])


def test_numpy_and_constants_take_no_array_of_a_gpu_by_themselves(card):
    watched, runtime = two_devices(card)
    with runtime:
        x = runtime.xp().ones(3, device="gpu:1")
        seen = watched.start_over()
        with pytest.raises(TypeError, match="does not become one of NumPy by itself"):
            np.asarray(x)
        with pytest.raises(TypeError, match="does not become one of NumPy by itself"), runtime.device("/gpu:0"):
            sg.constant(x)

        assert (seen.kernels, seen.copies, seen.reads) == ([], [], [])
