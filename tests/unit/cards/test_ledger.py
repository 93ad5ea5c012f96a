"""What happens to a ledger that is damaged, of another version, or held by a program that does not let go."""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing

import pytest

from simgpu.cards import SharedCards
from simgpu.cards.rows import SCHEMA
from simgpu.errors import CardsError, OutOfDeviceMemory
from tests.unit.cards.fleet import GIB, hold, request, sizes


@pytest.fixture
def cards(fleet):
    """Cards whose ledger holds one claim, of another program."""
    fleet.start(1).claim(request(0, 3 * GIB))
    return fleet.start(2)


def change(cards, *statements):
    with closing(sqlite3.connect(cards.path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def cut(path):
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda path: path.write_bytes(b"not a database" * 100), "file is not a database"),
        (lambda path: path.write_bytes(path.read_bytes()[:100] + bytes(9000)), "database disk image is malformed"),
        (cut, "database disk image is malformed"),
    ],
)
def test_a_damaged_ledger_is_set_aside_with_a_warning_and_a_new_one_is_begun(cards, damage, what):
    damage(cards.path)
    content = cards.path.read_bytes()

    with pytest.warns(RuntimeWarning) as warned:
        cards.claim(request(0, 4 * GIB))

    assert [str(warning.message) for warning in warned] == [
        f"{cards.path}: the ledger of cards was damaged ({what}) and is now cards.sqlite.damaged-1; a new one is "
        "begun, in which programs that already run do not count: restart them if cards are tight"
    ]
    assert cards.path.with_name("cards.sqlite.damaged-1").read_bytes() == content
    assert sizes(cards) == {(0, "p2.py"): [4 * GIB]}


def test_a_look_at_a_damaged_ledger_begins_a_new_one_too(cards):
    cards.path.write_bytes(b"nonsense" * 1000)

    with pytest.warns(RuntimeWarning, match="was damaged"):
        assert cards.snapshot() == ()


def test_damaged_ledgers_are_all_kept(cards):
    for _ in range(2):
        cards.path.write_bytes(b"nonsense" * 1000)
        with pytest.warns(RuntimeWarning):
            cards.claim(request(1, GIB))

    kept = sorted(path.name for path in cards.path.parent.glob("*damaged*"))
    assert kept == ["cards.sqlite.damaged-1", "cards.sqlite.damaged-2"]


def test_a_table_that_is_missing_or_changed_is_damage(cards):
    change(cards, "DROP TABLE claims")

    with pytest.warns(RuntimeWarning, match="no such table: claims"):
        cards.claim(request())


def test_only_one_of_two_programs_sets_a_damaged_ledger_aside(cards, fleet):
    """The second comes too late: what it saw is already aside, and the new ledger must stay."""
    cards.path.write_bytes(b"nonsense" * 1000)
    late = fleet.start(3)
    stale = cards.path.stat()
    with pytest.warns(RuntimeWarning):
        cards.claim(request(0, GIB))
    late._ledger._set_aside((stale.st_dev, stale.st_ino), sqlite3.DatabaseError("late"))

    assert sizes(late) == {(0, "p2.py"): [GIB]}


def test_what_is_held_counts_again_when_it_grows_in_a_new_ledger(cards, fleet):
    old = cards.claim(request(1, GIB, limit_bytes=4 * GIB))
    cards.path.write_bytes(b"nonsense" * 1000)
    with pytest.warns(RuntimeWarning):
        fleet.start(3).claim(request(1, GIB))
    old.grow(GIB)
    old.report(7, 8)

    assert sizes(cards) == {(1, "p2.py"): [2 * GIB], (1, "p3.py"): [GIB]}
    assert [[device.peak_bytes for device in process.devices] for process in cards.snapshot()[0].processes] == [
        [8],
        [0],
    ]
    with pytest.raises(OutOfDeviceMemory):
        old.grow(2 * GIB)


def test_programs_of_a_ledger_set_aside_do_not_write_into_the_figures_of_the_new_one(cards, fleet):
    old = cards.claim(request(1, GIB))
    cards.path.write_bytes(b"nonsense" * 1000)
    with pytest.warns(RuntimeWarning):
        fleet.start(3).claim_all([request(1, 0), request(1, 0)])
    old.report(7, 8)

    (use,) = cards.snapshot()
    assert [device.peak_bytes for process in use.processes for device in process.devices] == [0, 0]


def test_an_empty_file_is_a_new_ledger(fleet, directory):
    directory.mkdir(mode=0o700)
    cards = fleet.start(1)
    cards.path.touch()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cards.claim(request())
    assert len(sizes(cards)) == 1


CURE = "end the programs that use it and remove it, or set SIMGPU_RUNTIME_DIR to another directory"


def test_a_ledger_of_another_version_is_refused_and_stays(cards):
    change(cards, "PRAGMA user_version = 9")
    before = cards.path.read_bytes()

    with pytest.raises(CardsError) as refused:
        hold(cards)

    assert str(refused.value) == (
        f"{cards.path}: the ledger of cards is of version 9, and this simgpu reads version 1; {CURE}"
    )
    assert cards.path.read_bytes() == before


def test_a_database_of_another_program_is_refused_and_stays(fleet, directory):
    directory.mkdir(mode=0o700)
    cards = fleet.start(1)
    change(cards, SCHEMA)
    before = cards.path.read_bytes()

    with pytest.raises(CardsError) as refused:
        cards.claim(request())

    assert str(refused.value) == (
        f"{cards.path}: the ledger of cards was not written by simgpu, and this simgpu reads version 1; {CURE}"
    )
    assert cards.path.read_bytes() == before


def test_a_program_that_does_not_let_go_is_waited_for_and_then_named_as_the_reason(directory):
    cards = SharedCards(directory, busy_s=0.05)
    cards.claim(request())

    with closing(sqlite3.connect(cards.path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(CardsError) as refused:
            cards.claim(request())

    assert str(refused.value) == (
        f"{cards.path}: another program has held the ledger of cards for 0.05 s; try again, or end that program if it "
        "is stopped"
    )


def test_a_release_that_finds_the_ledger_held_is_not_an_error(directory):
    cards = SharedCards(directory, busy_s=0.05)
    claim = cards.claim(request())

    with closing(sqlite3.connect(cards.path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        claim.release()

    assert not claim.is_held


def test_a_full_disk_is_told_in_words(cards, monkeypatch):
    def full(connection, rows):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    monkeypatch.setattr("simgpu.cards.shared.insert", full)
    with pytest.raises(CardsError) as refused:
        cards.claim(request())

    assert str(refused.value) == (
        f"{cards.path}: the ledger of cards cannot be used: database or disk is full; is there room on its disk?"
    )


def test_figures_that_find_no_room_are_told_in_words_and_nothing_is_claimed(cards, monkeypatch):
    def full(descriptor, content, offset):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("simgpu.cards.usage.os.pwrite", full)
    monkeypatch.setattr("simgpu.cards.usage._SLOTS_PER_PAGE", 1)
    usage = cards.path.with_suffix(".usage")
    with pytest.raises(CardsError) as refused:
        cards.claim(request())

    assert str(refused.value) == f"{usage}: cannot be written (No space left on device); is there room on its disk?"
    assert sizes(cards) == {(0, "p1.py"): [3 * GIB]}
