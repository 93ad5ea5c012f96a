"""Requests of a scenario that only placing its work refuses: with file, line, column and key."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from simgpu.errors import PlacementError
from simgpu.scenario import located, scenario_from_text
from simgpu.session import place_scenario

TEXT = """\
machine: 2 x 1MiB
graph:
  operations:
    - {name: x, op: Input, shape: [4]}
    - {name: y, op: Relu, inputs: [x], device: "/gpu:1"}
    - name: z
      op: Relu
      inputs: [y]
      colocate_with: [y]
placement:
  soft: false
  kernels: float-only
  rules:
    - {match: "x", device: "/gpu:0"}
    - match: "z*"
      device: "/gpu:1"
"""
THERE = "the machine has CPU:0, GPU:0, GPU:1; name one of these, or allow another device: soft=True"


def refusal(old: str, new: str) -> PlacementError:
    assert old in TEXT
    with pytest.raises(PlacementError) as caught:
        place_scenario(scenario_from_text(TEXT.replace(old, new), "f.yaml"))
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("colocate_with: [y]\n", "after: [x]\n    - {name: v, op: Relu, inputs: [x], device: '/gpu:5'}\n", "10:48: "
         f"graph.operations[3].device: operation 'v' (Relu) asks for /device:GPU:5; there is no such device, {THERE}"),
        ('"/gpu:0"}', '"/gpu:7"}', "14:28: placement.rules[0].device: operation 'x' (Input) asks for /device:GPU:7 by "
         f"rule x; there is no such device, {THERE}"),
        ('"z*"', '"zz*"', "15:14: placement.rules[1].match: the rule for 'zz*' (device '/gpu:1') matches none of 3 "
         "operations; nearest are 'z'"),
        ('"z*"\n      device: "/gpu:1"', '"z"\n      device: "/cpu:0"', "16:15: placement.rules[1].device: operation "
         "'z' (Relu) is to be colocated with 'y' (Relu), but that cannot be: /device:CPU:0 and /device:GPU:1; drop the "
         "colocation, or allow it to be ignored: soft=True"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_met_is_refused_where_it_stands(old, new, message):
    assert str(refusal(old, new)) == f"f.yaml:{message}"


@pytest.mark.parametrize(
    ("operation", "rule", "place"),
    [
        ("z", None, "9:22: graph.operations[2].colocate_with: "),
        ("x", None, "4:7: graph.operations[0]: "),
        ("nothing", None, "11:3: placement: "),
        (None, None, "11:3: placement: "),
        (None, 1, "15:14: placement.rules[1].match: "),
    ],
)
def test_an_error_is_told_at_the_request_or_at_what_is_around_it(operation, rule, place):
    scenario = scenario_from_text(TEXT, "f.yaml")
    error = PlacementError("reason", operation=operation, rule=rule)

    assert str(located(error, scenario, scenario.document)) == f"f.yaml:{place}reason"


def test_the_error_knows_the_operation_and_the_rule_and_survives_pickling():
    error = pickle.loads(pickle.dumps(refusal('"/gpu:0"}', '"/gpu:7"}')))

    assert (error.operation, error.rule) == ("x", 0)
    assert str(error).startswith("f.yaml:14:28: ")


def test_work_from_a_model_file_is_refused_at_the_rule():
    text = "machine: cpu\nmodel: {onnx: light_squeezenet}\nplacement:\n  rules:\n    - {match: n999, device: /cpu}\n"

    with pytest.raises(PlacementError) as caught:
        place_scenario(scenario_from_text(text, "f.yaml"))
    assert str(caught.value) == (
        "f.yaml:5:15: placement.rules[0].match: the rule for 'n999' (device '/cpu') matches none of 119 operations; "
        "nearest are 'n9', 'n59', 'n49'"
    )


def test_a_scenario_that_was_not_read_from_a_file_is_refused_without_a_place():
    scenario = replace(scenario_from_text(TEXT.replace('"/gpu:0"}', '"/gpu:7"}'), "f.yaml"), document=None)

    with pytest.raises(PlacementError) as caught:
        place_scenario(scenario)
    assert str(caught.value).startswith("operation 'x' (Input) asks for /device:GPU:7 by rule x; ")
