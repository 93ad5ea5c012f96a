"""No public call reads memory of one device as another's: on NumPy and `shape` storage, and on a stand-in of a card."""

from __future__ import annotations

import inspect

import pytest

from simgpu.arrays import Runtime
from simgpu.arrays.array import Array
from simgpu.storage import ShapeStorage
from tests.gpu import test_two_devices as bodies
from tests.property import two_devices as calls

UNTOUCHED = frozenset(
    {
        *("backing_device", "check_live", "device", "dtype", "free", "nbytes", "ndim", "shape", "size", "__len__"),
        *("__array_namespace__", "__array_ufunc__", "__dlpack_device__", "__hash__", "__reduce__"),
    }
)
"""What of an array tells or changes nothing of its elements."""
ELSEWHERE = frozenset({"__array__", "__dlpack__"})
"""Exports, which the tests of exchange hold."""


def stand_in():
    return pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed").host_storage()


with_values = pytest.mark.parametrize("card", [calls.on_numpy, stand_in])
on_each = pytest.mark.parametrize("card", [calls.on_numpy, stand_in, ShapeStorage])


def arrays_taken(function):
    """Return how many parameters of a function take arrays, and whether it takes any number of them."""
    taken = [it for it in inspect.signature(function).parameters.values() if "Array" in str(it.annotation)]
    return len(taken), any(it.kind is it.VAR_POSITIONAL or "Sequence" in it.annotation for it in taken)


def test_a_function_that_is_not_listed_takes_one_array_alone():
    with Runtime("2 x 1MiB") as runtime:
        xp = runtime.xp()
        taken = {name: arrays_taken(calls.function(xp, name)) for name in bodies.the_rest(xp)}
        listed = [*calls.MIXED, *calls.MOVING, *calls.APART, *calls.READING, *calls.ALONE, *calls.NO_ARRAYS]
        known = {name for name in calls.functions_of(xp) if name in {it.split(",")[0] for it in listed}}

    assert {name: count for name, count in taken.items() if count != (1, False)} == {}
    assert (len(taken) > 80, len(known) > 70) == (True, True)


def test_every_method_of_arrays_has_its_place():
    operators = {name.removeprefix("operator ").rstrip("_") for name in calls.MIXED if name.startswith("operator ")}
    conversions = {"bool", "complex", "float", "format", "index", "int", "repr", "str"}
    others = {"abs", "invert", "neg", "pos", "getitem", "setitem", "iter", "copy", "deepcopy"}
    special = {f"__{name}__" for name in operators | conversions | others}
    special |= {f"__r{name.strip('_')}__" for name in special}  # the same, from the right
    named = {"T", "mT", "to_device", "value"}
    public = {
        name for name in vars(Array) if not name.startswith("_") or (name[:2] == "__" and callable(vars(Array)[name]))
    }

    assert public - special - named - UNTOUCHED - ELSEWHERE - {"__init_subclass__", "__subclasshook__"} == set()


@on_each
@pytest.mark.parametrize("name", calls.MIXED)
def test_arrays_of_two_devices_are_refused(card, name):
    bodies.test_arrays_of_two_devices_are_refused_and_nothing_is_touched(card, name)


@with_values
@pytest.mark.parametrize("name", calls.MOVING)
def test_what_is_told_to_go_to_another_device_goes_there_by_one_copy(card, name):
    bodies.test_what_is_told_to_go_to_another_device_goes_there_by_one_copy(card, name)


@with_values
@pytest.mark.parametrize("name", calls.APART)
def test_what_needs_no_other_array_leaves_each_where_it_is(card, name):
    bodies.test_what_needs_no_other_array_leaves_each_where_it_is(card, name)


@with_values
@pytest.mark.parametrize("name", calls.READING)
def test_what_the_host_reads_it_reads_from_the_device_that_has_it(card, name):
    bodies.test_what_the_host_reads_it_reads_from_the_device_that_has_it(card, name)


@with_values
@pytest.mark.parametrize("name", ["the rest", *calls.ALONE])
def test_what_takes_arrays_of_one_device_works_there_whatever_the_scopes_say(card, name):
    bodies.test_what_takes_arrays_of_one_device_works_there_whatever_the_scopes_say(card, name)


@with_values
@pytest.mark.parametrize(
    "body",
    [
        bodies.test_views_and_copies_of_arrays_of_two_devices_are_refused_too,
        bodies.test_under_tensorflows_rules_inputs_come_by_a_copy_or_are_refused,
        bodies.test_an_assignment_brings_values_to_the_variable_by_a_copy,
        bodies.test_numpy_and_constants_take_no_array_of_a_gpu_by_themselves,
    ],
)
def test_views_variables_and_assignments(card, body):
    body(card)
