"""Bubbles: time in which devices that take part in a run have nothing to compute."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from simgpu.errors import InvalidValue, check_type
from simgpu.metrics.columns import columns_of
from simgpu.metrics.use import DeviceUse, device_use
from simgpu.naming import short_name
from simgpu.trace import Trace


@dataclass(frozen=True, slots=True)
class Bubble:
    """How long devices computed, of the time in which they could have.

    `window_ps` is the time from the first start to the last end on any of the devices, times their number; `own_ps` the
    sum of the times from the first start to the last end on each.
    """

    devices: tuple[str, ...]
    busy_ps: int
    window_ps: int
    own_ps: int

    @property
    def pipeline(self) -> float:
        """Idle share of the time from the first start to the last end on any of the devices.

        For a pipeline of p equal stages and m microbatches it is (p - 1) / (m + p - 1): Huang et al., GPipe (2019),
        section 2.3.
        """
        return 1 - self.busy_ps / self.window_ps if self.window_ps else 0.0

    @property
    def inner(self) -> float:
        """Idle share of the times from the first start to the last end on each of the devices."""
        return 1 - self.busy_ps / self.own_ps if self.own_ps else 0.0


def bubble(trace: Trace, *, devices: Collection[str] | None = None) -> Bubble:
    """Return the bubble of the devices that take part: all that compute at least one operation, or those given.

    Raises InvalidValue if one that is given takes no part.
    """
    used = list(device_use(trace, columns_of(trace)))
    if devices is None:
        return bubble_of(used)
    _check_names(devices)
    taking_part = {short_name(it.name): it.name for it in used if it.operations}
    names = [taking_part.get(device, device) for device in devices]
    for name in names:
        if name not in taking_part.values():
            known = ", ".join(list(taking_part)[:16]) or "no device does"
            raise InvalidValue(f"{name!r} takes no part in the run; those that compute: {known}")
    return bubble_of(it for it in used if it.name in names)


def _check_names(devices: Collection[str]) -> None:
    wanted = "a list of names; give it as ['GPU:0', 'GPU:1']"
    if isinstance(devices, str):
        raise InvalidValue(f"devices={devices!r:.60} is not {wanted}")
    check_type(devices, Collection, "devices", wanted)
    for device in devices:
        check_type(device, str, "device", "the name of a device, such as 'GPU:0'")


def bubble_of(used: Iterable[DeviceUse]) -> Bubble:
    """Return the bubble of devices, as far as they take part."""
    parts = [it for it in used if it.operations]
    window_ps = max((it.last_ps for it in parts), default=0) - min((it.first_ps for it in parts), default=0)
    return Bubble(
        devices=tuple(it.name for it in parts),
        busy_ps=sum(it.busy_ps for it in parts),
        window_ps=window_ps * len(parts),
        own_ps=sum(it.last_ps - it.first_ps for it in parts),
    )
