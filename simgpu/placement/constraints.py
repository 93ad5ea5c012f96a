"""Algebra of partial device names, as TensorFlow's placer does it (device_name_utils.cc).

A constraint is a `DeviceSpec` in which None allows anything. Where two constraints disagree, job, replica and task
always conflict; type and index conflict too, unless soft placement lets both go.
"""

from __future__ import annotations

from dataclasses import replace

from simgpu.naming import DeviceSpec

ANYWHERE = DeviceSpec()
_HOST_FIELDS = ("job", "replica", "task")
_FIELDS = (*_HOST_FIELDS, "device_type", "device_index")


class Conflict(Exception):
    """Two constraints that no device can meet. Its text says which part disagrees."""


def constraint(spec: DeviceSpec) -> DeviceSpec:
    """Return a request as a constraint: `*` for a job or type allows any."""
    job = None if spec.job == "*" else spec.job
    kind = None if spec.device_type == "*" else spec.device_type
    return replace(spec, job=job, device_type=kind)


def are_compatible(one: DeviceSpec, other: DeviceSpec) -> bool:
    """Tell whether no field of one contradicts the other."""
    return not any(_disagree(one, other, name) for name in _FIELDS)


def merge(target: DeviceSpec, other: DeviceSpec, *, soft: bool = False) -> DeviceSpec:
    """Return a constraint that holds both. Raises Conflict.

    With `soft`, a contradiction in type drops type and index, and one in index drops the index.
    """
    for name in _HOST_FIELDS:
        if _disagree(target, other, name):
            raise Conflict(f"{name} {getattr(target, name)} and {name} {getattr(other, name)}")
    host = specialise(target, replace(other, device_type=None, device_index=None))
    for name in ("device_type", "device_index"):
        if _disagree(target, other, name):
            if not soft:
                raise Conflict(f"{target} and {other}")
            kind = None if name == "device_type" else target.device_type or other.device_type
            return replace(host, device_type=kind, device_index=None)
    return specialise(host, other)


def specialise(spec: DeviceSpec, winner: DeviceSpec) -> DeviceSpec:
    """Return `spec` with every field that `winner` sets taken from it."""
    return spec.merged(winner)


def without_device(spec: DeviceSpec, keep: DeviceSpec = ANYWHERE) -> DeviceSpec:
    """Return `spec` without its type and index, except where `keep` sets them."""
    kind = spec.device_type if keep.device_type is not None else None
    index = spec.device_index if keep.device_index is not None else None
    return replace(spec, device_type=kind, device_index=index)


def _disagree(one: DeviceSpec, other: DeviceSpec, name: str) -> bool:
    wanted = getattr(other, name)
    return wanted is not None and getattr(one, name) not in (None, wanted)
