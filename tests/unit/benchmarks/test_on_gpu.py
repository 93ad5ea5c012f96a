"""One command does everything on a machine with a GPU, and each step goes on where another failed."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import on_gpu
from benchmarks.carried import Plan
from benchmarks.on_gpu import main, slug, steps
from benchmarks.steps import Step


def says(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run steps of one's own as if on a device, and return the status."""

    asked = []

    def call(
        *made: Step,
        device: str | None = "NVIDIA H100 80GB HBM3",
        arguments: tuple[str, ...] = (),
        is_kept: bool = True,
        card: str | None = None,
    ) -> int:
        monkeypatch.setattr(on_gpu, "RESULTS", tmp_path)
        monkeypatch.setattr(on_gpu, "found_device", lambda: (device, "no driver"))
        monkeypatch.setattr(on_gpu, "seen_card", lambda: card)
        monkeypatch.setattr(on_gpu, "missing", lambda: ())
        monkeypatch.setattr(on_gpu, "steps", lambda folder, stamp, **options: asked.append(options) or made)
        return main([*(("--results", str(tmp_path)) if is_kept else ()), *arguments])

    call.asked = asked
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


def test_the_summary_is_written_anew_after_each_step(run, tmp_path):
    seen = "import pathlib; print([it.read_text() for it in pathlib.Path({!r}).glob('nvidia-t4/*-summary.txt')])"
    run(Step("tests", says("exit(3)")), Step("overhead", says(seen.format(str(tmp_path)))), device="NVIDIA T4")
    (said,) = (file.read_text() for file in tmp_path.glob("nvidia-t4/*-overhead.txt"))

    assert said.startswith("['gpu: tests      FAILED (3)")


def test_all_steps_share_what_time_is_given(run, capsys):
    status = run(Step("tests", says("print('tested')")), arguments=("--budget", "2"))

    assert status == 124
    assert capsys.readouterr().out.splitlines()[-2] == "gpu: tests      NOT BEGUN, no time was left     0.0 s"


def test_where_there_is_a_card_that_cupy_cannot_use_nothing_is_rehearsed(run, tmp_path, capsys):
    status = run(Step("overhead", says("print('cheap')")), device=None, card="/dev/nvidia0")

    assert (status, [*tmp_path.iterdir()]) == (1, [])
    assert capsys.readouterr().out.splitlines() == [
        "gpu: there is a card (/dev/nvidia0), and CuPy cannot use it: no driver",
        "gpu: nothing was run; --rehearse runs the steps on the CPU all the same",
    ]


def test_a_card_that_cannot_be_used_may_be_left_alone_on_purpose(run, tmp_path):
    status = run(Step("overhead", says("print(1)")), device=None, card="/dev/nvidia0", arguments=("--rehearse",))

    assert status == 0
    assert kept_in(tmp_path / "rehearsal")["overhead.txt"] == "1\n"


def test_a_rehearsal_is_always_quick_and_the_tests_selected_are_passed_on(run):
    run(device=None, arguments=("--select", "limits and not grows"))
    run(arguments=("--quick",))
    run()

    assert run.asked == [
        {"on_gpu": False, "quick": True, "select": "limits and not grows"},
        {"on_gpu": True, "quick": True, "select": ""},
        {"on_gpu": True, "quick": False, "select": ""},
    ]


def test_packages_from_wheels_are_there_for_what_is_missing_and_for_the_steps(run, monkeypatch, capsys):
    plan = Plan(told=["told"], lacking=["little"])
    monkeypatch.setattr(on_gpu, "carried", {Path("some/folder"): nullcontext(plan)}.__getitem__)
    run(arguments=("--wheels", "some/folder"))

    assert capsys.readouterr().out.splitlines()[:2] == ["gpu: told", "gpu: little"]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("print('NVIDIA T4')", ("NVIDIA T4", "")),
        ("raise OSError('no driver')", (None, "OSError: no driver")),
        ("exit(3)", (None, "exit status 3")),
    ],
)
def test_a_device_is_found_or_it_is_said_why_not(monkeypatch, code, found):
    monkeypatch.setattr(on_gpu, "_FIND_DEVICE", code)

    assert on_gpu.found_device() == found


def test_a_signal_to_end_ends_the_work_as_an_exception_does():
    with pytest.raises(SystemExit) as caught:
        on_gpu._end_in_order(15, None)

    assert caught.value.code == 143


def test_a_second_run_keeps_what_the_first_has_kept(run, tmp_path):
    for said in ("first", "second"):
        run(Step("overhead", says(f"print({said!r})")), device="NVIDIA T4")
    files = (tmp_path / "nvidia-t4").glob("*-overhead.txt")

    assert sorted(file.read_text() for file in files) == ["first\n", "second\n"]


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
def test_the_steps_are_kernels_tests_overhead_calibration_and_validation(tmp_path, is_on_gpu, device, storage):
    made = steps(tmp_path, "2026-01-01-120000", on_gpu=is_on_gpu, quick=True)

    assert [step.name for step in made] == ["kernels", "tests", "overhead", "calibrate", "validate"]
    assert all(step.command[:2] == (sys.executable, "-m") for step in made)
    assert made[3].command[made[3].command.index("--device") + 1] == device
    for place in (0, 2):
        assert made[place].command[made[place].command.index("--storage") + 1] == storage
    assert made[3].command[5] == made[4].command[4], "what is calibrated is what is validated"
    assert all(step.command[-1] == "--quick" for step in made[2:])


def options(step: Step) -> dict[str, str]:
    """Return the limits that a step is given."""
    command = step.command
    return {name: value for name, value in pairwise(command) if name.startswith("--most-")}


def test_some_tests_can_be_selected(tmp_path):
    tests = [steps(tmp_path, "now", on_gpu=True, quick=False, select=it)[1].command for it in ("", "limits or order")]

    assert "-k" not in tests[0]
    assert tests[1][-3:] == ("-k", "limits or order", "tests/gpu")


def test_on_a_gpu_predictions_and_overheads_have_limits(tmp_path):
    _, _, overhead, _, validate = steps(tmp_path, "2026-01-01-120000", on_gpu=True, quick=False)

    assert options(validate) == {"--most-mean-error": "5", "--most-error": "15"}
    assert options(overhead) == {"--most-slowdown": "5", "--most-overhead": "10"}


def test_a_rehearsal_has_no_limits(tmp_path):
    made = steps(tmp_path, "2026-01-01-120000", on_gpu=False, quick=True)

    assert [options(step) for step in made] == [{}, {}, {}, {}, {}]


def test_a_card_gives_its_name_to_a_folder():
    assert slug("NVIDIA H100 80GB HBM3") == "nvidia-h100-80gb-hbm3"
    assert slug("Tesla V100-SXM2-32GB (rev 1)") == "tesla-v100-sxm2-32gb-rev-1"
