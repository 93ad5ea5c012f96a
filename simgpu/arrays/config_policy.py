"""What becomes of inputs on other devices, by TensorFlow's names for it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simgpu.arrays.observer import Observer
from simgpu.arrays.rules import Mixed, Rules
from simgpu.memory import Block

if TYPE_CHECKING:
    from simgpu.arrays.array import Array
    from simgpu.arrays.deciding import Decision

LOGGER = logging.getLogger("simgpu.placement")
POLICIES: Mapping[str, Mixed] = {
    "silent": "copy",
    "warn": "copy",
    "explicit": "raise",
    "silent_for_int32": "copy-int32",
}


class CopyWarnings:
    """An observer that warns, through `logging`, of each copy from one memory to another."""

    def computed(
        self,
        type: str,
        attributes: Mapping[str, Any],
        inputs: Sequence[Array],
        outputs: Sequence[Array],
        decision: Decision,
        start_ns: int,
    ) -> None:
        """Do nothing."""

    def copied(self, source: Array, target: Array, start_ns: int) -> None:
        """Warn of a copy from one memory to another."""
        if source.backing_device != target.backing_device:
            LOGGER.warning("copied %s from %s to %s", source._kind.spec, source.backing_device, target.backing_device)

    def viewed(self, type: str, attributes: Mapping[str, Any], source: Array, view: Array) -> None:
        """Do nothing."""

    def changing(self, array: Array) -> None:
        """Do nothing."""

    def granted(self, device: int, block: Block, owner: str) -> None:
        """Do nothing."""

    def returned(self, device: int, block: Block) -> None:
        """Do nothing."""


_WARNINGS = CopyWarnings()


def policy_of(rules: Rules, observers: Sequence[Observer]) -> str:
    """Return the name of the policy that is set."""
    if _WARNINGS in observers:
        return "warn"
    return next(name for name, mixed in POLICIES.items() if mixed == rules.mixed)


def rules_for(policy: str, rules: Rules, observers: Sequence[Observer]) -> tuple[Rules, tuple[Observer, ...]]:
    """Return rules and observers under a policy."""
    others = tuple(observer for observer in observers if observer is not _WARNINGS)
    watching = (*others, _WARNINGS) if policy == "warn" else others
    return replace(rules, mixed=POLICIES[policy]), watching
