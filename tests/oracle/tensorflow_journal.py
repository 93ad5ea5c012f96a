"""A note of which operation ran where, by TensorFlow's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import simgpu as sg
from simgpu.arrays.deciding import Decision
from tests.oracle.tensorflow_names import THEIR_NAMES


class Journal:
    """Notes which operation ran where, by TensorFlow's name: an observer."""

    def __init__(self) -> None:
        self.executed: list[list[str]] = []

    def computed(
        self,
        type: str,
        attributes: Mapping[str, Any],
        inputs: Sequence[sg.Array],
        outputs: Sequence[sg.Array],
        decision: Decision,
        start_ns: int,
    ) -> None:
        name = THEIR_NAMES.get(type, decision.rule.tensorflow)
        self.executed.append([THEIR_NAMES.get(name, name), outputs[0].device])

    def copied(self, source: sg.Array, target: sg.Array, start_ns: int) -> None: ...

    def viewed(self, type: str, attributes: Mapping[str, Any], source: sg.Array, view: sg.Array) -> None: ...

    def changing(self, array: sg.Array) -> None: ...

    def granted(self, device: int, block: Any, owner: str) -> None: ...

    def returned(self, device: int, block: Any) -> None: ...
