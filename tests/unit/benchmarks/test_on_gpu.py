"""One command does everything on a machine with a GPU, and each step goes on where another failed."""

from __future__ import annotations

import sys

import pytest

from benchmarks import on_gpu
from benchmarks.on_gpu import Step, main, missing, slug, steps


def says(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run steps of one's own as if on a device, and return the status."""

    def call(*made: Step, device: str | None = "NVIDIA H100 80GB HBM3", arguments: tuple[str, ...] = ()) -> int:
        monkeypatch.setattr(on_gpu, "found_device", lambda: device)
        monkeypatch.setattr(on_gpu, "steps", lambda folder, *, on_gpu, quick: made)
        return main(["--results", str(tmp_path), *arguments])

    return call


def test_the_exit_status_is_the_worst_and_no_failure_stops_the_rest(run, tmp_path, capsys):
    status = run(
        Step("tests", says("exit(5)"), also_good=5),
        Step("calibrate", says("print('measured'); exit(2)")),
        Step("validate", says("exit(1)")),
        Step("overhead", says("print('cheap')")),
    )
    (folder,) = tmp_path.iterdir()
    kept = {file.name.partition("-")[2].partition("-")[2][3:]: file.read_text() for file in folder.iterdir()}

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


def test_a_step_that_a_signal_ended_has_failed(run):
    assert run(Step("tests", says("import os; os.kill(os.getpid(), 9)"))) == 128 + 9


def test_without_a_gpu_the_steps_are_rehearsed_and_nothing_is_kept(run, tmp_path, capsys):
    status = run(Step("overhead", says("print('cheap')")), device=None)

    assert (status, [*tmp_path.iterdir()]) == (0, [])
    assert "there is NO GPU here that CuPy can use: this is a rehearsal" in capsys.readouterr().out


def test_one_step_can_be_chosen(run, capsys):
    run(Step("tests", says("print('tested')")), Step("overhead", says("print('cheap')")), arguments=("--only", "tests"))
    told = capsys.readouterr().out

    assert ("tested" in told, "cheap\n" in told) == (True, False)


def test_the_files_of_a_validation_are_put_beside_the_others(run, tmp_path):
    code = (
        "from pathlib import Path; import sys; made = Path(sys.argv[1]) / 'nvidia-t4' / '2026-01-01-validation'; "
        "made.mkdir(); (made / 'validation.txt').write_text('x'); (made / 'validation.html').write_text('y')"
    )
    run(Step("validate", (*says(code), str(tmp_path))), device="NVIDIA T4")
    names = {file.name for file in (tmp_path / "nvidia-t4").iterdir()}

    assert {name for name in names if "validat" in name and not name.endswith("-validate.txt")} == {
        "2026-01-01-validation.txt"
    }


@pytest.mark.parametrize(("is_on_gpu", "device", "storage"), [(True, "gpu", "cupy"), (False, "cpu", "numpy")])
def test_the_steps_are_tests_calibration_validation_and_overhead(tmp_path, is_on_gpu, device, storage):
    made = steps(tmp_path, on_gpu=is_on_gpu, quick=True)

    assert [step.name for step in made] == ["tests", "calibrate", "validate", "overhead"]
    assert all(step.command[:2] == (sys.executable, "-m") for step in made)
    assert made[1].command[made[1].command.index("--device") + 1] == device
    assert made[3].command[made[3].command.index("--storage") + 1] == storage
    assert made[1].command[5] == made[2].command[4], "what is calibrated is what is validated"
    assert all(step.command[-1] == "--quick" for step in made[1:])


def test_missing_modules_are_named_with_their_purpose(monkeypatch):
    monkeypatch.setattr(on_gpu, "find_spec", lambda module: None if module in ("cupy", "pytest") else object())

    assert [*missing()] == [
        f"{sys.executable} has no module cupy, which is needed for a GPU",
        f"{sys.executable} has no module pytest, which is needed for the tests",
    ]


def test_a_card_gives_its_name_to_a_folder():
    assert slug("NVIDIA H100 80GB HBM3") == "nvidia-h100-80gb-hbm3"
    assert slug("Tesla V100-SXM2-32GB (rev 1)") == "tesla-v100-sxm2-32gb-rev-1"
