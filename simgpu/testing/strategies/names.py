"""Device names and what they mean, whole or in part."""

from __future__ import annotations

import hypothesis.strategies as st

from simgpu.machine import Machine
from simgpu.naming import DeviceSpec, short_name

_JOBS = ("localhost", "worker", "ps")
_KINDS = ("CPU", "GPU")
_LARGEST = 3  # indices are small, so that names meet


def device_specs(*, is_complete: bool = False) -> st.SearchStrategy[DeviceSpec]:
    """Device specs of CPUs and GPUs. Unless `is_complete`, any part may be left out, and the type or job be any."""
    numbers = st.integers(0, _LARGEST)
    jobs, kinds = st.sampled_from(_JOBS), st.sampled_from(_KINDS)
    if is_complete:
        return st.builds(DeviceSpec, jobs, numbers, numbers, kinds, numbers)
    some = st.none() | numbers
    return st.builds(DeviceSpec, st.none() | jobs, some, some, st.none() | kinds, some)


def device_names(machine: Machine | None = None) -> st.SearchStrategy[str]:
    """Device names in every accepted spelling: whole, partial, short, in either case.

    With a machine, each names one of its devices: `machine.index(name)` knows it. Without, they need not name any, and
    may be empty.
    """
    if machine is not None:
        return st.sampled_from(machine.devices).flatmap(lambda device: st.sampled_from(spellings(device.name)))
    return device_specs().map(str) | device_specs(is_complete=True).flatmap(
        lambda spec: st.sampled_from(spellings(str(spec)))
    )


def spellings(name: str) -> tuple[str, ...]:
    """Return the ways to write the name of one device: `/job:localhost/…/device:GPU:0`, `GPU:0`, `/gpu:0`, …."""
    short = short_name(name)
    lower = short.replace("GPU", "gpu").replace("CPU", "cpu")
    return name, short, lower, f"/{lower}" if lower[0] != "/" else lower.removeprefix("/")
