"""`simgpu validate`: predict, run, compare; files in a directory, and a summary on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simgpu.calibration import read_calibration
from simgpu.cli.console import progress, show
from simgpu.cli.words import words_of_the_command_line
from simgpu.costs import Calibration
from simgpu.errors import InvalidValue, MissingDependency
from simgpu.report import Part, as_text, exceeded, validation_report, write_validation_plot
from simgpu.storage import STORAGES, storage_named
from simgpu.validation import VALIDATION_FILE, Validation, Workload, standard_workloads
from simgpu.validation import validate as run_validation

TEXT_FILE, PLOT_FILE = "validation.txt", "validation.html"
NOT_GOOD_ENOUGH = 1


@dataclass(frozen=True, slots=True)
class ValidationChoice:
    """What is asked for on the command line. Limits of errors are in percent; None is no limit."""

    output: str
    quick: bool
    only: Sequence[str]
    storage: str | None
    runs: int
    seed: int
    most_mean_error: float | None
    most_error: float | None


def validate_calibration(path: str, choice: ValidationChoice) -> int:
    """Validate a calibration, and return the exit status: 1 if something failed or errors exceed the limits."""
    _check_limits(choice)
    calibration = read_calibration(path)
    _check_storage(path, calibration, choice)
    directory = _directory(choice.output)
    with words_of_the_command_line(of_a_scenario=False):
        validation = _validated(calibration, directory, choice)
    complaints = exceeded(validation, mean=choice.most_mean_error, largest=choice.most_error)
    tail: list[Part] = ["", _plotted(validation, directory), *(f"Not good enough: {it}." for it in complaints)]
    text = as_text([*validation_report(validation, explain_all=True), *tail])
    (directory / TEXT_FILE).write_text(text, encoding="utf-8")
    show([*validation_report(validation), *tail, f"All of it is in {directory / TEXT_FILE} and {VALIDATION_FILE}."])
    return NOT_GOOD_ENOUGH if validation.failures or complaints else 0


def _check_limits(choice: ValidationChoice) -> None:
    for option, limit in (("--most-mean-error", choice.most_mean_error), ("--most-error", choice.most_error)):
        if limit is not None and not limit >= 0:  # which `nan` is not
            raise InvalidValue(f"{option} {limit:g} is no limit; give percents, 0 or more")


def _check_storage(path: str, calibration: Calibration, choice: ValidationChoice) -> None:
    measured_on = calibration.device.storage
    if choice.storage is None and measured_on not in STORAGES:
        known = ", ".join(STORAGES)
        raise InvalidValue(
            f"{path!r} was measured on storage {measured_on!r:.60}, which is not known here; name one of {known} with "
            "--storage"
        )


def _validated(calibration: Calibration, directory: Path, choice: ValidationChoice) -> Validation:
    storage = storage_named(choice.storage or calibration.device.storage)
    workloads = _chosen(standard_workloads(on_gpu=storage.is_asynchronous, quick=choice.quick), choice.only)
    with progress() as on_progress:
        return run_validation(
            calibration,
            workloads,
            storage=storage,
            directory=directory,
            runs=choice.runs,
            seed=choice.seed,
            on_progress=on_progress,
        )


def _directory(path: str) -> Path:
    directory = Path(path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidValue(f"results cannot be written to {path!r}: {error.strerror}; name a directory") from error
    return directory


def _chosen(workloads: Sequence[Workload], only: Sequence[str]) -> list[Workload]:
    """Return the workloads whose class or name has one of the words in it."""
    found = [it for it in workloads if not only or any(word in f"{it.family}: {it.name}" for word in only)]
    if not found:
        words, there = " or ".join(map(repr, only)), ", ".join(dict.fromkeys(it.family for it in workloads))
        raise InvalidValue(f"--only: no workload has {words} in its class or name; classes are {there}")
    return found


def _plotted(validation: Validation, directory: Path) -> str:
    try:
        write_validation_plot(validation, directory / PLOT_FILE)
    except MissingDependency as error:
        return f"No plot: {error}."
    return f"Plot: {directory / PLOT_FILE}."
