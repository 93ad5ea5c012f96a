"""One command does everything on a machine with a GPU, and each step goes on where another failed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import on_gpu
from benchmarks.on_gpu import Step, main, missing, slug, steps


def says(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run steps of one's own as if on a device, and return the status."""

    def call(
        *made: Step,
        device: str | None = "NVIDIA H100 80GB HBM3",
        arguments: tuple[str, ...] = (),
        is_kept: bool = True,
    ) -> int:
        monkeypatch.setattr(on_gpu, "RESULTS", tmp_path)
        monkeypatch.setattr(on_gpu, "found_device", lambda: device)
        monkeypatch.setattr(on_gpu, "missing", lambda: ())
        monkeypatch.setattr(on_gpu, "steps", lambda folder, stamp, *, on_gpu, quick: made)
        return main([*(("--results", str(tmp_path)) if is_kept else ()), *arguments])

    return call


def kept_in(folder: Path) -> dict[str, str]:
    """Return what a run has kept, without date and time in front of the names."""
    return {file.name.split("-", 4)[4]: file.read_text() for file in folder.iterdir()}


def test_the_exit_status_is_the_worst_and_no_failure_stops_the_rest(run, tmp_path, capsys):
    status = run(
        Step("tests", says("exit(5)"), also_good=5),
        Step("calibrate", says("print('measured'); exit(2)")),
        Step("validate", says("exit(1)")),
        Step("overhead", says("print('cheap')")),
    )
    (folder,) = tmp_path.iterdir()
    kept = kept_in(folder)
    summary = kept.pop("summary.txt")

    assert status == 2
    assert folder.name == "nvidia-h100-80gb-hbm3"
    assert kept == {"tests.txt": "", "calibrate.txt": "measured\n", "validate.txt": "", "overhead.txt": "cheap\n"}
    told = capsys.readouterr().out.splitlines()[-5:]
    assert [line.rsplit(maxsplit=2)[0] for line in told[:4]] == [
        "gpu: tests      passed",
        "gpu: calibrate  FAILED (2)",
        "gpu: validate   FAILED (1)",
        "gpu: overhead   passed",
    ]
    assert told[4] == f"gpu: results are in {folder}"
    assert summary.splitlines() == told[:4]


def test_a_second_run_keeps_what_the_first_has_kept(run, tmp_path):
    for said in ("first", "second"):
        run(Step("overhead", says(f"print({said!r})")), device="NVIDIA T4")
    files = (tmp_path / "nvidia-t4").glob("*-overhead.txt")

    assert sorted(file.read_text() for file in files) == ["first\n", "second\n"]


def test_a_step_that_a_signal_ended_has_failed(run):
    assert run(Step("tests", says("import os; os.kill(os.getpid(), 9)"))) == 128 + 9


def test_without_a_gpu_the_steps_are_rehearsed_and_nothing_is_kept(run, tmp_path, capsys):
    status = run(Step("overhead", says("print('cheap')")), device=None, is_kept=False)

    assert (status, [*tmp_path.iterdir()]) == (0, [])
    assert "its results say nothing of a GPU, and are not kept" in capsys.readouterr().out


def test_a_rehearsal_is_kept_where_results_are_asked_for(run, tmp_path, capsys):
    status = run(Step("overhead", says("print('cheap')")), device=None)
    told = capsys.readouterr().out

    assert status == 0
    assert kept_in(tmp_path / "rehearsal")["overhead.txt"] == "cheap\n"
    assert "there is NO GPU here that CuPy can use: this is a rehearsal" in told
    assert "not kept" not in told


def test_one_step_can_be_chosen(run, capsys):
    run(Step("tests", says("print('tested')")), Step("overhead", says("print('cheap')")), arguments=("--only", "tests"))
    told = capsys.readouterr().out

    assert ("tested" in told, "cheap\n" in told) == (True, False)


def test_the_files_of_a_validation_are_put_beside_the_others(tmp_path):
    made = tmp_path / "2026-01-01-120000-validation"
    made.mkdir()
    for name in ("validation.txt", "validation.json", "validation.html"):
        (made / name).write_text(name)
    on_gpu._flatten(tmp_path, "2026-01-01-120000")

    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "2026-01-01-120000-validation.txt": "validation.txt",
        "2026-01-01-120000-validation.json": "validation.json",
        "2026-01-01-120000-validation.html": "validation.html",
    }


