from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from simgpu.cards import Owner, SystemProcesses
from simgpu.cards.processes import program_name

PROCESSES = SystemProcesses()


@pytest.fixture
def no_proc(tmp_path):
    return SystemProcesses(tmp_path / "none")


@pytest.fixture
def child():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def owner_of(pid):
    boot, started = PROCESSES.owner().boot, PROCESSES._started(pid)
    return Owner(boot, pid, started, 0, "child")


def test_this_process_is_alive():
    me = PROCESSES.owner()

    assert (me.pid, me.boot != "", me.started != "") == (os.getpid(), True, True)
    assert PROCESSES.owner() == me
    assert PROCESSES.is_alive(me)


def test_what_this_process_was_before_it_replaced_itself_is_dead():
    me = PROCESSES.owner()

    assert not PROCESSES.is_alive(replace(me, loaded=me.loaded - 1))


def test_a_child_is_alive_until_it_is_killed_not_until_somebody_waits_for_it(child):
    owner = owner_of(child.pid)
    before = PROCESSES.is_alive(owner)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert (before, PROCESSES.is_alive(owner)) == (True, False)


def test_the_same_pid_with_another_start_or_another_boot_is_another_process(child):
    owner = owner_of(child.pid)

    assert not PROCESSES.is_alive(replace(owner, started="1"))
    assert not PROCESSES.is_alive(replace(owner, boot="another"))


def test_names_with_spaces_and_parentheses_do_not_hide_the_start(tmp_path):
    proc = tmp_path / "proc"
    (proc / "7").mkdir(parents=True)
    (proc / "self").symlink_to(str(os.getpid()))
    (proc / "7" / "stat").write_text(f"7 (a) b (c) S {' '.join(map(str, range(4, 53)))}\n")

    assert SystemProcesses(proc)._started(7) == "22"


def test_without_proc_a_process_that_takes_signals_is_alive(no_proc, child):
    owner = Owner("", child.pid, "", 0, "child")
    before = no_proc.is_alive(owner)
    child.kill()
    child.wait()

    assert (before, no_proc.is_alive(owner)) == (True, False)
    assert no_proc.is_alive(no_proc.owner())
    assert (no_proc.owner().boot, no_proc.owner().started, no_proc.scope()) == ("", "", "")


def test_a_process_of_another_user_is_alive(no_proc, monkeypatch):
    def refuse(pid, signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)

    assert no_proc.is_alive(Owner("", 1, "", 0, ""))


def test_proc_of_another_pid_namespace_is_not_believed(tmp_path):
    (tmp_path / "self").symlink_to(str(os.getpid() + 1))
    (tmp_path / str(os.getpid())).mkdir()
    (tmp_path / str(os.getpid()) / "stat").write_text(" ".join(map(str, range(53))))

    assert SystemProcesses(tmp_path).owner().started == ""


def test_the_scope_is_the_pid_namespace():
    assert PROCESSES.scope() == os.readlink("/proc/self/ns/pid")[5:-1]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["/home/me/train.py", "--fast"], "train.py"),
        (["/venv/lib/simgpu/__main__.py"], "simgpu"),
        (["-c"], "python"),
        ([""], "python"),
        ([], "python"),
        (["bad\n\x1b[31mname"], "bad??[31mname"),
        (["x" * 100], "x" * 60),
        (["\udcff.py"], "?.py"),
    ],
)
def test_a_program_is_named_for_people(arguments, name):
    assert program_name(arguments) == name
