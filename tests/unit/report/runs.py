"""Small runs that the tests of reports share."""

from __future__ import annotations

from simgpu.scenario import scenario_from_text
from simgpu.session import RunResult, run
from simgpu.trace import Trace

TEXT = """\
name: small
machine: {gpus: 1 x 64KiB, split: {"GPU:0": [32KiB, 32KiB]}}
graph:
  operations:
    - {name: x, op: Input, shape: [16, 32]}
    - {name: w, op: Variable, shape: [32, 64]}
    - {name: y, op: MatMul, inputs: [x, w], duration: 3us}
    - {name: z, op: Relu, inputs: [y], duration: 2us, device: "/gpu:1"}
seed: 3
"""


def small_run(engine: str = "both") -> RunResult:
    return run(scenario_from_text(TEXT), engine=engine)  # type: ignore[arg-type]


def predicted() -> Trace:
    trace = small_run("simulate").predicted
    assert trace is not None
    return trace


def elsewhere_run(*limits: str) -> RunResult:
    """Simulate on slices of a T4 instead."""
    return run(scenario_from_text(f'{TEXT}simulation: {{machine: {{gpus: t4, split: {{"GPU:0": {[*limits]}}}}}}}\n'))


def starved_run() -> RunResult:
    return run(scenario_from_text(TEXT.replace("64KiB", "24KiB").replace("32KiB", "12KiB")))
