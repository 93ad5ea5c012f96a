"""Steps end in time, and what they have printed until then is kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from benchmarks import steps
from benchmarks.steps import TOO_LONG, Budget, Done, Step, run, run_all

HANGS = "import time\nprint('begun', flush=True)\ntime.sleep(60)"
DEAF = f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{HANGS}"
WITH_A_CHILD = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {DEAF!r}])
print(child.pid, flush=True)
child.wait()
"""


def step(code: str, name: str = "work", **options: object) -> Step:
    return Step(name, (sys.executable, "-c", code), **options)


def test_a_step_that_ends_in_time_is_kept_with_its_status(tmp_path, capsys):
    done = run(step("print('a'); print('b'); exit(3)"), tmp_path / "out.txt", 60)

    assert (done.status, (tmp_path / "out.txt").read_text()) == (3, "a\nb\n")
    assert capsys.readouterr().out.endswith("\na\nb\n")


def test_a_status_may_be_as_good_as_none(tmp_path):
    assert run(step("exit(5)", also_good=5), tmp_path / "out.txt", 60).status == 0


def test_a_step_that_a_signal_ended_has_failed(tmp_path):
    assert run(step("import os; os.kill(os.getpid(), 9)"), tmp_path / "out.txt", 60).status == 128 + 9


def test_a_step_that_takes_too_long_is_interrupted_and_what_it_has_printed_is_kept(tmp_path):
    start = monotonic()
    done = run(step(HANGS), tmp_path / "out.txt", 0.5)
    kept = (tmp_path / "out.txt").read_text().splitlines()

    assert (done.status, kept[0]) == (TOO_LONG, "begun")
    assert "KeyboardInterrupt" in kept, "it may say what it has"
    assert kept[-1] == "ended after 0 s, which is its limit"
    assert monotonic() - start < 30


def test_a_step_that_does_not_heed_an_interrupt_is_killed_with_all_that_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "GRACE_S", 0.5)
    done = run(step(WITH_A_CHILD), tmp_path / "out.txt", 0.5)
    child = int((tmp_path / "out.txt").read_text().split()[0])

    assert done.status == TOO_LONG
    assert is_gone(child)


def test_no_step_goes_on_where_the_work_itself_is_ended(tmp_path):
    class Stopped(Exception):
        pass

    started = []

    def begin():
        with steps._started(step(HANGS)) as process:
            started.append(process)
            assert process.stdout.readline() == "begun\n"
            raise Stopped

    with pytest.raises(Stopped):
        begin()

    assert [process.returncode for process in started] == [-9]


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended; one that nobody has waited for yet is a zombie."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        sleep(0.05)
    return False


def test_what_is_printed_is_in_the_file_before_the_step_ends(tmp_path):
    kept = tmp_path / "out.txt"
    code = f"print('first')\nimport time\nwhile 'first' not in open({str(kept)!r}).read(): time.sleep(0.01)"

    assert run(step(code), kept, 60).status == 0


def test_with_no_budget_each_step_has_its_own_limit():
    assert Budget(None).limit_s(step("", limit_s=77)) == 77


def test_steps_share_a_budget_and_keep_time_to_end(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(steps, "monotonic", lambda: now[0])
    budget, found = Budget(600), []
    for passed_s in (0, 250, 300, 36):
        now[0] += passed_s
        found.append(budget.limit_s(step("", limit_s=300)))

    assert found == [300, 300, 40, 0]


def test_the_last_step_may_take_all_that_is_left(monkeypatch):
    monkeypatch.setattr(steps, "monotonic", lambda: 100.0)

    assert Budget(600).limit_s(step("", limit_s=300), is_last=True) == 590


def test_a_step_for_which_no_time_is_left_is_not_begun(tmp_path):
    made = [step("print(1)", "first"), step("print(2)", "second")]
    (first, second) = run_all(made, tmp_path, "now", Budget(3))

    assert (first.status, second.status) == (TOO_LONG, TOO_LONG)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("status", "seconds", "row"),
    [
        (0, 1.25, "gpu: work       passed           1.2 s"),
        (2, 61.0, "gpu: work       FAILED (2)      61.0 s"),
        (124, 300.0, "gpu: work       TOO LONG, ended after 300 s   300.0 s"),
        (124, 0.0, "gpu: work       NOT BEGUN, no time was left     0.0 s"),
    ],
)
def test_the_row_of_a_step_says_how_it_ended(status, seconds, row):
    assert Done(step(""), status, seconds, 300.0).row() == row
