"""Device names: laws of reading, writing, merging and matching."""

from __future__ import annotations

import ast
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simgpu.errors import DeviceNameError
from simgpu.naming import LOCALHOST, SHORT_TYPES, DeviceSpec, merge_scopes, short_name

WORDS = st.one_of(
    st.sampled_from(["localhost", "w", "*", ""]), st.text(st.characters(exclude_characters="/:"), max_size=6)
)
KINDS = st.one_of(st.sampled_from([*sorted(SHORT_TYPES), "cpu", "gpu", "Gpu", "XPU", "*"]), WORDS)
NUMBERS = st.integers(-2, 9)


def optional(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | values


SPECS = st.builds(DeviceSpec, optional(WORDS), optional(NUMBERS), optional(NUMBERS), optional(KINDS), optional(NUMBERS))
DEVICES = st.builds(
    DeviceSpec,
    st.just("w") | st.just("v"),
    st.integers(0, 1),
    st.integers(0, 1),
    st.sampled_from(["CPU", "GPU"]),
    st.integers(0, 2),
)
REQUESTS = st.builds(
    DeviceSpec,
    st.sampled_from([None, "*", "w", "v"]),
    optional(st.integers(0, 1)),
    optional(st.integers(0, 1)),
    st.sampled_from([None, "*", "CPU", "GPU"]),
    optional(st.integers(0, 2)),
)
PARTS = st.sampled_from(
    ["", "job", "job:w", "JOB:w", "task:1", "task:*", "task:x", "replica:0", "gpu", "gpu:1", "gpu0", "gpu:", "cpu:-1"]
) | st.sampled_from(
    [
        "device",
        "device:GPU",
        "device:GPU:0",
        "device:gpu:*",
        "device:*:1",
        "device:*",
        "XPU:0",
        "cuda:1",
        ":0",
        "a:b:c:d",
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PARTS, max_size=4).map("/".join), st.from_regex(r"\A[\w:/*]{0,20}\Z"))


@given(spec=SPECS)
def test_what_is_written_is_read_back_but_for_an_index_without_a_type(spec):
    printed = spec if spec.device_type is not None else DeviceSpec(spec.job, spec.replica, spec.task)

    assert DeviceSpec.parse(str(spec)) == printed


@given(text=TEXTS)
def test_any_text_is_a_name_with_a_canonical_form_or_refused_with_guesses_that_are_names(text):
    try:
        canonical = str(DeviceSpec.parse(text))
    except DeviceNameError as error:
        guess = re.search(r"\(did you mean (.*)\?\)", str(error), re.DOTALL)
        canonical = str(DeviceSpec.parse(ast.literal_eval(guess[1]))) if guess else ""

    assert str(DeviceSpec.parse(canonical)) == canonical


@given(parts=st.permutations(["job:w", "replica:1", "task:2", "device:GPU:3"]), count=st.integers(0, 4))
def test_the_order_of_the_parts_does_not_matter(parts, count):
    given_order, sorted_order = "/".join(parts[:count]), "/".join(sorted(parts[:count]))

    assert DeviceSpec.parse(given_order) == DeviceSpec.parse(sorted_order)


@given(first=SPECS, second=SPECS, third=SPECS)
def test_merging_is_associative(first, second, third):
    assert first.merged(second).merged(third) == first.merged(second.merged(third))


@given(outer=SPECS, inner=SPECS)
def test_merging_again_changes_nothing_and_the_empty_spec_is_neutral(outer, inner):
    once = outer.merged(inner)

    assert once.merged(inner) == once
    assert (outer.merged(outer), outer.merged(DeviceSpec()), DeviceSpec().merged(outer)) == (outer, outer, outer)


@given(outer=st.lists(SPECS | st.none(), max_size=4), inner=st.lists(SPECS, max_size=3))
def test_scopes_outside_none_do_not_count(outer, inner):
    assert merge_scopes([*outer, None, *inner]) == merge_scopes(inner)


@given(outer=st.lists(SPECS, max_size=4), inner=st.lists(SPECS, max_size=4))
def test_nested_scopes_may_be_merged_in_two_steps(outer, inner):
    assert merge_scopes([merge_scopes(outer), merge_scopes(inner)]) == merge_scopes(outer + inner)


@pytest.mark.parametrize("empty", ["", "/"])
@given(scopes=st.lists(SPECS, max_size=4), place=st.integers(0, 4))
def test_an_empty_scope_changes_nothing_wherever_it_stands(empty, scopes, place):
    assert merge_scopes([*scopes[:place], empty, *scopes[place:]]) == merge_scopes(scopes)


@given(request=REQUESTS, device=DEVICES)
def test_a_request_matches_if_and_only_if_nothing_differs(request, device):
    assert request.matches(device) == (request.differences(device) == ())


@given(request=REQUESTS, device=DEVICES)
def test_giving_way_in_what_differs_makes_a_request_match(request, device):
    for field in request.differences(device):
        request = DeviceSpec(**{name: getattr(request, name) for name in request.__slots__ if name != field})

    assert request.matches(device)


@given(device=DEVICES)
def test_a_complete_device_matches_itself_alone(device):
    index = DeviceSpec(device_index=device.device_index + 1)

    assert device.is_complete
    assert device.matches(device)
    assert not device.matches(device.merged(index))


@given(spec=SPECS)
def test_a_short_name_names_the_same_device_of_this_host(spec):
    name = str(spec)

    assert LOCALHOST.merged(DeviceSpec.parse(short_name(name))) == LOCALHOST.merged(DeviceSpec.parse(name))
    assert len(short_name(name)) <= len(name)
