"""Perturbations as a scenario file says them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simgpu.errors import SimgpuError
from simgpu.machine import Machine
from simgpu.machine.refusal import Path
from simgpu.scenario.schema import PerturbationSection, Refused
from simgpu.simulation import Fails, Flaky, LinkChange, Perturbation, Slow, check_perturbation

_KINDS: Mapping[str, tuple[Any, str, tuple[str, ...], tuple[str, ...]]] = {
    "slow": (Slow, "device", (), ("factor", "spread", "distribution")),
    "link": (LinkChange, "link", ("at", "bandwidth"), ()),
    "flaky": (Flaky, "link", ("well", "ill", "until"), ("factor",)),
    "fails": (Fails, "device", ("at",), ("then",)),
}
"""Key -> what it makes, the field that holds its value, the keys that must go with it, and those that may."""


def read_perturbation(section: PerturbationSection, machine: Machine, path: Path) -> Perturbation:
    """Return what a section says. Raises Refused."""
    given = section.model_dump(exclude_none=True)
    kinds = [kind for kind in _KINDS if kind in given]
    if not kinds:
        raise Refused(path, f"one of the keys {', '.join(_KINDS)} is missing")
    kind = kinds[0]
    make, field, needed, allowed = _KINDS[kind]
    for key in given:
        if key not in (kind, *needed, *allowed):
            raise Refused((*path, key), f"{key!r} does not go with {kind!r}", is_key=True)
    for key in needed:
        if key not in given:
            raise Refused(path, f"{kind!r} needs the key {key!r}")
    try:
        made: Perturbation = make(**{field: given.pop(kind)}, **given)
        check_perturbation(made, machine)
    except SimgpuError as error:
        reason = str(error)
    else:
        return made
    raise Refused(path, reason)
