"""`simgpu validate`, from a calibration of this computer to files and exit statuses."""

from __future__ import annotations

import json
import sys

import pytest

from simgpu.calibration import Plan, calibrate, write_calibration
from simgpu.calibration.case import case
from simgpu.cli import console
from simgpu.validation import Outcome, Validation, read_validation

FILES = {"predicted.json", "validation.json", "validation.txt"}


SMALL = Plan(
    operations=(
        *(case(type, shape, shape) for type in ("Add", "MatMul") for shape in ((32, 32), (256, 256))),
        *(case(type, (size,)) for type in ("Identity", "Relu") for size in (1_000, 100_000)),
        case("Concat", (1_000,), (1_000,), axis=0),
        case("Conv", (1, 16, 32, 32), (16, 16, 3, 3)),
    ),
    copy_sizes=(256, 2**20),
    chains=(5, 20),
    budget_s=10.0,
    region_bytes=2**26,
)
"""Enough to predict something of everything."""


@pytest.fixture(scope="module")
def calibration(tmp_path_factory):
    """Return the file of a small calibration of this computer."""
    path = tmp_path_factory.mktemp("calibration") / "cpu.json"
    write_calibration(calibrate("numpy", plan=SMALL), path)
    return path


@pytest.fixture(autouse=True)
def without_plotly(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)


@pytest.fixture
def made(monkeypatch):
    """Let validations come out as given, and return what they were asked for."""

    def give(*outcomes: Outcome) -> dict[str, object]:
        asked: dict[str, object] = {}

        def run(calibration, workloads, **options):
            asked.update(options, workloads=[it.name for it in workloads])
            return Validation(facts={}, outcomes=outcomes)

        monkeypatch.setattr("simgpu.cli.validation.run_validation", run)
        return asked

    return give


def outcome(predicted_ps: int, failure: str = "") -> Outcome:
    return Outcome(workload="w", family="f", predicted_ps=predicted_ps, runs_ps=(100,), failure=failure)


def test_this_computer_is_calibrated_predicted_and_measured(simgpu, calibration, tmp_path):
    only = ("--only", "ring", "--only", "pipeline", "--only", "additions")
    status, out, _ = simgpu("validate", calibration, "-o", tmp_path / "new" / "out", "--quick", "--runs", 2, *only)
    validation = read_validation(tmp_path / "new" / "out" / "validation.json")

    assert status == 0
    assert {file.name for file in (tmp_path / "new" / "out").iterdir()} == FILES
    assert [it.family for it in validation.outcomes] == ["all-reduce", "pipeline", "extremes"]
    assert [len(it.runs_ps) for it in validation.outcomes] == [2, 2, 2]
    assert all(it.error is not None and it.error > -1 for it in validation.outcomes)
    assert all(pair.is_compared for it in validation.outcomes for pair in it.pairs if pair.kind != "launch")
    assert "Errors of predicted makespans" in out
    assert "No plot: the plot of predicted against measured times needs plotly" in out


def test_progress_of_predicting_and_measuring_is_shown(simgpu, calibration, tmp_path, monkeypatch):
    monkeypatch.setattr(console, "_SECONDS_BETWEEN_LINES", 0.0)
    _, _, err = simgpu("validate", calibration, "-o", tmp_path, "--quick", "--runs", 1, "--only", "additions")
    shown = [line for line in err.splitlines() if line.startswith("simgpu: ")]

    assert shown == ["simgpu: predict: 1 of 1 steps", "simgpu: measure: 1 of 1 steps"]


def test_a_model_runs_over_two_gpus_too(simgpu, calibration, tmp_path):
    assert (
        simgpu("validate", calibration, "-o", tmp_path, "--quick", "--runs", 1, "--only", "squeezenet batch 1 on 2")[0]
        == 0
    )
    (found,) = read_validation(tmp_path / "validation.json").outcomes

    assert {it.resource for it in found.busy if it.kind == "compute"} == {
        f"/job:localhost/replica:0/task:0/device:GPU:{number}" for number in (0, 1)
    }


