"""`simgpu smi`: what people and programs see of the cards that programs share."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from simgpu import cli
from simgpu.cards import CardKey, CardUse, ClaimRequest, DeviceUse, ProcessUse
from simgpu.cli.smi import show_cards
from simgpu.environment import shared_cards
from tests.unit.cards.fleet import GIB, ROOT

CARD = CardKey("GPU-dc7066ab", "host0/GPU:0", "generic-4GiB", 4 * GIB)
GPU = "/job:localhost/replica:0/task:0/device:GPU:{}"


@pytest.fixture(autouse=True)
def directory(monkeypatch, tmp_path):
    monkeypatch.setenv("SIMGPU_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr(sys, "argv", ["/home/me/train.py"])
    return tmp_path / "run"


@pytest.fixture
def simgpu(capsys):
    def call(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(arguments)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def claims():
    cards = shared_cards()
    claims = cards.claim_all(
        [ClaimRequest(CARD, GPU.format(0), 2 * GIB), ClaimRequest(CARD, GPU.format(1), 2 * GIB, GIB)]
    )
    claims[0].report(3 * 2**20, 2**29)
    yield claims
    cards.release_all(claims)


def test_who_holds_what_is_shown_by_card_program_and_device(simgpu, monkeypatch):
    train = ProcessUse(4242, "train.py", (DeviceUse(GPU.format(0), 2 * GIB, 3 * GIB, 3 * 2**20, 2**29),))
    serve = ProcessUse(77, "serve.py", (DeviceUse("/job:worker/replica:0/task:1/device:GPU:9", 0, GIB, 0, 0),))
    monkeypatch.setattr("simgpu.cards.SharedCards.snapshot", lambda cards: (CardUse(CARD, (serve, train)),))

    assert simgpu("smi") == (
        0,
        """\
Cards
+-------------+--------------+--------------+--------+---------+-----------+-------+
| Card        | Model        | UUID         | Memory | Claimed | Claimed % |  Free |
+-------------+--------------+--------------+--------+---------+-----------+-------+
| host0/GPU:0 | generic-4GiB | GPU-dc7066ab |  4 GiB |   2 GiB |    50.0 % | 2 GiB |
+-------------+--------------+--------------+--------+---------+-----------+-------+

Programs
+-------------+------+----------+--------------------------+-------+---------+---------+-------+
| Card        |  PID | Program  | Device                   |  Used |    Peak | Claimed | Limit |
+-------------+------+----------+--------------------------+-------+---------+---------+-------+
| host0/GPU:0 |   77 | serve.py | /job:worker/task:1/GPU:9 |   0 B |     0 B |     0 B | 1 GiB |
| host0/GPU:0 | 4242 | train.py | GPU:0                    | 3 MiB | 512 MiB |   2 GiB | 3 GiB |
+-------------+------+----------+--------------------------+-------+---------+---------+-------+
""",
        "",
    )


def test_what_lies_outside_of_all_claims_is_shown_where_a_program_has_seen_it(simgpu, monkeypatch):
    train = ProcessUse(4242, "train.py", (DeviceUse(GPU.format(0), 2 * GIB, 3 * GIB, 3 * 2**20, 2**29),))
    uses = CardUse(CARD, (train,), 700 * 2**20), CardUse(replace(CARD, name="host0/GPU:1"), (train,))
    monkeypatch.setattr("simgpu.cards.SharedCards.snapshot", lambda cards: uses)
    _, out, _ = simgpu("smi")
    shown = [card["outside_bytes"] for card in json.loads(simgpu("smi", "--json")[1])["cards"]]

    assert (
        out.partition("\n\n")[0]
        == """\
