"""What environment variables say: the one place that reads them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from simgpu.cards import SharedCards, runtime_directory
from simgpu.errors import InvalidValue, check_type
from simgpu.machine import Machine, parse_machine
from simgpu.units import MiB

VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = "CUDA_DEVICE_ORDER"
DIRECTORY = "SIMGPU_RUNTIME_DIR"
SESSION = "XDG_RUNTIME_DIR"
MACHINE = "SIMGPU_MACHINE"
STORAGE = "SIMGPU_STORAGE"
KERNELS = "SIMGPU_KERNELS"
GROWTH = "TF_FORCE_GPU_ALLOW_GROWTH"
RESERVE = "TF_DEVICE_MIN_SYS_MEMORY_IN_MB"

DEFAULT_MACHINE = "1 x 4GiB"


@dataclass(frozen=True, slots=True)
class DefaultSettings:
    """What the default runtime is made of. `forced_growth` and `reserve_bytes` are None where nothing is said."""

    machine: Machine
    storage: str
    kernels: str
    forced_growth: bool | None
    reserve_bytes: int | None


def visible_machine(machine: Machine | str, environment: Mapping[str, str] | None = None) -> Machine:
    """Return a machine as a CUDA program sees it that is started in this environment.

    `CUDA_VISIBLE_DEVICES` and `CUDA_DEVICE_ORDER` hide and renumber the GPUs of every host, as the driver does (see
    `Machine.visible`). With neither set, the machine stays as it was described. Without `environment`, it is that of
    this process. The machine may be given by its one-line form.
    """
    machine = parse_machine(machine)
    environment = os.environ if environment is None else environment
    check_type(environment, Mapping, "environment", "a mapping of variables; leave it out for those of this process")
    if VISIBLE not in environment and ORDER not in environment:
        return machine
    return machine.visible(environment.get(VISIBLE), environment.get(ORDER))


def visibility_note(described: Machine, seen: Machine, environment: Mapping[str, str] | None = None) -> str:
    """Say in words what the variables changed: `CUDA_VISIBLE_DEVICES=0 leaves 1 of 8 GPUs`; empty if nothing."""
    if described == seen:
        return ""
    environment = os.environ if environment is None else environment
    variables = " with ".join(f"{name}={environment[name]}" for name in (VISIBLE, ORDER) if name in environment)
    before, after = (sum(card.kind == "GPU" for card in machine.physical_devices) for machine in (described, seen))
    return f"{variables} " + (f"leaves {after} of {before} GPUs" if after < before else f"renumbers the {before} GPUs")


def shared_cards(environment: Mapping[str, str] | None = None) -> SharedCards:
    """Return the cards that all programs of this user share.

    Their ledger lies in `SIMGPU_RUNTIME_DIR`, else in `XDG_RUNTIME_DIR/simgpu`, else in `/tmp/simgpu-<uid>`: on a disk
    of this computer, not on NFS. Programs that name different directories do not know of each other.
    """
    environment = os.environ if environment is None else environment
    return SharedCards(runtime_directory(environment.get(DIRECTORY), environment.get(SESSION)))


def default_settings(environment: Mapping[str, str] = os.environ) -> DefaultSettings:
    """Return what the environment says of the default runtime. An empty variable counts as not set.

    `SIMGPU_MACHINE`: a machine in one line, such as `2 x h100-80g`; `SIMGPU_STORAGE`: `numpy`, `cupy` or `shape`;
    `SIMGPU_KERNELS`: a kernel set. As in TensorFlow, `TF_FORCE_GPU_ALLOW_GROWTH` (`true` or `false`) overrides what the
    program says of memory growth, and `TF_DEVICE_MIN_SYS_MEMORY_IN_MB` leaves so many MiB of each card alone.
    Raises InvalidValue, where TensorFlow ignores it, for a value that cannot be meant.
    """
    return DefaultSettings(
        machine=Machine(environment.get(MACHINE) or DEFAULT_MACHINE),
        storage=environment.get(STORAGE) or "numpy",
        kernels=environment.get(KERNELS) or "float-only",
        forced_growth=_as_bool(GROWTH, environment.get(GROWTH)),
        reserve_bytes=_as_mebibytes(RESERVE, environment.get(RESERVE)),
    )


def _as_bool(name: str, text: str | None) -> bool | None:
    if text and text not in ("true", "false"):
        raise InvalidValue(f"{name} is {text!r}; it can be 'true' or 'false'")
    return text == "true" if text else None


def _as_mebibytes(name: str, text: str | None) -> int | None:
    if text and not (text.isascii() and text.isdigit()):
        raise InvalidValue(f"{name} is {text!r}; it is a whole number of MiB")
    return int(text) * MiB if text else None
