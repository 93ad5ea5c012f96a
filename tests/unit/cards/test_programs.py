"""Real programs that share cards: side by side, killed, forked, and many at once."""

from __future__ import annotations

import os
import signal

import pytest

from simgpu.cards import SharedCards
from simgpu.cards.rows import read_rows
from simgpu.errors import OutOfDeviceMemory
from tests.unit.cards.fleet import CARDS, GIB, PRELUDE, hold, request, sizes

HOLD = "claims = hold(cards); wait()"
SIDE_BY_SIDE = 8
TIMES = 200


@pytest.fixture
def cards(directory):
    return SharedCards(directory)


def ended(process):
    """Return exit status, stdout and stderr of a program that is told to end."""
    out, err = process.communicate("\n", timeout=60)
    return process.returncode, out, err


def test_two_programs_run_side_by_side_and_a_third_is_refused_until_one_ends(start):
    first, second = start(HOLD), start(HOLD)

    status, out, err = ended(start("hold(cards)", is_waiting=False))
    third = err.splitlines()[-1]

    assert (status, out) == (1, "")
    assert third.startswith(
        "simgpu.errors.OutOfDeviceMemory: card host0/GPU:0 (generic-4GiB, GPU-0): out of memory: python (pid "
    )
    low, high = sorted((first.pid, second.pid))
    assert third.endswith(
        f") asked for 2 GiB for GPU:0; 0 B of 4 GiB are free; held by: python (pid {low}) with GPU:0 2 GiB; "
        f"python (pid {high}) with GPU:0 2 GiB; three cures: give each program a memory limit "
        "(set_logical_device_configuration), let its memory grow with its need (set_memory_growth), or give it other "
        "cards (CUDA_VISIBLE_DEVICES)"
    )
    assert ended(first) == ended(start(HOLD)) == ended(second) == (0, "", "")


def test_what_a_killed_program_held_can_be_had_at_once_though_nobody_has_waited_for_it(start, cards):
    process = start("claims = hold(cards, 4 * GIB); wait()")
    with pytest.raises(OutOfDeviceMemory):
        hold(cards)
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the table of processes

    with cards.claim(request(0, 4 * GIB)):
        assert sizes(cards).keys() == {(0, cards._processes.owner().program)}


def test_a_program_killed_within_a_transaction_leaves_the_ledger_whole(start, cards):
    process = start("""
import signal
from dataclasses import replace
from simgpu.cards import rows, shared
def insert(connection, new):
    connection.execute("PRAGMA cache_size = 1")  # what does not fit is written to the file before the transaction ends
    rows.insert(connection, [replace(new[0], number=number, slot=number) for number in range(9, 2000)])
    os.kill(os.getpid(), signal.SIGKILL)
claims = hold(cards, GIB)
shared.insert = insert
print("ready", flush=True)
hold(cards)
""")
    process.wait(timeout=60)

    assert process.returncode == -signal.SIGKILL
    assert cards.path.with_name(f"{cards.path.name}-journal").stat().st_size > 0
    assert len(cards._ledger.change_if_there(read_rows)) == 4
    assert cards.snapshot() == ()


def test_a_program_that_forgets_to_release_does_so_at_its_end(start, cards):
    process = start("claims = hold(cards); wait()")

    assert len(sizes(cards)) == 4
    assert ended(process) == (0, "", "")
    assert cards._ledger.change_if_there(read_rows) == []


def test_a_forked_child_neither_releases_nor_uses_what_its_parent_holds(start, cards):
    process = start("""
claim = cards.claim(request(0, GIB, limit_bytes=2 * GIB))
claim.report(3, 4)
child = os.fork()
if child == 0:
    claim.report(9, 9)
    try:
        claim.grow(1)
    except RuntimeError as error:
        print("is a fork" in str(error), flush=True)
    claim.release()
    own = cards.claim(request(1))
    sys.exit(0)
os.waitpid(child, 0)
wait()
""", is_waiting=False)  # fmt: skip

    assert [process.stdout.readline(), process.stdout.readline()] == ["True\n", "ready\n"]
    (use,) = cards.snapshot()
    (program,) = use.processes
    assert (use.card, program.pid) == (CARDS[0], process.pid)
    assert [(device.used_bytes, device.peak_bytes) for device in program.devices] == [(3, 4)]


def test_a_program_that_replaces_itself_does_not_keep_what_it_held(start, cards):
    again = PRELUDE + "claim = cards.claim(request(0, 4 * GIB)); wait()"
    process = start(f"""
cards.claim(request(0, 4 * GIB))
print("claimed", flush=True)
os.execv(sys.executable, [sys.executable, "-c", {again!r}])
""", is_waiting=False)  # fmt: skip

    assert [process.stdout.readline(), process.stdout.readline()] == ["claimed\n", "ready\n"]
    assert sizes(cards) == {(0, "python"): [4 * GIB]}


# What is held is marked by files beside the ledger, so that the count does not rest on what the ledger says.
CROWD = """
import random
from pathlib import Path
from simgpu.errors import OutOfDeviceMemory
marks, chance, refused = Path(os.environ["SIMGPU_RUNTIME_DIR"] + "-marks"), random.Random({seed}), 0
wait()
for turn in range({times}):
    card, size = chance.randrange(2), chance.randint(1, 4)
    try:
        claim = cards.claim(request(card, size * GIB))
    except OutOfDeviceMemory:
        refused += 1
        continue
    mark = marks / f"{{card}}-{{size}}-{{os.getpid()}}"
    mark.touch()
    held = sum(int(path.name.split("-")[1]) for path in marks.glob(f"{{card}}-*"))
    assert held <= 4, held
    mark.unlink()
    claim.release()
print(refused)
"""


def test_many_programs_at_once_never_get_more_than_there_is(start, cards, directory):
    directory.with_name("run-marks").mkdir()
    crowd = [start(CROWD.format(seed=seed, times=TIMES)) for seed in range(SIDE_BY_SIDE)]
    for process in crowd:
        process.stdin.write("\n")
        process.stdin.flush()
    results = [ended(process) for process in crowd]

    assert [(status, err) for status, _, err in results] == [(0, "")] * SIDE_BY_SIDE
    assert 0 < sum(int(out) for _, out, _ in results) < SIDE_BY_SIDE * TIMES
    assert cards.snapshot() == ()
    assert cards._ledger.change_if_there(lambda one: one.execute("PRAGMA integrity_check").fetchall()) == [("ok",)]
