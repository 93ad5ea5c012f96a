"""Which device an eager operation runs on: TensorFlow's rules, or those of the Array API standard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simgpu.arrays.scopes import ANYWHERE
from simgpu.naming import DeviceSpec

Mixed = Literal["copy", "raise", "copy-int32"]


@dataclass(frozen=True, slots=True)
class Rules:
    """How arrays behave that were made under these rules; each array carries its own.

    With `follows_inputs`, an operation runs where its inputs are, and scopes matter only for new arrays (Array API).
    Without it, device scopes and the kernel set choose, whatever the inputs (TensorFlow). `mixed` says what becomes of
    inputs that are elsewhere: they are copied, and the copy is in the trace, or DeviceMismatchError is raised, or that
    unless they are int32.
    `default` is the device of new arrays outside any scope, `api_version` the standard of their namespace.
    """

    kernels: str = "float-only"
    mixed: Mixed = "copy"
    follows_inputs: bool = False
    default: DeviceSpec = ANYWHERE
    api_version: str = "2025.12"
