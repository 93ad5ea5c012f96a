from __future__ import annotations

import contextlib
import os

import pytest

from tests.unit.cards.fleet import Fleet, spawn


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def fleet(directory):
    return Fleet(directory)


@pytest.fixture
def start(directory):
    """Start programs that say when they are ready; whatever still runs at the end is killed."""
    with contextlib.ExitStack() as stack:

        def started(program: str, *, is_waiting: bool = True):
            process = stack.enter_context(spawn(directory, program))
            stack.callback(process.kill)
            if is_waiting and (line := process.stdout.readline()) != "ready\n":
                pytest.fail(f"the program says {line!r}: {process.stderr.read()}")
            return process

        yield started


@pytest.fixture
def as_ordinary_user(monkeypatch):
    """Let the user be one that directories do not belong to."""
    other = os.geteuid() + 1
    monkeypatch.setattr("simgpu.cards.place.os.geteuid", lambda: other)
    return other
