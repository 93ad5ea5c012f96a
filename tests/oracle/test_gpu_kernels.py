"""GPU kernels: which dtypes TensorFlow 2.21 places on a GPU, operation by operation."""

from __future__ import annotations

import json

import pytest

from tests.oracle.gpu_kernels import is_placed, run_case


def test_every_recorded_operation_has_the_gpu_kernels_that_tensorflow_has(cases_dir):
    cases = json.loads((cases_dir / "tensorflow.json").read_text(encoding="utf-8"))["cases"]

    verdicts = {case["input"]["op"]: run_case(case) for case in cases if case["group"] == "gpu_kernels"}

    assert len(verdicts) >= 89
    assert {name: verdict for name, verdict in verdicts.items() if verdict != ("passed", "")} == {}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("CPU", "a GPU kernel, but TensorFlow has none"), ("none", "a GPU kernel, but TensorFlow has none")],
)
def test_a_kernel_too_many_is_a_failure(kind, reason):
    case = {"input": {"op": "AddV2", "device": "/device:GPU:0"}, "expect": {"placement": {"float32": kind}}}

    assert run_case(case) == ("failed", f"AddV2: float32: {reason}")


def test_a_missing_kernel_is_a_failure():
    case = {"input": {"op": "MatMul", "device": "/device:GPU:0"}, "expect": {"placement": {"int32": "GPU"}}}

    assert run_case(case) == ("failed", "MatMul: int32: no GPU kernel, but TensorFlow has one")


def test_a_kernel_is_asked_for_on_the_device_of_the_case():
    assert is_placed("MatMul", "int32", "/device:CPU:0")
    assert not is_placed("MatMul", "int32", "/device:GPU:0")
    assert not is_placed("MatMul", "float32", "/device:GPU:1")
