"""Placement on a real card: whatever a program asks for, it is where NumPy and `shape` storage have it."""

from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

import simgpu as sg
from simgpu.errors import OutOfDeviceMemory, PlacementError
from simgpu.execution import execute
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.simulation import simulate
from simgpu.trace import compare
from tests.property.placed_programs import assert_same_values, rules, run, steps
from tests.property.programs import cases
from tests.property.test_both_engines import assert_integers_are_on_the_cpu, feeds_of, places_of_bytes

pytestmark = pytest.mark.gpu


class Lying:
    """Notes in which devices' memory the arrays of each computation on a storage lie."""

    def __init__(self, storage):
        self.regions, self.lay = [], Counter()
        opens, computes = storage.open, storage.compute

        def open(*arguments, **options):
            self.regions.append(opens(*arguments, **options))
            return self.regions[-1]

        def compute(rule, inputs, outputs, attributes):
            computes(rule, inputs, outputs, attributes)
            self.lay[rule.name, tuple(self.device_of(array) for array in (*inputs, *outputs) if array.nbytes)] += 1

        storage.open, storage.compute = open, compute

    def device_of(self, array):
        on_card = type(array).__module__ != "numpy"
        (device,) = (
            device
            for device, region in enumerate(self.regions)
            if hasattr(region, "scratch") == on_card and region.holds(array)
        )
        return device


@given(steps, rules)
@settings(max_examples=30, derandomize=True)
def test_eager_programs_place_refuse_and_account_as_on_other_storages(card, steps, rules):
    (expected, answers), (shaped, _), (found, values) = (
        run(steps, rules, storage) for storage in ("numpy", "shape", card(scratch_bytes=2**22))
    )

    assert found == expected == shaped
    assert_same_values(values, answers)


@given(cases(), st.sampled_from(("sync", "async")))
@settings(max_examples=30, derandomize=True)
def test_graphs_compute_where_they_are_placed(card, case, launch):
    if sum(device.memory_limit_bytes for device in case.machine.devices) > 2**34:
        return
    try:
        placement = place(case.graph, case.machine, kernels=case.kernels, soft=case.soft)
        predicted = simulate(placement, launch=launch)
    except (PlacementError, OutOfDeviceMemory):
        return
    storage = card(scratch_bytes=2**22)
    watched = Lying(storage)
    _, ran = execute(placement, feeds_of(case.graph), follow=predicted, storage=storage)
    agreement = compare(predicted, ran)

    assert agreement, agreement.difference
    assert watched.lay == places_of_bytes(placement)
    if case.kernels == "float-only":
        assert_integers_are_on_the_cpu(placement)


def where(storage, soft):
    """Return where things end that ask for what is not there, or has no kernel there; or the words of refusals."""
    asked = {
        "float": ("/gpu:1", 1.0),
        "integer": ("/gpu:1", 1),
        "beyond": ("/gpu:7", 1.0),
        "no kind": ("/device:XPU:0", 1.0),
        "cpu": ("/cpu:0", 1.0),
    }
    found = {}
    with sg.Runtime(Machine("1 x 1MiB").split({"GPU:0": ["64KiB", "64KiB"]}), storage=storage, soft=soft) as runtime:
        for name, (device, value) in asked.items():
            with runtime.device(device):
                try:
                    made = sg.constant(value)
                    found[name] = (made.device[-5:], type(made._data).__module__.split(".")[0])
                except PlacementError as error:
                    found[name] = str(error)
    return found


def test_integers_fall_back_to_the_cpu_and_softly_so_does_what_is_not_there(card):
    found, expected = where(card(), True), where("numpy", True)

    assert {name: device for name, (device, _) in found.items()} == {
        **{"float": "GPU:1", "integer": "CPU:0", "beyond": "GPU:0", "no kind": "GPU:0", "cpu": "CPU:0"}
    }
    assert {name: it[0] for name, it in found.items()} == {name: it[0] for name, it in expected.items()}
    assert {name: module for name, (_, module) in found.items()} == {
        **{"float": "cupy", "integer": "numpy", "beyond": "cupy", "no kind": "cupy", "cpu": "numpy"}
    }


def test_what_cannot_be_had_is_refused_in_the_same_words_where_placement_is_not_soft(card):
    found, expected = where(card(), False), where("numpy", False)
    refusals = {name: words for name, words in found.items() if isinstance(words, str)}

    assert set(refusals) == {"integer", "beyond", "no kind"}
    assert refusals == {name: words for name, words in expected.items() if isinstance(words, str)}
    assert (found["float"], found["cpu"]) == (("GPU:1", "cupy"), ("CPU:0", "numpy"))
