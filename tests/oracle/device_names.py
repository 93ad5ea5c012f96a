"""Run recorded cases of TensorFlow's device names and graph scopes against `simgpu.naming`.

Groups: `spec_parse`, `spec_ctor`, `spec_merge`, `graph_scope`. A case is a dict with `id`, `group`, `input`, `expect`.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Mapping
from typing import Any

from simgpu.errors import SimgpuError
from simgpu.graph import GraphBuilder
from simgpu.naming import DeviceSpec, merge_scopes

Answer = Mapping[str, object]

DEVIATIONS = {
    "device_function_v1_returns": "device functions are TensorFlow 1 only: simgpu takes names, as TensorFlow 2 does",
}
"""A key of the input → why simgpu answers otherwise, on purpose."""


def run_case(case: Mapping[str, Any]) -> tuple[str, str]:
    """Return `passed`, `deviating` or `failed`, and the reason where it did not pass."""
    given, expected = case["input"], case["expect"]
    for key, reason in DEVIATIONS.items():
        if key in given:
            return "deviating", reason
    if case["group"] not in RUNNERS:
        return "failed", f"no way to run the group {case['group']!r}"
    try:
        answer = RUNNERS[case["group"]](given)
    except SimgpuError as error:
        return _judge_error(error, expected)
    except (KeyError, TypeError) as error:
        return "failed", f"no way to run the input {given!r}: {error!r}"
    return _judge_answer(answer, expected)


def _judge_error(error: SimgpuError, expected: Mapping[str, Any]) -> tuple[str, str]:
    if "exception" not in expected:
        return "failed", f"expected {expected!r}, got {error!r}"
    family = getattr(builtins, expected["exception"], SimgpuError)  # TensorFlow's own errors are ours here
    return ("passed", "") if isinstance(error, family) else ("failed", f"expected {family.__name__}, got {error!r}")


def _judge_answer(answer: Answer, expected: Mapping[str, Any]) -> tuple[str, str]:
    wrong = [
        f"{key}: expected {value!r}, got {answer.get(key)!r}"
        for key, value in expected.items()
        if key not in answer or answer[key] != value
    ]
    return ("failed", "; ".join(wrong)) if wrong else ("passed", "")


def _describe(spec: DeviceSpec) -> Answer:
    fields = [spec.job, spec.replica, spec.task, spec.device_type, spec.device_index]
    return {"device": str(spec), "fields": fields}


def _parse(given: Mapping[str, Any]) -> Answer:
    return _describe(DeviceSpec.parse(given["spec"]))


def _construct(given: Mapping[str, Any]) -> Answer:
    return _describe(DeviceSpec(**given["kwargs"]))


def _merge(given: Mapping[str, Any]) -> Answer:
    return _describe(DeviceSpec.parse(given["base"]).merged(DeviceSpec.parse(given["over"])))


def _colocate(text: str) -> Answer:
    """Run `a on /cpu:1 inside /cpu:2`: an operation colocated with `a`, inside a scope."""
    name, its_device, scope = text.replace(" inside ", " on ").split(" on ")
    builder = GraphBuilder()
    builder.add("NoOp", name=name, device=its_device)
    with builder.device(scope):
        builder.add("NoOp", name="b", colocate_with=[name])
    operation = builder.build().operation("b")
    return {"requested": operation.device, "_class": [f"loc:@{partner}" for partner in operation.colocation]}


def _enter_scopes(given: Mapping[str, Any]) -> Answer:
    if "colocate_with" in given:
        return _colocate(given["colocate_with"])
    if "scopes_pyrepr" in given:
        scopes = [ast.literal_eval(given["scopes_pyrepr"])]
    elif "device_function_returns" in given:
        scopes = [given["outer"], lambda operation: given["device_function_returns"]]
    else:
        scopes = given["scopes"]
    return {"requested": str(merge_scopes(scopes))}


RUNNERS: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
    "spec_parse": _parse,
    "spec_ctor": _construct,
    "spec_merge": _merge,
    "graph_scope": _enter_scopes,
}
