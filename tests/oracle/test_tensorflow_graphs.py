"""Placements: the same devices as TensorFlow 2.21's placer, graph by graph; and the command that compares them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import tensorflow_cases, tensorflow_graphs
from tests.oracle.deviations import DEVIATIONS, judge

CONST = {"name": "c", "op": "Const", "inputs": [], "attrs": {"dtype": "float32"}}
HARD = {"nodes": [{**CONST, "device": "/device:GPU:7"}], "soft": False, "gpus": 2}
SOFT = {**HARD, "soft": True}
GPU_0 = "/job:localhost/replica:0/task:0/device:GPU:0"


def recorded(cases_dir: Path, name: str) -> list[Mapping[str, Any]]:
    return json.loads((cases_dir / name).read_text(encoding="utf-8"))["cases"]


def made_up(given: Mapping[str, Any], **expected: Any) -> Mapping[str, Any]:
    return {"id": "made-up", "group": "gpu_graph_place", "input": given, "expect": expected}


def test_every_recorded_graph_is_placed_as_tensorflow_placed_it(cases_dir):
    cases = recorded(cases_dir, "tensorflow_graphs.json")

    verdicts = {case["id"]: tensorflow_cases.run_case(case) for case in cases}

    assert len(verdicts) >= 558
    assert {name: verdict for name, verdict in verdicts.items() if verdict[0] in {"failed", "skipped"}} == {}


def test_every_listed_deviation_is_a_recorded_case(cases_dir):
    names = ("tensorflow_graphs.json", "tensorflow.json")
    ids = {case["id"] for name in names for case in recorded(cases_dir, name)}

    assert set(DEVIATIONS) <= ids


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (made_up(SOFT, assigned={"c": GPU_0.replace("GPU:0", "CPU:0")}), "1 of 1 wrong; c: expected /job:localhost"),
        (made_up(HARD, assigned={"c": GPU_0}), "refused: operation 'c' (Const) asks for /device:GPU:7"),
        (made_up(SOFT, exception="InvalidArgumentError", message="no"), "placed, but TensorFlow refused it: no"),
        (made_up({"nodes": [{**CONST, "inputs": ["d"]}], "soft": True, "gpus": 1}), "GraphError: operation 'c' reads"),
    ],
)
def test_a_wrong_answer_is_a_failure_with_its_reason(case, reason):
    verdict, why = tensorflow_cases.run_case(case)

    assert verdict == "failed"
    assert reason in why


def test_a_right_answer_passes():
    assert tensorflow_cases.run_case(made_up(SOFT, assigned={"c": GPU_0})) == ("passed", "")
    assert tensorflow_cases.run_case(made_up(HARD, exception="InvalidArgumentError")) == ("passed", "")


def test_outputs_of_a_node_are_those_of_its_operation_and_as_many_as_are_read():
    nodes = [
        {"name": "s", "op": "Switch", "inputs": ["x", "p"], "attrs": {"T": "int32"}},
        {"name": "x", "op": "Const", "attrs": {"dtype": "int32"}},
        {"name": "p", "op": "Equal", "inputs": ["x", "x"], "attrs": {"T": "int32"}},
        {"name": "v", "op": "VarHandleOp", "inputs": ["^x"], "attrs": {"dtype": "float32"}},
        {"name": "u", "op": "Unpack", "inputs": ["x"], "attrs": {"T": "int32"}},
        {"name": "y", "op": "Unheard", "inputs": ["u:2", "x"]},
        {"name": "z", "op": "NoOp", "inputs": ["^y"]},
    ]

    graph = tensorflow_graphs.build_graph(nodes)

    assert {operation.name: [spec.dtype for spec in operation.output_specs] for operation in graph} == {
        "s": ["int32", "int32"],
        "x": ["int32"],
        "p": ["bool"],
        "v": ["resource"],
        "u": ["int32", "int32", "int32"],
        "y": [],
        "z": [],
    }
    assert [graph.tensor_name(tensor) for tensor in graph.operation("y").inputs] == ["u:2", "x"]


def test_a_known_deviation_is_no_failure_and_one_that_passes_is():
    known = {"made-up": "on purpose"}

    assert judge("made-up", ("failed", "other device"), known) == ("deviating", "on purpose")
    assert judge("other", ("failed", "other device"), known) == ("failed", "other device")
    assert judge("made-up", ("passed", ""), known) == ("failed", "passes, but is listed as deviating: on purpose")


def test_the_command_prints_failures_and_what_is_skipped_and_ends_with_the_counts(tmp_path, capsys):
    cases = [
        made_up(SOFT, assigned={"c": GPU_0}),
        made_up(HARD, assigned={"c": GPU_0}),
        {"id": "new", "group": "fan_speed", "input": {"code": "pass"}, "expect": {}},
    ]
    path = tmp_path / "cases.json"
    path.write_text(json.dumps({"cases": cases}))

    status = tensorflow_cases.main([str(path)])

    lines = capsys.readouterr().out.splitlines()
    assert status == 1
    assert lines[0].startswith("failed: made-up: refused: operation 'c'")
    assert lines[1:] == ["skipped: not built yet: group fan_speed, 1 cases", "1 passed, 0 deviating, 1 failed"]


def test_the_command_succeeds_if_nothing_fails(tmp_path, capsys):
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([made_up(SOFT, assigned={"c": GPU_0})]))

    assert tensorflow_cases.main([str(path)]) == 0
    assert capsys.readouterr().out == "1 passed, 0 deviating, 0 failed\n"


@pytest.mark.parametrize("content", [None, "{", '{"no": 1}', "[1]"])
def test_the_command_says_what_it_cannot_read(tmp_path, capsys, content):
    path = tmp_path / "cases.json"
    if content is not None:
        path.write_text(content)

    assert tensorflow_cases.main([str(path)]) == 2
    assert "cannot read cases from" in capsys.readouterr().err
