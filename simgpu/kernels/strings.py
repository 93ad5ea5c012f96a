"""Operations on strings. They have kernels on the CPU alone, in every kernel set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simgpu.graph import TensorSpec
from simgpu.kernels.rows import row
from simgpu.kernels.rules import Attributes, Specs

STRING = frozenset({"string"})


def _infer_length(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    return (TensorSpec(inputs[0].shape, "int32"),)


def _length(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    texts = inputs[0].ravel()
    lengths = [len(text.encode() if isinstance(text, str) else text) for text in texts]
    outputs[0].ravel()[...] = lengths


ROWS = (row("StringLength", _infer_length, _length, accepts=(STRING,), tensorflow="StringLength"),)
"""The length of each string in bytes, in UTF-8."""