def test_the_text_explains_every_workload_and_the_screen_the_worst(simgpu, calibration, tmp_path, made):
    made(*(outcome(100 + number) for number in range(5)))
    _, out, _ = simgpu("validate", calibration, "-o", tmp_path)

    assert out.count("Busy time of devices") == 3
    assert (tmp_path / "validation.txt").read_text().count("Busy time of devices") == 5


@pytest.mark.parametrize(
    ("outcomes", "options", "status"),
    [
        ([outcome(110), outcome(130)], (), 0),
        ([outcome(110), outcome(130)], ("--most-mean-error", 20.5, "--most-error", 30.5), 0),
        ([outcome(110), outcome(130)], ("--most-mean-error", 19), 1),
        ([outcome(110), outcome(130)], ("--most-error", 29), 1),
        ([outcome(110), outcome(100, "not run: MemoryError: no room")], (), 1),
        ([outcome(100, "not run")], ("--most-error", 29), 1),
    ],
)
def test_the_exit_status_is_1_for_failures_and_errors_beyond_the_limits(
    simgpu, calibration, tmp_path, made, outcomes, options, status
):
    made(*outcomes)

    assert simgpu("validate", calibration, "-o", tmp_path, *options)[0] == status


def test_what_is_not_good_enough_is_said_in_words(simgpu, calibration, tmp_path, made):
    made(outcome(130))
    _, out, _ = simgpu("validate", calibration, "-o", tmp_path, "--most-mean-error", 15)

    assert "Not good enough: the mean error, 30.0 %, is more than 15 %.\n" in out


def test_options_reach_the_validation(simgpu, calibration, tmp_path, made):
    asked = made(outcome(100))
    simgpu("validate", calibration, "-o", tmp_path, "--quick", "--seed", 3, "--runs", 5, "--only", "around")
    del asked["on_progress"], asked["storage"]

    assert asked == {"workloads": ["transfers: 4 x 8 MiB around"], "directory": tmp_path, "seed": 3, "runs": 5}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ("--only", "nothing"),
            "--only: no workload has 'nothing' in its class or name; classes are models, all-reduce",
        ),
        (("--runs", 0), "runs is 0; it must be an int of 1 or more"),
        (("--seed", -1), "--seed is -1; it must be an int of 0 or more"),
        (("--most-error", "-1"), "--most-error -1 is no limit; give percents, 0 or more"),
        (("--most-mean-error", "nan"), "--most-mean-error nan is no limit; give percents, 0 or more"),
        (
            ("--storage", "shape"),
            "storage 'shape' computes nothing, so there is nothing to hold predictions against; validate on the "
            "storage that was calibrated, 'numpy'",
        ),
        (("--storage", "tape"), "--storage 'tape' is not a kind of storage; choose one of numpy"),
        (("-o", "/dev/null/out"), "results cannot be written to '/dev/null/out': Not a directory; name a directory"),
    ],
)
def test_wrong_options_are_refused(simgpu, calibration, tmp_path, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    status, out, err = simgpu("validate", calibration, "--quick", *options)

    assert (status, out) == (2, "")
    assert err.startswith(f"simgpu: error: {words}")


def test_a_calibration_of_a_storage_that_is_not_here_is_refused(simgpu, calibration, tmp_path):
    path = tmp_path / "other.json"
    path.write_text(calibration.read_text().replace('"storage": "numpy"', '"storage": "tape"'))
    status, out, err = simgpu("validate", path, "-o", tmp_path / "out")

    assert (status, out) == (2, "")
    assert "other.json' was measured on storage 'tape', which is not known here; name one of numpy, " in err
    assert not (tmp_path / "out").exists()


def test_another_file_is_no_calibration(simgpu, tmp_path):
    path = tmp_path / "other.json"
    path.write_text(json.dumps({"format": "other"}))
    status, out, err = simgpu("validate", path, "-o", tmp_path / "out")

    assert (status, out) == (2, "")
    assert "other.json" in err
    assert not (tmp_path / "out").exists()