Cards
+-------------+--------------+--------------+--------+---------+-----------+-------+---------+
| Card        | Model        | UUID         | Memory | Claimed | Claimed % |  Free | Outside |
+-------------+--------------+--------------+--------+---------+-----------+-------+---------+
| host0/GPU:0 | generic-4GiB | GPU-dc7066ab |  4 GiB |   2 GiB |    50.0 % | 2 GiB | 700 MiB |
| host0/GPU:1 | generic-4GiB | GPU-dc7066ab |  4 GiB |   2 GiB |    50.0 % | 2 GiB |       - |
+-------------+--------------+--------------+--------+---------+-----------+-------+---------+"""
    )
    assert shown == [700 * 2**20, None]


def test_the_same_can_be_had_as_json(simgpu, claims, directory):
    status, out, err = simgpu("smi", "--json")

    data = json.loads(out)
    assert (status, err) == (0, "")
    assert data == {
        "format": 1,
        "ledger": str(shared_cards().path),
        "cards": [
            {
                "card": "host0/GPU:0",
                "model": "generic-4GiB",
                "uuid": "GPU-dc7066ab",
                "total_bytes": 4 * GIB,
                "claimed_bytes": 3 * GIB,
                "free_bytes": GIB,
                "outside_bytes": None,
                "processes": [
                    {
                        "pid": os.getpid(),
                        "program": "train.py",
                        "devices": [
                            {
                                "device": GPU.format(0),
                                "used_bytes": 3 * 2**20,
                                "peak_bytes": 2**29,
                                "claimed_bytes": 2 * GIB,
                                "limit_bytes": 2 * GIB,
                            },
                            {
                                "device": GPU.format(1),
                                "used_bytes": 0,
                                "peak_bytes": 0,
                                "claimed_bytes": GIB,
                                "limit_bytes": 2 * GIB,
                            },
                        ],
                    }
                ],
            }
        ],
    }


def test_where_nobody_holds_anything_it_says_so_and_makes_nothing(simgpu, directory):
    path = shared_cards().path

    assert simgpu("smi") == (0, f"No program holds memory of a card. (Ledger: {path})\n", "")
    assert json.loads(simgpu("smi", "--json")[1]) == {"format": 1, "ledger": str(path), "cards": []}
    assert not directory.exists()


def test_watching_shows_it_again_and_again_until_it_is_interrupted(capsys, claims):
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        claims[1].release()
        if len(pauses) == 3:
            raise KeyboardInterrupt

    show_cards(watch=True, seconds=0.5, json=True, pause=pause)

    views = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert pauses == [0.5] * 3
    assert [view["cards"][0]["claimed_bytes"] // GIB for view in views] == [3, 2, 2]


def test_each_view_of_a_watched_table_begins_with_the_time(capsys):
    def pause(seconds: float) -> None:
        raise KeyboardInterrupt

    show_cards(watch=True, seconds=None, json=False, pause=pause)

    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\nNo program holds .*\n", capsys.readouterr().out)


def test_control_c_ends_watching_as_it_should_end():
    command = [sys.executable, "-m", "simgpu", "smi", "--watch", "0.05", "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        views = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)

    assert [json.loads(view)["cards"] for view in views] == [[], []]
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["2"], "2 seconds mean something with --watch only; write simgpu smi --watch 2"),
        (["--watch", "0"], "--watch 0: give 0.05 to 86400 seconds"),
        (["--watch", "nan"], "--watch nan: give 0.05 to 86400 seconds"),
        (["--watch", "inf"], "--watch inf: give 0.05 to 86400 seconds"),
    ],
)
def test_intervals_that_cannot_be_meant_are_refused(simgpu, arguments, message):
    assert simgpu("smi", *arguments) == (2, "", f"simgpu: error: {message}\n")


def test_a_directory_that_is_not_safe_is_one_line_and_status_2(simgpu, directory, claims):
    directory.chmod(0o755)
    status, out, err = simgpu("smi")
    directory.chmod(0o700)

    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"simgpu: error: {directory}: the directory where programs share cards is open to other")


def test_a_damaged_ledger_is_a_warning_on_stderr(simgpu, claims):
    path = shared_cards().path
    path.write_bytes(b"nonsense" * 1000)
    status, out, err = simgpu("smi")

    assert (status, out) == (0, f"No program holds memory of a card. (Ledger: {path})\n")
    assert err.startswith(f"simgpu: warning: {path}: the ledger of cards was damaged (file is not a database)")
    assert err.count("\n") == 1
