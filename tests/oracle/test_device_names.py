"""Device names and graph scopes: the same answers as TensorFlow 2.21, case by case."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.device_names import DEVIATIONS, RUNNERS, run_case


@pytest.fixture(scope="module")
def cases(cases_dir: Path) -> list[Mapping[str, Any]]:
    return json.loads((cases_dir / "tensorflow.json").read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("group", sorted(RUNNERS))
def test_no_case_fails(cases, group):
    verdicts = {case["id"]: run_case(case) for case in cases if case["group"] == group}

    assert verdicts
    assert {name: verdict for name, verdict in verdicts.items() if verdict[0] == "failed"} == {}


def test_each_listed_deviation_is_met_by_a_case(cases):
    deviating = [case for case in cases if case["group"] in RUNNERS and run_case(case)[0] == "deviating"]

    assert {key for case in deviating for key in case["input"] if key in DEVIATIONS} == set(DEVIATIONS)


@pytest.mark.parametrize(
    ("group", "given", "expected", "reason"),
    [
        (
            "spec_parse",
            {"spec": "/gpu:0"},
            {"device": "/device:GPU:1"},
            "expected '/device:GPU:1', got '/device:GPU:0'",
        ),
        ("spec_parse", {"spec": "/gpu:0"}, {"exception": "ValueError"}, "exception: expected 'ValueError'"),
        ("spec_parse", {"spec": "/gpu0"}, {"device": "/device:GPU:0"}, "got DeviceNameError"),
        ("spec_parse", {"spec": "/gpu0"}, {"exception": "RuntimeError"}, "expected RuntimeError, got DeviceNameError"),
        ("graph_scope", {"new": 1}, {"requested": ""}, "no way to run the input"),
        ("fan_scope", {}, {"requested": ""}, "no way to run the group"),
    ],
)
def test_a_wrong_answer_is_a_failure_with_its_reason(group, given, expected, reason):
    verdict, why = run_case({"id": "made-up", "group": group, "input": given, "expect": expected})

    assert verdict == "failed"
    assert reason in why


@pytest.mark.parametrize("scope", ["5", "['/gpu:0']", "b'/gpu:0'", "{'a': 1}", "1.5", "True"])
def test_what_is_no_device_is_no_scope_either(scope):
    case = {"group": "graph_scope", "input": {"scopes_pyrepr": scope}, "expect": {"exception": "ValueError"}}

    assert run_case(case) == ("passed", "")
