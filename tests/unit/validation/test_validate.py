"""Predictions come first, and errors are what fabricated runs make them."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path

import pytest

from simgpu.errors import InvalidValue
from simgpu.simulation import SimulationOptions
from simgpu.storage import NumpyStorage
from simgpu.validation import BusyPair, Workload, read_validation, validate
from simgpu.validation.predicting import Prediction
from tests.messages import exactly
from tests.unit.validation.fabricated import GPU, US, Calibrated, Fixed, chain, workload_of


class Runs:
    """Stands in for `execute`: gives the traces of a list, and notes what it found in the directory."""

    def __init__(self, *traces, directory: Path | None = None) -> None:
        self.traces = [*traces]
        self.directory = directory
        self.found: list[object] = []

    def __call__(self, placement, feeds, *, storage):
        if self.directory is not None:
            data = json.loads((self.directory / "predicted.json").read_text())
            self.found.append([(it["workload"], it["predicted_ps"] is not None) for it in data["predictions"]])
        trace = self.traces.pop(0)
        if isinstance(trace, BaseException):
            raise trace
        return {}, trace


@pytest.fixture(autouse=True)
def fixed_costs(monkeypatch):
    monkeypatch.setattr("simgpu.validation.validating.Measured", Fixed)


def test_every_prediction_is_on_the_disk_before_the_first_run(tmp_path):
    runs = Runs(*[chain({"relu": 5})] * 4, directory=tmp_path)
    workloads = [workload_of("one", "Relu"), workload_of("two", "Relu")]
    made = validate(Calibrated(), workloads, directory=tmp_path, runs=1, execute=runs)

    assert runs.found == [[("one", True), ("two", True)]] * 4
    assert made.predicted_sha256 == hashlib.sha256((tmp_path / "predicted.json").read_bytes()).hexdigest()


def test_a_prediction_that_was_written_is_the_one_that_is_compared(tmp_path):
    made = validate(
        Calibrated(), [workload_of("one", "Relu")], directory=tmp_path, runs=1, execute=Runs(*[chain({"relu": 5})] * 2)
    )
    (written,) = json.loads((tmp_path / "predicted.json").read_text())["predictions"]

    assert written["predicted_ps"] == made.outcomes[0].predicted_ps
    assert written["busy_ps"] == {GPU.format(0): 5 * US}


def test_the_first_run_warms_up_and_the_median_of_the_others_counts():
    runs = Runs(*(chain({"relu": time_us}) for time_us in (1000, 40, 10, 20)))
    (outcome,) = validate(Calibrated(), [workload_of("one", "Relu")], execute=runs).outcomes

    assert (outcome.runs_ps, outcome.measured_ps) == ((40 * US, 10 * US, 20 * US), 20 * US)
    assert outcome.error == (outcome.predicted_ps - 20 * US) / (20 * US)
    assert outcome.busy[0] == BusyPair("compute", GPU.format(0), 5 * US, 20 * US)
    assert outcome.sums_ps() == (5 * US, 20 * US)


def test_what_fails_says_why_and_the_rest_goes_on():
    def unbuildable(machine):
        raise MemoryError("no room\nfor it")

    workloads = [
        Workload("unbuildable", "a", (2**20,), unbuildable),
        workload_of("unrunnable", "Relu"),
        workload_of("fine", "Relu"),
    ]
    runs = Runs(ValueError("no such kernel"), chain({"relu": 5}), chain({"relu": 5}))
    made = validate(Calibrated(), workloads, runs=1, execute=runs)

    assert [(it.workload, it.failure) for it in made.failures] == [
        ("unbuildable", "not predicted: MemoryError: no room for it"),
        ("unrunnable", "not run: ValueError: no such kernel"),
    ]
    assert made.summary().count == 1


def test_warnings_of_a_prediction_are_kept_with_it(monkeypatch):
    class Warning_(Fixed):
        def cost(self, operation, device):
            warnings.warn("beyond what was measured", UserWarning, stacklevel=2)
            return super().cost(operation, device)

    monkeypatch.setattr("simgpu.validation.validating.Measured", Warning_)
    runs = Runs(chain({"relu": 5}), chain({"relu": 5}))
    (outcome,) = validate(Calibrated(), [workload_of("one", "Relu")], runs=1, execute=runs).outcomes

    assert outcome.warnings == ("beyond what was measured",)


def test_results_come_back_from_the_file_as_they_were(tmp_path):
    workloads = [workload_of("one", "Relu", "Softmax"), workload_of("lost", "Relu")]
    runs = Runs(*[chain({"relu": 5, "softmax": 7})] * 4, OSError("gone"))
    made = validate(Calibrated(), workloads, directory=tmp_path, execute=runs)
    back = read_validation(tmp_path / "validation.json")

    assert (back.outcomes, dict(back.facts)) == (made.outcomes, dict(made.facts))
    assert back.predicted_sha256 == made.predicted_sha256
    assert [it.name for it in tmp_path.iterdir() if it.suffix not in (".json",)] == []


def test_what_has_come_is_kept_if_the_rest_does_not(tmp_path, monkeypatch):
    monkeypatch.setattr("simgpu.validation.validating.SECONDS_BETWEEN_WRITES", 0.0)
    runs = Runs(*[chain({"relu": 5})] * 2, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        validate(
            Calibrated(),
            [workload_of("one", "Relu"), workload_of("two", "Relu")],
            directory=tmp_path,
            runs=1,
            execute=runs,
        )

    assert [it.workload for it in read_validation(tmp_path / "validation.json").outcomes] == ["one"]


def test_the_same_work_is_written_once(tmp_path):
    validate(
        Calibrated(),
        [workload_of("one", "Relu"), workload_of("two", "Relu")],
        directory=tmp_path,
        execute=Runs(*[chain({"relu": 5})] * 8),
    )
    data = json.loads((tmp_path / "validation.json").read_text())

    assert data["lists"]["signature"] == [["Relu", ["float32[4,4]"], ["float32[4,4]"], "{}"]]
    assert [it["spans"]["signature"].count(0) for it in data["workloads"]] == [2, 2]


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"format": "simgpu validation 0"}', "{}"])
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)

    with pytest.raises(InvalidValue, match=r"other\.json is no validation \(.*give the `validation.json` of"):
        read_validation(path)


def test_progress_is_told_for_each_stage():
    told = []
    runs = Runs(*[chain({"relu": 5})] * 4)
    workloads = [workload_of("one", "Relu"), workload_of("two", "Relu")]
    validate(Calibrated(), workloads, runs=1, execute=runs, on_progress=lambda *it: told.append(it))

    assert told == [("predict", 1, 2), ("predict", 2, 2), ("measure", 1, 2), ("measure", 2, 2)]


@pytest.mark.parametrize("runs", [0, 1.0, True])
def test_runs_are_counted(runs):
    with pytest.raises(InvalidValue, match=exactly(f"runs is {runs!r}; it must be an int of 1 or more")):
        validate(Calibrated(), [], runs=runs)


def test_real_runs_are_paired_operation_by_operation():
    (outcome,) = validate(Calibrated(), [workload_of("one", "Relu", "Softmax")], runs=2).outcomes
    compared = [(it.kind, it.name) for it in outcome.pairs if it.is_compared]

    assert sorted(compared) == [("compute", "relu"), ("compute", "softmax"), ("transfer", "softmax"), ("transfer", "x")]
    assert outcome.failure == ""


def test_on_a_card_launches_are_compared_too():
    cupy_on_host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed")
    storage = cupy_on_host.host_storage()
    (outcome,) = validate(Calibrated(), [workload_of("one", "Relu", "Softmax")], storage=storage, runs=2).outcomes
    compared = {(it.kind, it.name) for it in outcome.pairs if it.is_compared}

    assert outcome.failure == ""
    assert compared >= {("launch", "relu"), ("launch", "softmax"), ("compute", "relu"), ("compute", "softmax")}
    assert outcome.sums_ps("launch") > (0, 0)


@pytest.mark.parametrize(("is_asynchronous", "launch"), [(True, "async"), (False, "sync")])
def test_the_model_launches_as_this_process_does(monkeypatch, is_asynchronous, launch):
    used = []
    monkeypatch.setattr(
        "simgpu.validation.validating.predict",
        lambda workload, calibration, costs, options: used.append(options) or Prediction(workload, failure="none"),
    )
    storage = NumpyStorage()
    storage.is_asynchronous = is_asynchronous
    validate(Calibrated(), [workload_of("one", "Relu")], storage=storage)

    assert used == [SimulationOptions(launch=launch, launchers="host")]
