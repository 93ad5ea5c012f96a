"""`simgpu calibrate`: measure a device, show what came out, and write it to a file."""

from __future__ import annotations

import os
import sys

from simgpu.calibration import calibrate, write_calibration
from simgpu.cli.console import progress, show
from simgpu.errors import CalibrationError, InvalidValue, SimgpuError
from simgpu.report import calibration_report
from simgpu.storage import STORAGES, Storage, storage_named

_STORAGE_OF = {"cpu": "numpy", "gpu": "cupy"}
_SMALLEST_BYTES = 2**20


def calibrate_device(path: str, device: str | None, *, quick: bool, budget_s: float | None, seed: int) -> None:
    """Calibrate a device and write the file. The file is tried first, so that no minutes are lost for nothing."""
    if budget_s is not None and not 0 < budget_s < float("inf"):
        raise InvalidValue(f"--budget {budget_s} is no time; give seconds, more than 0")
    if seed < 0:
        raise InvalidValue(f"--seed {seed} is negative; a seed is 0 or more")
    _check_writable(path)
    storage = _chosen_storage(device)
    with progress() as on_progress:
        found = calibrate(storage, quick=quick, budget_s=budget_s, seed=seed, on_progress=on_progress)
    if not found.operations:
        raise CalibrationError("the time sufficed for no operation, and nothing is written; give a larger --budget")
    write_calibration(found, path)
    show([*calibration_report(found), f"Written to {path}."])


def _check_writable(path: str) -> None:
    try:
        with open(path, "a", encoding="utf-8"):
            pass
    except OSError as error:
        raise CalibrationError(f"{path!r} cannot be written: {error.strerror}; name another file with -o") from error
    if os.path.getsize(path) == 0:
        os.remove(path)  # nothing is left behind if the calibration is interrupted


def _chosen_storage(device: str | None) -> Storage:
    """Return the storage of the device asked for, or of the GPU if there is one. Raises InvalidValue."""
    if device is None:
        return _gpu_storage() or storage_named("numpy")
    if device not in _STORAGE_OF:
        raise InvalidValue(f"--device {device!r:.60} is not known; choose one of {', '.join(_STORAGE_OF)}")
    return storage_named(_STORAGE_OF[device])


def _gpu_storage() -> Storage | None:
    """Return the storage of a GPU, if there is one that works; else say why not, as it may be meant to work."""
    if _STORAGE_OF["gpu"] not in STORAGES:
        return None
    try:
        storage = storage_named(_STORAGE_OF["gpu"])
        storage.open(_SMALLEST_BYTES, "GPU").close()
    except (SimgpuError, ImportError, OSError, RuntimeError) as error:
        print(f"simgpu: the CPU is calibrated, since there is no GPU to use here: {error}", file=sys.stderr, flush=True)
        return None
    return storage
