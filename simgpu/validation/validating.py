"""Predict every workload, write the predictions down, and only then run anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from simgpu.costs import Calibration, Measured
from simgpu.errors import InvalidValue, check_type
from simgpu.execution import execute as execute_placement
from simgpu.simulation import SimulationOptions
from simgpu.storage import Storage, storage_named
from simgpu.validation.files import write_predictions, write_validation
from simgpu.validation.measuring import Execute, measure
from simgpu.validation.outcome import Outcome, Validation
from simgpu.validation.predicting import Prediction, predict
from simgpu.validation.workload import Workload
from simgpu.validation.workloads import standard_workloads

OnProgress = Callable[[str, int, int], None]
"""(stage, workloads done, workloads in all)"""

PREDICTED_FILE, VALIDATION_FILE = "predicted.json", "validation.json"
SECONDS_BETWEEN_WRITES = 5.0


def validate(
    calibration: Calibration,
    workloads: Sequence[Workload] | None = None,
    *,
    storage: str | Storage | None = None,
    directory: str | os.PathLike[str] | None = None,
    quick: bool = False,
    runs: int = 3,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    execute: Execute = execute_placement,
) -> Validation:
    """Predict workloads with a calibration, run each of them on its device, and tell how far the predictions are off.

    All predictions are made first, and are in `predicted.json` of the directory before the first run; results go to
    `validation.json` as far as they have come. `workloads` are by default the standard ones for the storage, or a few
    of them with `quick`; `storage` is by default that of the calibration. Each workload runs once to warm up and then
    `runs` times; the median counts. One that cannot be predicted or run is a failure in the result, and no error.
    Raises InvalidValue for storage that holds no bytes.
    """
    if not hasattr(calibration, "device"):
        raise InvalidValue(
            f"calibration={calibration!r:.60} is not a Calibration; give what `read_calibration` returns"
        )
    check_type(workloads, Sequence | None, "workloads", "a sequence of Workloads; see `standard_workloads`")
    if type(runs) is not int or runs < 1:
        raise InvalidValue(f"runs is {runs!r}; it must be an int of 1 or more")
    if type(seed) is not int or seed < 0:
        raise InvalidValue(f"seed is {seed!r}; it must be an int of 0 or more")
    store = _computing(calibration.device.storage if storage is None else storage, calibration)
    if workloads is None:
        workloads = standard_workloads(on_gpu=store.is_asynchronous, quick=quick)
    told = on_progress or (lambda stage, done, total: None)
    options = SimulationOptions(launch="async" if store.is_asynchronous else "sync", launchers="host")
    costs, predictions = Measured(calibration), list[Prediction]()
    for number, workload in enumerate(workloads, 1):
        predictions.append(predict(workload, calibration, costs, options))
        told("predict", number, len(workloads))
    recording = _Recording(None if directory is None else Path(directory), _facts(calibration, store, runs, seed))
    recording.predicted(predictions)
    for number, prediction in enumerate(predictions, 1):
        recording.add(measure(prediction, store, runs=runs, seed=seed, execute=execute))
        told("measure", number, len(predictions))
    return recording.finished()


def _computing(storage: str | Storage, calibration: Calibration) -> Storage:
    """Return storage that computes. Raises InvalidValue for one that does not."""
    store = storage_named(storage)
    if store.name == "shape":
        raise InvalidValue(
            "storage 'shape' computes nothing, so there is nothing to hold predictions against; validate on the "
            f"storage that was calibrated, {calibration.device.storage!r}"
        )
    return store


def _facts(calibration: Calibration, storage: Storage, runs: int, seed: int) -> dict[str, object]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "storage": storage.name,
        "runs": runs,
        "seed": seed,
        "calibration": asdict(calibration.device),
    }


class _Recording:
    """Results, in the directory as far as they have come."""

    def __init__(self, directory: Path | None, facts: dict[str, object]) -> None:
        self._directory = directory
        self._facts = facts
        self._digest = ""
        self._outcomes: list[Outcome] = []
        self._written_at = monotonic()

    def predicted(self, predictions: Sequence[Prediction]) -> None:
        """Write the predictions down, for good."""
        if self._directory is not None:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._digest = write_predictions(predictions, self._facts, self._directory / PREDICTED_FILE)

    def add(self, outcome: Outcome) -> None:
        """Take what came of one more workload."""
        self._outcomes.append(outcome)
        if monotonic() - self._written_at >= SECONDS_BETWEEN_WRITES:
            self.finished()
            self._written_at = monotonic()

    def finished(self) -> Validation:
        """Return and write what there is."""
        made = Validation(facts=self._facts, outcomes=tuple(self._outcomes), predicted_sha256=self._digest)
        if self._directory is not None:
            write_validation(made, self._directory / VALIDATION_FILE)
        return made
