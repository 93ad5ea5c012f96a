"""Eager programs, settings and partitions: the same answers as TensorFlow 2.21, case by case, or a reason why not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import tensorflow_cases, tensorflow_programs
from tests.oracle.deviations import PROGRAM_DEVIATIONS, judge_program

GROUPS = (*tensorflow_programs.RUNNERS, "partition")
GPU_0 = "/job:localhost/replica:0/task:0/device:GPU:0"
FAKE = {"n": 2, "mem": 2**30}


@pytest.fixture(scope="module")
def cases(cases_dir: Path) -> list[Mapping[str, Any]]:
    return json.loads((cases_dir / "tensorflow.json").read_text(encoding="utf-8"))["cases"]


def made_up(group: str, given: Mapping[str, Any], **expected: Any) -> Mapping[str, Any]:
    return {"id": "made-up", "group": group, "input": given, "expect": expected}


@pytest.mark.parametrize("group", GROUPS)
def test_every_case_passes_or_deviates_for_a_reason(cases, group):
    verdicts = {case["id"]: tensorflow_cases.run_case(case) for case in cases if case["group"] == group}

    assert verdicts
    assert {name: verdict for name, verdict in verdicts.items() if verdict[0] not in {"passed", "deviating"}} == {}


def test_no_group_is_left_out(cases):
    assert [case["group"] for case in cases if tensorflow_cases.runner_for(case) is None] == []


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (made_up("config", {"code": "R['a']=1"}, a=2), "a: expected 2, got 1"),
        (made_up("config", {"code": "R['a']=1"}, b=2), "b: expected 2, got None"),
        (made_up("config", {"code": "R['a']=1"}, exception="ValueError"), "expected ValueError, got None"),
        (made_up("config", {"code": "tf.constant([object()])"}, done=True), "raised InvalidValue"),
        (
            made_up("gpu_eager_place", {"code": "tf.add(1.,2.)", "soft": None, "gpus": 1}, executed=[]),
            "executed: expected [], got [['AddV2'",
        ),
        (
            made_up(
                "gpu_eager_place",
                {"code": "tf.add(1.,2.)", "soft": None, "gpus": 1},
                executed=[["_EagerConst", "CPU"], ["AddV2", GPU_0]],
            ),
            "executed: expected {'CPU'}",
        ),
        (made_up("eager_scope", {"scopes": ["/gpu:1"]}, device=GPU_0, after_exit=""), "device: expected"),
        (made_up("function_scope", {"outer": [], "inner": ["/gpu:1"]}, requested=""), "requested: expected ''"),
        (
            made_up("gpu_virtual", {"physical_gpus": 1, "limits_mb": [[100]]}, devices=[["GPU:0", 1, 0]]),
            "devices: expected",
        ),
        (
            made_up("gpu_default_limit", {"available_bytes": 2**30, "cc_major": 8}, limit_bytes=1),
            "limit_bytes: expected 1",
        ),
        (
            made_up(
                "partition",
                {"graph": "with tf.device('/cpu:1'):\n  F=[tf.random.uniform([4])]", "cpus": 2},
                sends=0,
                partitions={"CPU:0": ["RandomUniform"]},
            ),
            "sends: expected 0, got 1; partitions: expected {'CPU:0': ['RandomUniform']}",
        ),
    ],
)
def test_a_wrong_answer_is_a_failure_with_its_reason(case, reason):
    verdict, why = tensorflow_cases.run_case(case)

    assert verdict == "failed"
    assert reason in why


def code(text: str, **expected: Any) -> Mapping[str, Any]:
    return made_up(
        "fake_config", {"code": f"g=tf.config.list_physical_devices('GPU');{text}", "fake": FAKE}, **expected
    )


EXAMPLES = [
    code("tf.config.set_logical_device_configuration(g[0],[L(memory_limit=-5)])"),
    code("tf.config.set_logical_device_configuration(g[0],[L(memory_limit=1.5)])"),
    code("tf.config.set_logical_device_configuration(g[0],[L(memory_limit='1MiB')])", exception="TypeError"),
    code("tf.config.set_logical_device_configuration(g[0],[L(memory_limit=600),L(memory_limit=600)])"),
    code("tf.config.set_visible_devices([g[1],g[0]],'GPU')"),
    code("tf.config.set_visible_devices([g[0],g[0]],'GPU')"),
    made_up(
        "gpu_virtual", {"physical_gpus": 1, "python": "memory_growth True then memory_limit=100"}, allow_growth=None
    ),
    made_up(
        "config",
        {"code": "p=tf.config.list_physical_devices('CPU');tf.config.experimental.get_memory_growth(p[0])"},
        exception="KeyError",
    ),
    code("tf.constant(1.);R['v']=tf.config.experimental.get_memory_info('GPU:0')", v={"current": 256, "peak": 256}),
    code("tf.compat.v1.disable_eager_execution()"),
    made_up("eager_place", {"code": "a=tf.constant(1.);x=a.gpu()"}, exception="RuntimeError"),
    made_up(
        "partition",
        {"name": "unused_branch_pruned", "graph": "e=tf.random.uniform([4])\nF=[tf.random.uniform([4])]", "cpus": 1},
        sends=0,
        partitions={"CPU:0": ["RandomUniform"]},
    ),
    made_up(
        "gpu_default_limit",
        {"available_bytes": 2**30, "env": {"TF_DEVICE_MIN_SYS_MEMORY_IN_MB": "x"}},
        limit_bytes=837812224,
    ),
    made_up("gpu_default_limit", {"available_bytes": 2**30, "fraction": 0.5}, limit_bytes=2**29),
    code("tf.config.set_logical_device_configuration(g[0],[]);tf.constant(1.)"),
    made_up("gpu_virtual", {"physical_gpus": 1, "limits_mb": [[100]], "priority": [[0]]}, devices=[["GPU:0", 1, 0]]),
]


def test_each_listed_deviation_is_met_by_a_program():
    assert [tensorflow_cases.run_case(case) for case in EXAMPLES] == [
        ("deviating", deviation.reason) for deviation in PROGRAM_DEVIATIONS
    ]


def test_a_program_of_a_deviating_kind_that_fails_otherwise_is_a_failure():
    case = made_up("config", {"code": "L(memory_limit=0)"})

    assert judge_program(case, ("failed", "something else")) == ("failed", "something else")
    assert judge_program(case, ("passed", "")) == ("passed", "")


@pytest.mark.parametrize(
    "text",
    ["@tf.function\ndef f():\n  return tf.constant(1.)", "with tf.Graph().as_default():\n  tf.exp(tf.constant(1.))"],
)
def test_building_a_graph_or_decorating_a_function_does_not_start_a_runtime(text):
    case = code(f"\n{text}\ntf.config.set_visible_devices([],'GPU');R['ok']=1", ok=1)

    assert tensorflow_cases.run_case(case) == ("passed", "")
