"""A scenario for the tests of commands."""

from __future__ import annotations

SMALL = """\
name: small
machine: {gpus: 1 x 64KiB, split: {"GPU:0": [32KiB, 32KiB]}}
graph:
  operations:
    - {name: x, op: Input, shape: [16, 32]}
    - {name: w, op: Variable, shape: [32, 64]}
    - {name: y, op: MatMul, inputs: [x, w]}
    - {name: z, op: Relu, inputs: [y], device: "/gpu:7"}
    - {name: n, op: Cast, inputs: [z], attributes: {dtype: int32}}
seed: 3
"""