@pytest.mark.parametrize(("is_on_gpu", "device", "storage"), [(True, "gpu", "cupy"), (False, "cpu", "numpy")])
def test_the_steps_are_tests_calibration_validation_and_overhead(tmp_path, is_on_gpu, device, storage):
    made = steps(tmp_path, "2026-01-01-120000", on_gpu=is_on_gpu, quick=True)

    assert [step.name for step in made] == ["tests", "calibrate", "validate", "overhead"]
    assert all(step.command[:2] == (sys.executable, "-m") for step in made)
    assert made[1].command[made[1].command.index("--device") + 1] == device
    assert made[3].command[made[3].command.index("--storage") + 1] == storage
    assert made[1].command[5] == made[2].command[4], "what is calibrated is what is validated"
    assert all(step.command[-1] == "--quick" for step in made[1:])


def options(step: Step) -> dict[str, str]:
    """Return the limits that a step is given."""
    command = step.command
    return {name: value for name, value in pairwise(command) if name.startswith("--most-")}


def test_on_a_gpu_predictions_and_overheads_have_limits(tmp_path):
    _, _, validate, overhead = steps(tmp_path, "2026-01-01-120000", on_gpu=True, quick=False)

    assert options(validate) == {"--most-mean-error": "5", "--most-error": "15"}
    assert options(overhead) == {"--most-slowdown": "5", "--most-overhead": "10"}


def test_a_rehearsal_has_no_limits(tmp_path):
    made = steps(tmp_path, "2026-01-01-120000", on_gpu=False, quick=True)

    assert [options(step) for step in made] == [{}, {}, {}, {}]


@pytest.fixture
def lacking(monkeypatch):
    """Say what is missing where there is all but some modules, CUDA libraries and programs."""

    def call(*, modules: Sequence[str] = (), libraries: Sequence[str] = (), programs: Sequence[str] = ()) -> list[str]:
        monkeypatch.setattr(on_gpu, "find_spec", lambda module: None if module in modules else object())
        monkeypatch.setattr(on_gpu, "_runs", lambda code: not any(library in code for library in libraries))
        monkeypatch.setattr(on_gpu.shutil, "which", lambda name, path=None: None if name in programs else name)
        return [*missing()]

    return call


def test_missing_modules_are_named_with_their_purpose(lacking):
    assert lacking(modules=("cupy", "pytest"), libraries=("nvrtc",)) == [
        f"{sys.executable} has no module cupy, which is needed for a GPU",
        f"{sys.executable} has no module pytest, which is needed for the tests",
    ]


def test_libraries_of_cuda_that_cannot_be_loaded_are_named_with_their_purpose(lacking):
    assert lacking(libraries=("nvrtc", "cublas", "cufft", "cusolver")) == [
        "CuPy cannot load the CUDA library nvrtc, which is needed for all kernels",
        "CuPy cannot load the CUDA library cublas, which is needed for products of matrices",
        "CuPy cannot load the CUDA library cufft, which is needed for Fourier transforms",
        "CuPy cannot load the CUDA library cusolver, which is needed for linear algebra",
    ]


def test_what_is_optional_is_named_as_such(lacking):
    assert lacking(modules=("plotly", "cuda.core"), programs=("compute-sanitizer",)) == [
        f"{sys.executable} has no module plotly; it is optional, for the plot of the validation",
        f"{sys.executable} has no module cuda.core; it is optional, for multiprocessors of one's own",
        "there is no compute-sanitizer; it is optional, for the tests that look for races",
    ]


def test_a_part_of_a_package_that_is_not_there_is_missing():
    assert not on_gpu._has("no_such_package.part")


def test_a_library_is_there_if_what_loads_it_runs():
    assert [on_gpu._runs(code) for code in ("import json", "raise ImportError")] == [True, False]


def test_a_card_gives_its_name_to_a_folder():
    assert slug("NVIDIA H100 80GB HBM3") == "nvidia-h100-80gb-hbm3"
    assert slug("Tesla V100-SXM2-32GB (rev 1)") == "tesla-v100-sxm2-32gb-rev-1"
